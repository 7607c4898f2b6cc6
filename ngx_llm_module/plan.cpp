#include "ngx_llm_module/plan.hpp"

#include <algorithm>

#include "ngx_llm_module/vars.hpp"
#include "ngx_llm_module/zone.hpp"
#include "src/metrics/family.hpp"
#include "src/route/model_name.hpp"
#include "src/route/provider_cache.hpp"

namespace llm::door {
namespace {

template <typename T>
std::span<const T> elements(const ngx_array_t* list) {
    if (list == nullptr) {
        return {};
    }
    return {static_cast<const T*>(list->elts), list->nelts};
}

// nginx's way: "" and "0" are no.
bool is_true(const ngx_str_t& text) {
    return text.len > 0 && view(text) != "0";
}

ngx_int_t read_texts(ngx_http_request_t* r, const RouteLoc& conf,
                     route::Plan& plan) {
    for (const RouteSystem& system : elements<RouteSystem>(conf.system)) {
        ngx_str_t when = ngx_string("1");
        if (system.when != nullptr
            && evaluate(r, system.when, when) != NGX_OK) {
            return NGX_ERROR;
        }
        if (is_true(when)) {
            plan.texts.push_back(system.text);
        }
    }
    return NGX_OK;
}

// An empty value sets nothing: a map without a default says so.
ngx_int_t read_parameter(ngx_http_request_t* r,
                         const RouteParameter& parameter,
                         route::Plan& plan) {
    if (parameter.value == nullptr) {
        plan.settings.push_back({parameter.path,
                                 std::string(view(parameter.literal)),
                                 parameter.mode});
        return NGX_OK;
    }
    ngx_str_t text;
    if (evaluate(r, parameter.value, text) != NGX_OK) {
        return NGX_ERROR;
    }
    if (text.len == 0) {
        return NGX_OK;
    }
    auto value = route::parameter_value(view(text), parameter.mode);
    Result<void> fits = value.ok()
                            ? route::check_value(*parameter.path, *value,
                                                 parameter.mode)
                            : Result<void>(value.error());
    if (!fits.ok()) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "llm: \"llm_set %V\" is left out: %s", &parameter.name,
                      fits.error().message.c_str());
        return NGX_OK;
    }
    plan.settings.push_back({parameter.path, std::move(value).value(),
                             parameter.mode});
    return NGX_OK;
}

}  // namespace

ngx_int_t read_model(ngx_http_request_t* r, std::string& model) {
    ngx_http_complex_value_t* value = loc_conf(r).route.model;
    ngx_str_t text = ngx_null_string;
    if (value != nullptr && evaluate(r, value, text) != NGX_OK) {
        return NGX_ERROR;
    }
    if (text.len > 0 && !route::is_model_name(view(text))) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "llm: \"llm_model\" came out as what is no model's "
                      "name; the client's own is kept");
        return NGX_OK;
    }
    model = view(text);
    return NGX_OK;
}

ngx_int_t read_variant(ngx_http_request_t* r, Bytes& variant) {
    const RouteVariant& conf = loc_conf(r).route.variant;
    ngx_str_t text = ngx_null_string;
    if (conf.value != nullptr && evaluate(r, conf.value, text) != NGX_OK) {
        return NGX_ERROR;
    }
    variant = view(text);
    if (text.len == 0 || conf.names == nullptr) {
        return NGX_OK;
    }
    auto names = elements<ngx_str_t>(conf.names);
    bool named = std::ranges::any_of(names, [&](const ngx_str_t& name) {
        return view(name) == view(text);
    });
    variant = named ? variant : metrics::kOther;
    return NGX_OK;
}

ngx_int_t read_plan(ngx_http_request_t* r, Bytes tenant, Bytes prefix,
                    route::Plan& plan, std::string& model) {
    const RouteLoc& conf = loc_conf(r).route;
    if (read_model(r, model) != NGX_OK
        || read_texts(r, conf, plan) != NGX_OK) {
        return NGX_ERROR;
    }
    for (const RouteParameter& parameter :
         elements<RouteParameter>(conf.parameters)) {
        if (read_parameter(r, parameter, plan) != NGX_OK) {
            return NGX_ERROR;
        }
    }
    plan.provider_cache = conf.provider_cache == 1;
    if (plan.provider_cache && !prefix.empty()) {
        plan.cache_key = route::prompt_cache_key(
            worker_services().tenants.mac(), tenant, prefix);
    }
    return NGX_OK;
}

bool needs_prefix(ngx_http_request_t* r) {
    return main_conf(r).route.prefix_used == 1
           || loc_conf(r).route.provider_cache == 1;
}

}  // namespace llm::door
