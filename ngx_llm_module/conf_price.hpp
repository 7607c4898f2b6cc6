// What it costs, and on whose account: llm_prices, llm_tag, llm_baseline.
#pragma once

#include "ngx_llm_module/room.hpp"
#include "src/price/table.hpp"
#include "src/watch/watched.hpp"

namespace llm::door {

struct TagEntry {
    ngx_str_t name;
    ngx_http_complex_value_t* value;
};

struct PriceMain {
    watch::Watched<price::Table>* common;  // nullptr: no llm_prices
    watch::Watched<price::Table>* own;     // nullptr: no second file
    bool allow_unpriced;                   // unknown=zero
    ngx_array_t* tag_names;                // ngx_str_t, unique, of llm_tag
};

struct PriceLoc {
    ngx_array_t* tags;                     // TagEntry
    ngx_http_complex_value_t* baseline;    // nullptr: the requested model
};

}  // namespace llm::door
