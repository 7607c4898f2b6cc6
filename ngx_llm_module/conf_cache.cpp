// Directives of the exact cache.
#include <algorithm>

#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/conf.hpp"
#include "ngx_llm_module/purge.hpp"
#include "ngx_llm_module/vars.hpp"
#include "ngx_llm_module/zone.hpp"

namespace llm::door {
namespace {

constexpr time_t kDefaultValid = 3600;
constexpr size_t kDefaultMaxSize = 1024 * 1024;
constexpr ngx_uint_t kMaxTags = 16;

char* set_cache(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    auto& cache = static_cast<LocConf*>(conf)->cache;
    if (cache.zone.data != nullptr) {
        return conf_text("is duplicate");
    }
    cache.zone = static_cast<ngx_str_t*>(cf->args->elts)[1];
    if (cache.zone.len == 0) {
        return conf_text("needs the name of an \"llm_zone\" or \"off\"");
    }
    if (view(cache.zone) == "off") {
        cache.zone.len = 0;
    }
    cache.zone_place = place_of(cf);
    return NGX_CONF_OK;
}

char* set_valid(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    auto& cache = static_cast<LocConf*>(conf)->cache;
    if (cache.valid != NGX_CONF_UNSET_PTR) {
        return conf_text("is duplicate");
    }
    auto* value = &static_cast<ngx_str_t*>(cf->args->elts)[1];
    cache.valid = compile(cf, value);
    if (cache.valid == nullptr) {
        return conf_error();
    }
    cache.valid_literal = -1;
    if (cache.valid->lengths == nullptr) {
        cache.valid_literal = ngx_parse_time(value, 1);
        if (cache.valid_literal == static_cast<time_t>(NGX_ERROR)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid time \"%V\" in \"llm_cache_valid\", "
                               "it must be such as 30s, 1h, 7d",
                               value);
            return conf_error();
        }
    }
    return NGX_CONF_OK;
}

char* set_max_temperature(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    auto& cache = static_cast<LocConf*>(conf)->cache;
    if (cache.max_temperature != NGX_CONF_UNSET) {
        return conf_text("is duplicate");
    }
    auto* value = &static_cast<ngx_str_t*>(cf->args->elts)[1];
    cache.max_temperature = ngx_atofp(value->data, value->len, 3);
    if (cache.max_temperature == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid temperature \"%V\", a number with up to "
                           "three decimals is needed",
                           value);
        return conf_error();
    }
    return NGX_CONF_OK;
}

char* set_tags(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) {
    if (cf->args->nelts - 1 > kMaxTags) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"llm_cache_tag\" takes at most %ui tags",
                           kMaxTags);
        return conf_error();
    }
    return set_complex_values(cf, cmd, conf);
}

ngx_command_t commands[] = {
    {ngx_string("llm_cache"), kEverywhere | NGX_CONF_TAKE1, set_cache,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_cache_scope"), kEverywhere | NGX_CONF_1MORE,
     set_complex_values, NGX_HTTP_LOC_CONF_OFFSET,
     offsetof(LocConf, cache.scope), nullptr},
    {ngx_string("llm_cache_version"), kEverywhere | NGX_CONF_TAKE1,
     ngx_http_set_complex_value_slot, NGX_HTTP_LOC_CONF_OFFSET,
     offsetof(LocConf, cache.version), nullptr},
    {ngx_string("llm_cache_valid"), kEverywhere | NGX_CONF_TAKE1, set_valid,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_cache_bypass"), kEverywhere | NGX_CONF_1MORE,
     ngx_http_set_predicate_slot, NGX_HTTP_LOC_CONF_OFFSET,
     offsetof(LocConf, cache.bypass), nullptr},
    {ngx_string("llm_no_cache"), kEverywhere | NGX_CONF_1MORE,
     ngx_http_set_predicate_slot, NGX_HTTP_LOC_CONF_OFFSET,
     offsetof(LocConf, cache.no_cache), nullptr},
    {ngx_string("llm_cache_max_size"), kEverywhere | NGX_CONF_TAKE1,
     ngx_conf_set_size_slot, NGX_HTTP_LOC_CONF_OFFSET,
     offsetof(LocConf, cache.max_size), nullptr},
    {ngx_string("llm_cache_max_temperature"), kEverywhere | NGX_CONF_TAKE1,
     set_max_temperature, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_cache_control"), kEverywhere | NGX_CONF_FLAG,
     ngx_conf_set_flag_slot, NGX_HTTP_LOC_CONF_OFFSET,
     offsetof(LocConf, cache.client_control), nullptr},
    {ngx_string("llm_cache_private"), kEverywhere | NGX_CONF_FLAG,
     ngx_conf_set_flag_slot, NGX_HTTP_LOC_CONF_OFFSET,
     offsetof(LocConf, cache.mark_private), nullptr},
    {ngx_string("llm_cache_tag"), kEverywhere | NGX_CONF_1MORE,
     set_tags, NGX_HTTP_LOC_CONF_OFFSET,
     offsetof(LocConf, cache.tags), nullptr},
    {ngx_string("llm_purge"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS, set_purge,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
};

void create_loc(LocConf& conf) {
    CacheLoc& cache = conf.cache;
    cache.scope = static_cast<ngx_array_t*>(NGX_CONF_UNSET_PTR);
    cache.version =
        static_cast<ngx_http_complex_value_t*>(NGX_CONF_UNSET_PTR);
    cache.valid = static_cast<ngx_http_complex_value_t*>(NGX_CONF_UNSET_PTR);
    cache.bypass = static_cast<ngx_array_t*>(NGX_CONF_UNSET_PTR);
    cache.no_cache = static_cast<ngx_array_t*>(NGX_CONF_UNSET_PTR);
    cache.max_size = NGX_CONF_UNSET_SIZE;
    cache.max_temperature = NGX_CONF_UNSET;
    cache.client_control = NGX_CONF_UNSET;
    cache.mark_private = NGX_CONF_UNSET;
    cache.tags = static_cast<ngx_array_t*>(NGX_CONF_UNSET_PTR);
}

// An "if" or a limit_except: there alone nginx takes proxy_pass over from the
// location around it.
bool is_nameless(ngx_conf_t* cf) {
    auto* core = static_cast<ngx_http_core_loc_conf_t*>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    return core->noname != 0;
}

char* merge_loc(ngx_conf_t* cf, LocConf& outer, LocConf& inner) {
    const CacheLoc& prev = outer.cache;
    CacheLoc& conf = inner.cache;
    if (conf.zone.data == nullptr) {
        conf.zone = prev.zone;
        conf.zone_place = prev.zone_place;
    }
    if (conf.proxy.path.data == nullptr && is_nameless(cf)) {
        conf.proxy = prev.proxy;
    }
    if (conf.valid == NGX_CONF_UNSET_PTR) {
        bool unset = prev.valid == NGX_CONF_UNSET_PTR;
        conf.valid = unset ? nullptr : prev.valid;
        conf.valid_literal =
            conf.valid == nullptr ? kDefaultValid : prev.valid_literal;
    }
    ngx_conf_merge_ptr_value(conf.scope, prev.scope, nullptr);
    ngx_conf_merge_ptr_value(conf.version, prev.version, nullptr);
    ngx_conf_merge_ptr_value(conf.bypass, prev.bypass, nullptr);
    ngx_conf_merge_ptr_value(conf.no_cache, prev.no_cache, nullptr);
    ngx_conf_merge_ptr_value(conf.tags, prev.tags, nullptr);
    ngx_conf_merge_size_value(conf.max_size, prev.max_size, kDefaultMaxSize);
    ngx_conf_merge_value(conf.max_temperature, prev.max_temperature,
                         NGX_MAX_INT_T_VALUE);
    ngx_conf_merge_value(conf.client_control, prev.client_control, 1);
    ngx_conf_merge_value(conf.mark_private, prev.mark_private, 1);
    if (conf.zone.len == 0) {
        return NGX_CONF_OK;
    }
    MainConf& main = main_conf(cf);
    main.cache.max_size = std::max(main.cache.max_size, conf.max_size);
    const Zone* zone = main.core.zone;
    if (zone != nullptr && view(zone->name) == view(conf.zone)) {
        return NGX_CONF_OK;
    }
    complain(cf, conf.zone_place,
             zone == nullptr
                 ? "\"llm_cache %V\" needs \"llm_zone %V:size\" in http"
                 : "unknown zone \"%V\" in \"llm_cache\"",
             &conf.zone, &conf.zone);
    return conf_error();
}

}  // namespace

constinit const Room cache_room = {
    .commands = commands,
    .variables = cache_variables,
    .create_main = nullptr,
    .create_loc = create_loc,
    .merge_loc = merge_loc,
    .postconfiguration = nullptr,
    .init_process = nullptr,
    .exit_process = nullptr,
    .tick = nullptr,
};

}  // namespace llm::door
