// Where clients are: llm_geoip, $llm_country, $llm_continent.
#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/conf.hpp"
#include "ngx_llm_module/vars.hpp"
#include "ngx_llm_module/watching.hpp"

namespace llm::door {

namespace {

char* open_base(ngx_conf_t* cf, GeoMain& conf) {
    if (conf.base != nullptr) {
        return conf_text("is duplicate");
    }
    ngx_str_t path = static_cast<ngx_str_t*>(cf->args->elts)[1];
    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return conf_error();
    }
    watch::WatchOptions options;
    options.path = view(path);
    options.max_size = geo::Database::kMaxSize;
    conf.base = pool_new<watch::Watched<geo::Database>>(
        cf->pool, std::move(options), geo::Database::parse);
    if (conf.base == nullptr) {
        return conf_error();
    }
    if (auto opened = conf.base->open(now()); !opened.ok()) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"llm_geoip\": \"%V\": %s",
                           &path, opened.error().message.c_str());
        return conf_error();
    }
    return NGX_CONF_OK;
}

char* set_geoip(ngx_conf_t* cf, ngx_command_t*, void* conf) noexcept {
    return guard(cf->log, conf_error(), [&] {
        return open_base(cf, static_cast<MainConf*>(conf)->geo);
    });
}

// The client's address as it is now: after realip, if there is one.
Bytes client_address(ngx_http_request_t* r) {
    const sockaddr* address = r->connection->sockaddr;
    if (address->sa_family == AF_INET) {
        auto* in = reinterpret_cast<const sockaddr_in*>(address);
        return {reinterpret_cast<const char*>(&in->sin_addr),
                sizeof(in->sin_addr)};
    }
    if (address->sa_family == AF_INET6) {
        auto* in6 = reinterpret_cast<const sockaddr_in6*>(address);
        return {reinterpret_cast<const char*>(&in6->sin6_addr),
                sizeof(in6->sin6_addr)};
    }
    return {};
}

using Part = geo::Code geo::Location::*;

ngx_int_t get_code(ngx_http_request_t* r, ngx_http_variable_value_t* v,
                   Part part) noexcept {
    return guard(r->connection->log, ngx_int_t{NGX_ERROR}, [&] {
        v->not_found = 1;
        const auto* base = main_conf(r).geo.base;
        if (base == nullptr) {
            return ngx_int_t{NGX_OK};
        }
        geo::Location found = base->value()->lookup(client_address(r));
        geo::Code code = found.*part;
        if (!code.empty() && give(r, v, code.view())) {
            v->valid = 1;
            v->no_cacheable = 0;
            v->not_found = 0;
        }
        return ngx_int_t{NGX_OK};
    });
}

ngx_int_t get_country(ngx_http_request_t* r, ngx_http_variable_value_t* v,
                      uintptr_t) noexcept {
    return get_code(r, v, &geo::Location::country);
}

ngx_int_t get_continent(ngx_http_request_t* r, ngx_http_variable_value_t* v,
                        uintptr_t) noexcept {
    return get_code(r, v, &geo::Location::continent);
}

// Not in the room's table: these hold for every request, also before and
// without `llm on`. Not cacheable: realip may change the address in between.
struct ClientVariable {
    Bytes name;
    ngx_http_get_variable_pt get;
};

constexpr ClientVariable kVariables[] = {
    {"llm_country", get_country},
    {"llm_continent", get_continent},
};

ngx_int_t postconfiguration(ngx_conf_t* cf, MainConf&) {
    for (const ClientVariable& variable : kVariables) {
        ngx_str_t name = immortal(variable.name);
        ngx_http_variable_t* added =
            ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
        if (added == nullptr) {
            return NGX_ERROR;
        }
        added->get_handler = variable.get;
    }
    return NGX_OK;
}

void tick(ngx_cycle_t* cycle, MainConf& conf, Now now) {
    if (conf.geo.base != nullptr && !ngx_exiting) {
        poll_watched(*conf.geo.base, "geoip", cycle->log, now);
    }
}

ngx_command_t commands[] = {
    {ngx_string("llm_geoip"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, set_geoip,
     NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
};

}  // namespace

constinit const Room geo_room = {
    .commands = commands,
    .variables = nullptr,
    .create_main = nullptr,
    .create_loc = nullptr,
    .merge_loc = nullptr,
    .postconfiguration = postconfiguration,
    .init_process = nullptr,
    .exit_process = nullptr,
    .tick = tick,
};

}  // namespace llm::door
