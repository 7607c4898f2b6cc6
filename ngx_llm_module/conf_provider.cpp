// Where models live: llm_provider, and whether a location needs one.
#include "ngx_llm_module/conf_provider.hpp"

#include <algorithm>

#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/conf.hpp"
#include "ngx_llm_module/provider.hpp"
#include "ngx_llm_module/provider_block.hpp"
#include "ngx_llm_module/provider_setup.hpp"
#include "ngx_llm_module/zone.hpp"
#include "src/route/cooldown.hpp"

namespace llm::door {
namespace {

void destroy_setup(void* data) {
    delete static_cast<ProviderSetup*>(data);
}

ProviderSetup* setup_of(ngx_conf_t* cf, MainConf& conf) {
    if (conf.provider.setup != nullptr) {
        return conf.provider.setup;
    }
    ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    if (cleanup == nullptr) {
        return nullptr;
    }
    conf.provider.setup = new ProviderSetup;
    cleanup->handler = destroy_setup;
    cleanup->data = conf.provider.setup;
    return conf.provider.setup;
}

// llm_provider name { … }
char* set_provider(ngx_conf_t* cf, ngx_command_t*, void* conf) noexcept {
    return guard(cf->log, conf_error(), [cf, conf] {
        ProviderSetup* setup =
            setup_of(cf, *static_cast<MainConf*>(conf));
        return setup == nullptr ? conf_error()
                                : read_provider_block(cf, *setup);
    });
}

constexpr ngx_int_t kMaxFails = 1000;
constexpr ngx_msec_t kUsualFailTimeout =
    route::CooldownOptions().base_ns / 1000000;
constexpr ngx_int_t kMaxCooldown = 24 * 3600 * 1000;  // milliseconds

bool set_cooldown_time(Bytes value, ngx_msec_t& time) {
    ngx_str_t text = immortal(value);
    ngx_int_t parsed = ngx_parse_time(&text, 0);
    time = static_cast<ngx_msec_t>(parsed);
    return parsed > 0 && parsed <= kMaxCooldown;
}

bool set_max_fails(Bytes value, uint32_t& fails) {
    ngx_str_t text = immortal(value);
    ngx_int_t parsed = ngx_atoi(text.data, text.len);
    fails = static_cast<uint32_t>(parsed);
    return parsed > 0 && parsed <= kMaxFails;
}

// False: it is unknown, stands twice or has no such value.
bool set_cooldown_parameter(Bytes text, CooldownMain& cooldown) {
    size_t end = std::min(text.find('='), text.size() - 1) + 1;
    Bytes name = text.substr(0, end);
    Bytes value = text.substr(end);
    if (name == "max_fails=") {
        return cooldown.max_fails == 0
               && set_max_fails(value, cooldown.max_fails);
    }
    if (name == "fail_timeout=") {
        return cooldown.fail_timeout == 0
               && set_cooldown_time(value, cooldown.fail_timeout);
    }
    return name == "max_time=" && cooldown.max_time == 0
           && set_cooldown_time(value, cooldown.max_time);
}

// llm_cooldown [max_fails=n] [fail_timeout=time] [max_time=time]
char* set_cooldown(ngx_conf_t* cf, ngx_command_t*, void* conf) noexcept {
    CooldownMain& cooldown =
        static_cast<MainConf*>(conf)->provider.cooldown;
    if (cooldown.max_fails != 0 || cooldown.fail_timeout != 0
        || cooldown.max_time != 0) {
        return const_cast<char*>("is duplicate");
    }
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        if (args[i].len == 0
            || !set_cooldown_parameter(view(args[i]), cooldown)) {
            ngx_conf_log_error(
                NGX_LOG_EMERG, cf, 0,
                "\"llm_cooldown\": \"%V\" is none of max_fails=1 to %i, "
                "fail_timeout= and max_time= of 1ms to 24h, each once",
                &args[i], kMaxFails);
            return conf_error();
        }
    }
    ngx_msec_t first = cooldown.fail_timeout != 0 ? cooldown.fail_timeout
                                                  : kUsualFailTimeout;
    if (cooldown.max_time != 0 && cooldown.max_time < first) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"llm_cooldown\": max_time= is the longest that a "
                           "provider is left alone, it cannot be shorter than "
                           "fail_timeout=, which is %Mms here",
                           first);
        return conf_error();
    }
    return NGX_CONF_OK;
}

char* set_required(ngx_conf_t* cf, ngx_command_t* cmd,
                   void* conf) noexcept {
    static_cast<LocConf*>(conf)->provider.required_place = place_of(cf);
    return ngx_conf_set_flag_slot(cf, cmd, conf);
}

ngx_command_t commands[] = {
    {ngx_string("llm_cooldown"),
     NGX_HTTP_MAIN_CONF | NGX_CONF_1MORE, set_cooldown,
     NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_provider"),
     NGX_HTTP_MAIN_CONF | NGX_CONF_BLOCK | NGX_CONF_TAKE1, set_provider,
     NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_provider_required"), kEverywhere | NGX_CONF_FLAG,
     set_required, NGX_HTTP_LOC_CONF_OFFSET,
     offsetof(LocConf, provider.required), nullptr},
};

void create_loc(LocConf& conf) {
    conf.provider.required = NGX_CONF_UNSET;
}

// Names of llm_model_list that nothing is made of are asked for as they are.
ngx_int_t check_listed(ngx_conf_t* cf, const RouteLoc& route) {
    if (route.listed == nullptr || route.model != nullptr) {
        return NGX_OK;
    }
    auto* names = static_cast<ngx_str_t*>(route.listed->elts);
    for (ngx_uint_t i = 0; i < route.listed->nelts; i++) {
        if (check_literal_model(cf, main_conf(cf), route.listed_place,
                                "llm_model_list", view(names[i]))
            != NGX_OK) {
            return NGX_ERROR;
        }
    }
    return NGX_OK;
}

// nginx gives every location one; without servers it is none.
bool has_resolver(ngx_conf_t* cf) {
    auto* core = static_cast<ngx_http_core_loc_conf_t*>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    return core->resolver != nullptr
           && core->resolver->connections.nelts > 0;
}

void note_resolver(ngx_conf_t* cf, const Place& asked) {
    ProviderSetup* setup = main_conf(cf).provider.setup;
    if (setup == nullptr || asked.line == 0) {
        return;
    }
    if (has_resolver(cf)) {
        setup->resolver = true;
    } else {
        setup->no_resolver = asked;
    }
}

// Where every model needs a provider, a literal one that has none is wrong.
char* merge_loc(ngx_conf_t* cf, LocConf& prev, LocConf& conf) {
    if (conf.provider.required == NGX_CONF_UNSET) {
        conf.provider.required_place = prev.provider.required_place;
    }
    ngx_conf_merge_value(conf.provider.required, prev.provider.required, 0);
    const RouteLoc& route = conf.route;
    note_resolver(cf, conf.provider.asked_place);
    if (conf.core.mode == kModeObserve && conf.provider.asked_place.line > 0) {
        complain(cf, conf.provider.asked_place,
                 "\"llm observe\" chooses no provider, so $llm_provider_url "
                 "is empty: give the location a \"proxy_pass\" of its own "
                 "while it is watched");
        return conf_error();
    }
    if (conf.provider.required != 1) {
        return NGX_CONF_OK;
    }
    if (main_conf(cf).provider.setup == nullptr) {
        complain(cf, conf.provider.required_place,
                 "\"llm_provider_required\" needs an \"llm_provider\" in "
                 "http: without one every model would be unknown");
        return conf_error();
    }
    bool literal = route.model != nullptr && route.model->lengths == nullptr;
    bool known = !literal
                 || check_literal_model(cf, main_conf(cf), route.place,
                                        "llm_model",
                                        view(route.model->value))
                        == NGX_OK;
    return known && check_listed(cf, route) == NGX_OK ? NGX_CONF_OK
                                                      : conf_error();
}

bool is_upstream(ngx_conf_t* cf, Bytes name) {
    auto* main = static_cast<ngx_http_upstream_main_conf_t*>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module));
    auto** all = static_cast<ngx_http_upstream_srv_conf_t**>(
        main->upstreams.elts);
    for (ngx_uint_t i = 0; i < main->upstreams.nelts; i++) {
        if ((all[i]->flags & NGX_HTTP_UPSTREAM_CREATE) != 0
            && equals_ignore_case(view(all[i]->host), name)) {
            return true;
        }
    }
    return false;
}

// An upstream{} block may stand behind the provider that names it.
ngx_int_t check_upstreams(ngx_conf_t* cf, const ProviderSetup& setup) {
    for (size_t i = 0; i < setup.providers.size(); i++) {
        const route::Provider& provider = setup.providers[i];
        if (provider.origin.port == 0
            && !is_upstream(cf, provider.origin.host)) {
            complain(cf, setup.places[i],
                     "\"llm_provider\" \"%s\": there is no upstream \"%s\"",
                     provider.name.c_str(), provider.origin.host.c_str());
            return NGX_ERROR;
        }
    }
    return NGX_OK;
}

bool is_address(ngx_conf_t* cf, Bytes host) {
    if (host.starts_with('[')) {
        host = host.substr(1, host.size() - 2);
    }
    ngx_str_t text = immortal(host);
    ngx_addr_t addr;
    return ngx_parse_addr(cf->pool, &addr, text.data, text.len) == NGX_OK;
}

// A name that is looked up while requests run needs somebody to ask.
ngx_int_t check_resolvers(ngx_conf_t* cf, const ProviderSetup& setup) {
    if (setup.no_resolver.line == 0) {
        return NGX_OK;
    }
    for (size_t i = 0; i < setup.providers.size(); i++) {
        const route::Provider& provider = setup.providers[i];
        if (provider.origin.port == 0
            || is_address(cf, provider.origin.host)) {
            continue;
        }
        if (!setup.resolver) {
            complain(cf, setup.places[i],
                     "\"llm_provider\" \"%s\": \"resolve on\" needs a "
                     "\"resolver\", which no location has that asks it",
                     provider.name.c_str());
            return NGX_ERROR;
        }
        warn(cf, setup.no_resolver,
             "\"llm_provider\" \"%s\" has \"resolve on\" and cannot be asked "
             "here without a \"resolver\"",
             provider.name.c_str());
    }
    return NGX_OK;
}

// Of the configuration that a reload replaces; nullptr: there is none, or it
// was read by another build of this module.
const ProviderSetup* setup_before(const ngx_cycle_t* cycle) {
    ngx_cycle_t* old = cycle->old_cycle;
    if (old == nullptr || old->conf_ctx == nullptr
        || old->modules == nullptr) {
        return nullptr;
    }
    ngx_module_t** end = old->modules + old->modules_n;
    if (std::find(old->modules, end, &ngx_llm_module) == end) {
        return nullptr;
    }
    auto* main = static_cast<MainConf*>(
        ngx_http_cycle_get_module_main_conf(old, ngx_llm_module));
    return main == nullptr ? nullptr : main->provider.setup;
}

Bytes secret_of(const ProviderSetup& setup, size_t i) {
    const auto& file = setup.keys[i];
    return file == nullptr || file->value() == nullptr
               ? Bytes()
               : Bytes(file->value()->secret);
}

void find_rekeyed(const ProviderSetup& before, ProviderSetup& setup) {
    for (size_t i = 0; i < setup.providers.size(); i++) {
        const std::string& name = setup.providers[i].name;
        for (size_t j = 0; j < before.providers.size(); j++) {
            if (before.providers[j].name == name
                && secret_of(before, j) != secret_of(setup, i)) {
                setup.rekeyed.push_back(name);
            }
        }
    }
}

ngx_int_t check_providers(ngx_conf_t* cf, MainConf& conf) {
    ProviderSetup* setup = conf.provider.setup;
    if (setup == nullptr) {
        return NGX_OK;
    }
    if (registry_of(conf) == nullptr) {
        auto made = route::Registry::make(setup->providers);
        complain(cf, setup->places.back(), "\"llm_provider\": %s",
                 made.ok() ? "failed" : made.error().message.c_str());
        return NGX_ERROR;
    }
    if (const ProviderSetup* before = setup_before(cf->cycle)) {
        find_rekeyed(*before, *setup);
    }
    return check_upstreams(cf, *setup) == NGX_OK ? check_resolvers(cf, *setup)
                                                 : NGX_ERROR;
}

// Another key may be what a provider in cooldown waits for.
void forget_cooldown(Bytes provider) {
    worker_services().cooldown.forget(provider);
}

// A worker in the place of a dead one has the keys that the master has read,
// which may be long ago.
ngx_int_t open_registry(ngx_cycle_t* cycle, MainConf& conf) {
    worker_services().registry = registry_of(conf);
    if (conf.provider.setup != nullptr) {
        poll_provider_keys(*conf.provider.setup, cycle->log,
                           [](const route::Provider&) {});
        for (const std::string& name : conf.provider.setup->rekeyed) {
            forget_cooldown(name);
        }
    }
    return NGX_OK;
}

void follow_keys(ngx_cycle_t* cycle, MainConf& conf, Now) {
    if (conf.provider.setup != nullptr) {
        poll_provider_keys(*conf.provider.setup, cycle->log,
                           [](const route::Provider& provider) {
                               forget_cooldown(provider.name);
                           });
    }
}

}  // namespace

const route::Registry* registry_of(const MainConf& conf) {
    ProviderSetup* setup = conf.provider.setup;
    if (setup == nullptr) {
        return nullptr;
    }
    if (!setup->registry) {
        auto made = route::Registry::make(setup->providers);
        if (!made.ok()) {
            return nullptr;
        }
        setup->registry = std::move(made).value();
    }
    return &*setup->registry;
}

ngx_int_t check_literal_model(ngx_conf_t* cf, const MainConf& conf,
                              const Place& place, const char* directive,
                              Bytes model) {
    const route::Registry* registry = registry_of(conf);
    if (registry == nullptr || registry->can_serve(model)) {
        return NGX_OK;
    }
    complain(cf, place,
             "\"%s\": no llm_provider has the model \"%*s\": name it in "
             "\"models\" of one with a weight",
             directive, model.size(), model.data());
    return NGX_ERROR;
}

constinit const Room provider_room = {
    .commands = commands,
    .variables = provider_variables,
    .create_main = nullptr,
    .create_loc = create_loc,
    .merge_loc = merge_loc,
    .postconfiguration = check_providers,
    .init_process = open_registry,
    .exit_process = nullptr,
    .tick = follow_keys,
};

}  // namespace llm::door
