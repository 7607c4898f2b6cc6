// Who is asked when the first one fails: llm_fallback and the clocks.
#pragma once

#include "ngx_llm_module/ngx.hpp"
#include "ngx_llm_module/room.hpp"

namespace llm::door {

struct LadderMain {};

struct LadderLoc {
    ngx_array_t* models;      // llm_fallback: ngx_http_complex_value_t
    uint32_t on;              // route::FallbackOn
    Place place;
    ngx_msec_t deadline;      // llm_deadline; 0: none
    ngx_msec_t first_byte;    // llm_first_byte_timeout; 0: none
    ngx_msec_t idle;          // llm_idle_timeout; 0: none
    ngx_flag_t cache;         // llm_cache_fallback
};

}  // namespace llm::door
