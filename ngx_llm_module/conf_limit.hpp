// Keys, rates and budgets: llm_keys, llm_limit, llm_budget, llm_snapshot.
#pragma once

#include "ngx_llm_module/room.hpp"
#include "src/limit/keys.hpp"
#include "src/limit/rules.hpp"
#include "src/watch/watched.hpp"

namespace llm::door {

// One directive. The rule lives in the configuration's pool.
struct LimitEntry {
    const limit::LimitRule* rule;
    ngx_http_complex_value_t* key;
};

struct BudgetEntry {
    const limit::BudgetRule* rule;
    ngx_http_complex_value_t* key;
    Place place;
};

struct LimitMain {
    watch::Watched<limit::KeyTable>* keys;  // nullptr: no llm_keys
    ngx_http_complex_value_t* credential;   // nullptr: the usual headers
    ngx_str_t snapshot;                     // llm_snapshot; empty: none
    ngx_msec_t snapshot_interval;
    ngx_cycle_t* cycle;                     // whose user owns the snapshot
    ngx_array_t* texts;     // of all rules: a name means one thing
    bool fail_open;         // llm_limit_fail
    Place place;            // of the first directive that needs a zone
};

struct LimitLoc {
    ngx_array_t* limits;    // LimitEntry
    ngx_array_t* budgets;   // BudgetEntry
};

}  // namespace llm::door
