// The configuration as nginx keeps it: plain structs in the configuration
// pool, one sub-struct a room, so that offsetof works and nothing needs a
// destructor. Read-only once the workers run.
#pragma once

#include <utility>

#include "ngx_llm_module/conf_alert.hpp"
#include "ngx_llm_module/conf_complexity.hpp"
#include "ngx_llm_module/conf_geo.hpp"
#include "ngx_llm_module/conf_ladder.hpp"
#include "ngx_llm_module/conf_limit.hpp"
#include "ngx_llm_module/conf_price.hpp"
#include "ngx_llm_module/conf_provider.hpp"
#include "ngx_llm_module/conf_proxy.hpp"
#include "ngx_llm_module/conf_route.hpp"
#include "ngx_llm_module/conf_semantic.hpp"
#include "ngx_llm_module/conf_tokens.hpp"
#include "ngx_llm_module/ngx.hpp"
#include "ngx_llm_module/room.hpp"

namespace llm::door {

struct Zone;  // zone.hpp

struct CoreMain {
    Zone* zone;            // llm_zone; nullptr: metering into variables only
    ngx_str_t secret;      // llm_secret: the file's content, empty = random
};

struct MetricsMain {
    ngx_array_t* models;   // ngx_str_t: model names that may be labels
};

struct CacheMain {
    size_t max_size;       // the largest llm_cache_max_size anywhere
};

struct MainConf {
    CoreMain core;
    CacheMain cache;
    MetricsMain metrics;
    ComplexityMain complexity;
    RouteMain route;
    ProviderMain provider;
    LadderMain ladder;
    LimitMain limit;
    PriceMain price;
    TokensMain tokens;
    GeoMain geo;
    AlertMain alert;
    SemanticMain semantic;
};

enum : ngx_uint_t { kModeOff, kModeOn, kModeObserve };
enum : ngx_uint_t { kApiAuto, kApiOpenai, kApiAnthropic };

struct CoreLoc {
    ngx_uint_t mode;               // llm
    ngx_uint_t api;                // llm_api
    ngx_flag_t passthrough;        // llm_passthrough
    ngx_flag_t server_timing;      // llm_server_timing
    size_t event_max_size;         // llm_event_max_size
    ngx_http_handler_pt handler;   // llm_metrics and its kin
    ngx_str_t handler_name;
    Place handler_place;
};

struct CacheLoc {
    ngx_str_t zone;                // llm_cache; empty = off
    Place zone_place;
    ngx_array_t* scope;            // ngx_http_complex_value_t
    ngx_http_complex_value_t* version;
    ngx_http_complex_value_t* valid;
    time_t valid_literal;          // when valid holds no variable, else -1
    ngx_array_t* bypass;           // predicates
    ngx_array_t* no_cache;         // predicates
    size_t max_size;
    ngx_int_t max_temperature;     // thousandths; NGX_MAX_INT_T_VALUE = any
    ngx_flag_t client_control;     // llm_cache_control
    ngx_flag_t mark_private;       // llm_cache_private
    ngx_array_t* tags;             // ngx_http_complex_value_t
    ProxyPath proxy;               // conf_proxy.cpp
};

struct LocConf {
    CoreLoc core;
    CacheLoc cache;
    ComplexityLoc complexity;
    RouteLoc route;
    ProviderLoc provider;
    LadderLoc ladder;
    LimitLoc limit;
    PriceLoc price;
    SemanticLoc semantic;
};

inline MainConf& main_conf(ngx_conf_t* cf) {
    return *static_cast<MainConf*>(
        ngx_http_conf_get_module_main_conf(cf, ngx_llm_module));
}

inline MainConf& main_conf(ngx_http_request_t* r) {
    return *static_cast<MainConf*>(
        ngx_http_get_module_main_conf(r, ngx_llm_module));
}

inline LocConf& loc_conf(ngx_http_request_t* r) {
    return *static_cast<LocConf*>(
        ngx_http_get_module_loc_conf(r, ngx_llm_module));
}

Place place_of(ngx_conf_t* cf);

// One [emerg] line with the directive's file and line, after parsing ended.
void complain(ngx_conf_t* cf, const Place& place, const char* format, ...);
// The same as a [warn]: what does no harm, but not what was meant either.
void warn(ngx_conf_t* cf, const Place& place, const char* format, ...);

// An object of ours that lives as long as the configuration; nullptr when
// memory is out.
template <typename T, typename... Args>
T* pool_new(ngx_pool_t* pool, Args&&... args) {
    ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(pool, 0);
    if (cleanup == nullptr) {
        return nullptr;
    }
    T* object = new T(std::forward<Args>(args)...);
    cleanup->handler = [](void* data) { delete static_cast<T*>(data); };
    cleanup->data = object;
    return object;
}

inline char* conf_error() {
    return static_cast<char*>(NGX_CONF_ERROR);
}

// A setter may return a text; nginx's type is char*.
inline char* conf_text(const char* text) {
    return const_cast<char*>(text);
}

// Compiles `value` into a complex value in the configuration pool; nullptr
// when it is wrong (nginx has said why).
ngx_http_complex_value_t* compile(ngx_conf_t* cf, ngx_str_t* value);

// A setter for one of the words of the command's post: an array of
// ngx_conf_enum_t. Unlike nginx's own it names the directive and the words.
char* set_word(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) noexcept;

// A setter for "directive string …": appends complex values to the array at
// the command's offset. A single "" leaves an empty array, not an unset one.
char* set_complex_values(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);

// For a setter: the location answers with `handler` alone. What stands there
// already is refused at once, what comes later by check_content_handler() in
// the merge.
char* set_content_handler(ngx_conf_t* cf, void* conf,
                          ngx_http_handler_pt handler);
char* check_content_handler(ngx_conf_t* cf, const LocConf& conf);

constexpr ngx_uint_t kEverywhere =
    NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF;

}  // namespace llm::door
