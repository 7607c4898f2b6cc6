// A room's share of the door: its directives, its variables, its part of the
// configuration. Each room declares one Room in a file of its own and
// module.cpp joins them, so that two rooms never edit one list. A Room is
// constant-initialised: module.cpp reads it while statics are still built.
#pragma once

#include <span>

#include "ngx_llm_module/ngx.hpp"
#include "src/base/clock.hpp"

namespace llm::door {

struct MainConf;
struct LocConf;
struct Context;

// Where a directive stood, for errors that are found after parsing.
struct Place {
    ngx_str_t file;
    ngx_uint_t line;
};

// A variable is read from the request's Context; `get` returns false for
// "not found". It runs only when the request has one.
struct Variable {
    const char* name;
    bool (*get)(ngx_http_request_t* r, Context& ctx,
                ngx_http_variable_value_t* v);
};

struct Room {
    std::span<ngx_command_t> commands;
    std::span<const Variable> (*variables)();
    // Memory is zeroed before; nullptr where there is nothing to do.
    void (*create_main)(MainConf& conf);
    void (*create_loc)(LocConf& conf);
    char* (*merge_loc)(ngx_conf_t* cf, LocConf& prev, LocConf& conf);
    // After the whole configuration is read; every literal is judged here at
    // the latest.
    ngx_int_t (*postconfiguration)(ngx_conf_t* cf, MainConf& conf);
    // In each worker, after the zone is open; and before it ends.
    ngx_int_t (*init_process)(ngx_cycle_t* cycle, MainConf& conf);
    void (*exit_process)(ngx_cycle_t* cycle);
    // In each worker, once a second: watched files, leases, anything that
    // must not wait for a request. Short; what takes longer is posted.
    void (*tick)(ngx_cycle_t* cycle, MainConf& conf, Now now);
};

extern const Room core_room;
extern const Room cache_room;
extern const Room metrics_room;
extern const Room complexity_room;
extern const Room route_room;
extern const Room provider_room;
extern const Room ladder_room;
extern const Room limit_room;
extern const Room price_room;
extern const Room tokens_room;
extern const Room geo_room;
extern const Room alert_room;
extern const Room semantic_room;

}  // namespace llm::door
