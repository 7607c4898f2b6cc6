// Keys, rates and budgets: llm_keys, llm_limit, llm_budget, llm_snapshot.
#pragma once

#include "ngx_llm_module/room.hpp"
#include "src/limit/keys.hpp"
#include "src/limit/rules.hpp"
#include "src/watch/watched.hpp"

namespace llm::door {

// key=, looked through once: most of them are one variable, which need not be
// put together like a text.
struct LimitKey {
    ngx_http_complex_value_t* text;
    ngx_int_t variable;  // its index when it is all of the text, else -1
    bool is_key;         // $llm_key
    bool is_tenant;      // $llm_tenant
    bool of_body;        // names what is not known before the body is
};
LimitKey limit_key(ngx_conf_t* cf, ngx_http_complex_value_t* text);

// One directive. The rule lives in the configuration's pool.
struct LimitEntry {
    const limit::LimitRule* rule;
    LimitKey key;
};

struct BudgetEntry {
    const limit::BudgetRule* rule;
    LimitKey key;
    Place place;
};

struct LimitMain {
    watch::Watched<limit::KeyTable>* keys;  // nullptr: no llm_keys
    ngx_http_complex_value_t* credential;   // nullptr: the usual headers
    ngx_str_t snapshot;                     // llm_snapshot; empty: none
    ngx_msec_t snapshot_interval;
    Place snapshot_place;
    Place keys_place;
    ngx_array_t* texts;     // of all rules: a name means one thing
    bool fail_open;         // llm_limit_fail
    bool fail_set;
    Place place;            // of the first directive that needs a zone
};

struct LimitLoc {
    ngx_array_t* limits;    // LimitEntry
    ngx_array_t* budgets;   // BudgetEntry
};

}  // namespace llm::door
