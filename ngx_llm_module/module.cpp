// The module as nginx sees it: the rooms' tables joined into one.
#include <array>

#include "ngx_llm_module/background.hpp"
#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/conf.hpp"
#include "ngx_llm_module/phases.hpp"
#include "ngx_llm_module/room.hpp"
#include "ngx_llm_module/snapshot.hpp"
#include "ngx_llm_module/stream.hpp"
#include "ngx_llm_module/vars.hpp"
#include "ngx_llm_module/zone.hpp"

namespace llm::door {
namespace {

constexpr const Room* kRooms[] = {
    &core_room,     &cache_room,  &metrics_room, &complexity_room,
    &route_room,    &provider_room, &ladder_room, &limit_room,
    &price_room,    &tokens_room, &geo_room,     &alert_room,
    &semantic_room,
};
constexpr size_t kMaxCommands = 128;

// nginx wants one array that ends in a null command. Room tables are
// constant-initialised, so this runs after them whatever the file order.
struct Commands {
    std::array<ngx_command_t, kMaxCommands> all;

    Commands() : all() {
        size_t n = 0;
        for (const Room* room : kRooms) {
            for (const ngx_command_t& command : room->commands) {
                if (n + 1 < all.size()) {
                    all[n++] = command;
                }
            }
        }
        all[n] = ngx_null_command;
    }
};

Commands commands;

ngx_int_t preconfiguration(ngx_conf_t* cf) {
    return wrap_proxy_pass(cf) == NGX_OK ? add_variables(cf, kRooms)
                                          : NGX_ERROR;
}

ngx_int_t postconfiguration(ngx_conf_t* cf) {
    unwrap_proxy_pass();
    widen_variables_hash(cf);
    for (const Room* room : kRooms) {
        if (room->postconfiguration != nullptr
            && room->postconfiguration(cf, main_conf(cf)) != NGX_OK) {
            return NGX_ERROR;
        }
    }
    add_filters();
    return add_phase_handlers(cf);
}

void* create_main_conf(ngx_conf_t* cf) {
    auto* conf =
        static_cast<MainConf*>(ngx_pcalloc(cf->pool, sizeof(MainConf)));
    for (const Room* room : kRooms) {
        if (conf != nullptr && room->create_main != nullptr) {
            room->create_main(*conf);
        }
    }
    return conf;
}

void* create_loc_conf(ngx_conf_t* cf) {
    auto* conf =
        static_cast<LocConf*>(ngx_pcalloc(cf->pool, sizeof(LocConf)));
    for (const Room* room : kRooms) {
        if (conf != nullptr && room->create_loc != nullptr) {
            room->create_loc(*conf);
        }
    }
    return conf;
}

char* merge_loc_conf(ngx_conf_t* cf, void* parent, void* child) {
    for (const Room* room : kRooms) {
        if (room->merge_loc == nullptr) {
            continue;
        }
        char* rc = room->merge_loc(cf, *static_cast<LocConf*>(parent),
                                   *static_cast<LocConf*>(child));
        if (rc != NGX_CONF_OK) {
            return rc;
        }
    }
    return NGX_CONF_OK;
}

MainConf* main_conf(ngx_cycle_t* cycle) {
    return static_cast<MainConf*>(
        ngx_http_cycle_get_module_main_conf(cycle, ngx_llm_module));
}

constexpr ngx_msec_t kTick = 1000;
ngx_event_t tick_event;

void on_tick(ngx_event_t* event) noexcept {
    guard(event->log, [] {
        auto* cycle = const_cast<ngx_cycle_t*>(ngx_cycle);
        for (const Room* room : kRooms) {
            if (room->tick != nullptr) {
                room->tick(cycle, *main_conf(cycle), now());
            }
        }
    });
    if (!ngx_exiting) {
        ngx_add_timer(event, kTick);
    }
}

// Cancelable: a worker that shuts down does not wait for it.
void start_ticking(ngx_cycle_t* cycle) {
    tick_event = {};
    tick_event.handler = on_tick;
    tick_event.data = &tick_event;
    tick_event.log = cycle->log;
    tick_event.cancelable = 1;
    ngx_add_timer(&tick_event, kTick);
}

ngx_int_t start_worker(ngx_cycle_t* cycle) {
    if (open_services(cycle) != NGX_OK) {
        return NGX_ERROR;
    }
    MainConf* main = main_conf(cycle);
    for (const Room* room : kRooms) {
        if (main != nullptr && room->init_process != nullptr
            && room->init_process(cycle, *main) != NGX_OK) {
            return NGX_ERROR;
        }
    }
    if (main != nullptr) {
        start_ticking(cycle);
    }
    return NGX_OK;
}

ngx_int_t init_module(ngx_cycle_t* cycle) noexcept {
    if (!ngx_test_config) {
        guard(cycle->log, [cycle] {
            take_zone(cycle);
            if (const MainConf* main = main_conf(cycle)) {
                claim_snapshot(cycle, main->limit);
            }
        });
    }
    return NGX_OK;
}

ngx_int_t init_process(ngx_cycle_t* cycle) noexcept {
    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE) {
        return NGX_OK;
    }
    return guard(cycle->log, ngx_int_t{NGX_ERROR},
                 [cycle] { return start_worker(cycle); });
}

void exit_process(ngx_cycle_t* cycle) noexcept {
    guard(cycle->log, [cycle] {
        join_background();
        for (const Room* room : kRooms) {
            if (room->exit_process != nullptr) {
                room->exit_process(cycle);
            }
        }
        close_services();
    });
}

ngx_http_module_t context = {
    preconfiguration, postconfiguration, create_main_conf, nullptr,
    nullptr,          nullptr,           create_loc_conf,  merge_loc_conf,
};

}  // namespace
}  // namespace llm::door

extern "C" {
ngx_module_t ngx_llm_module = {
    NGX_MODULE_V1,
    &llm::door::context,
    llm::door::commands.all.data(),
    NGX_HTTP_MODULE,
    nullptr,
    llm::door::init_module,
    llm::door::init_process,
    nullptr,
    nullptr,
    llm::door::exit_process,
    nullptr,
    NGX_MODULE_V1_PADDING,
};
}
