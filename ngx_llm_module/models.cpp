#include "ngx_llm_module/models.hpp"

#include <algorithm>
#include <vector>

#include "ngx_llm_module/headers.hpp"
#include "ngx_llm_module/plan.hpp"
#include "ngx_llm_module/reply.hpp"
#include "ngx_llm_module/zone.hpp"
#include "src/route/model_list.hpp"

namespace llm::door {
namespace {

constexpr Bytes kJson = "application/json";
constexpr Bytes kList = "/models";

// Behind "/models": "" is the list, "/NAME" one of it.
std::optional<Bytes> asked_for(Bytes path) {
    size_t at = path.find(kList);
    while (at != Bytes::npos) {
        Bytes rest = path.substr(at + kList.size());
        if (rest.empty() || (rest.front() == '/' && rest.size() > 1)) {
            return rest;
        }
        at = path.find(kList, at + 1);
    }
    return std::nullopt;
}

// Both protocols have the same path; Anthropic's clients say which version.
api::Family family_of(ngx_http_request_t* r) {
    ngx_uint_t configured = loc_conf(r).core.api;
    bool anthropic = configured == kApiAnthropic
                     || (configured == kApiAuto
                         && !request_header(r, "anthropic-version").empty());
    return anthropic ? api::Family::kAnthropic : api::Family::kOpenai;
}

ngx_int_t send_unknown(ngx_http_request_t* r, api::Family family) {
    api::ApiError error;
    error.status = NGX_HTTP_NOT_FOUND;
    error.message = "The model does not exist here.";
    error.param = "model";
    error.code = "model_not_found";
    return send_body(r, NGX_HTTP_NOT_FOUND, kJson,
                     api::error_body(family, error, next_request_id()));
}

// What a request for `name` would come out as. Nothing that is evaluated for
// it, a map above all, stays for the next name.
ngx_int_t route_name(ngx_http_request_t* r, Context& ctx, Bytes name,
                     std::string& routed) {
    auto* core = static_cast<ngx_http_core_main_conf_t*>(
        ngx_http_get_module_main_conf(r, ngx_http_core_module));
    std::vector<ngx_http_variable_value_t> before(
        r->variables, r->variables + core->variables.nelts);
    ctx.route.listed = name;
    ngx_int_t rc = read_model(r, routed);
    ctx.route.listed = {};
    std::ranges::copy(before, r->variables);
    return rc;
}

ngx_int_t read_further(ngx_http_request_t* r, Context& ctx,
                       std::vector<route::ListedModel>& further) {
    const ngx_array_t* names = loc_conf(r).route.listed;
    auto* name = names == nullptr ? nullptr
                                  : static_cast<ngx_str_t*>(names->elts);
    for (ngx_uint_t i = 0; name != nullptr && i < names->nelts; i++) {
        route::ListedModel model;
        model.id = view(name[i]);
        if (route_name(r, ctx, model.id, model.routed) != NGX_OK) {
            return NGX_ERROR;
        }
        further.push_back(std::move(model));
    }
    return NGX_OK;
}

ngx_int_t send(ngx_http_request_t* r, Context& ctx) {
    api::Family family = family_of(r);
    const limit::Key* key = ctx.key;
    std::vector<route::ListedModel> further;
    if (read_further(r, ctx, further) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    bool required = loc_conf(r).provider.required == 1;
    auto models = route::listed_models(
        required ? registry_of(main_conf(r)) : nullptr, further, family,
        required);
    Bytes rest = asked_for(view(r->uri)).value_or(Bytes());
    if (rest.empty()) {
        return send_body(r, NGX_HTTP_OK, kJson,
                         route::model_list(family, models, key, 0));
    }
    auto entry =
        route::model_entry(family, models, rest.substr(1), key, 0);
    return entry ? send_body(r, NGX_HTTP_OK, kJson, *entry)
                 : send_unknown(r, family);
}

}  // namespace

bool asks_for_models(ngx_http_request_t* r) {
    bool reads = (r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD)) != 0;
    const LocConf& conf = loc_conf(r);
    bool names = conf.route.listed != nullptr && conf.core.mode == kModeOn;
    bool knows = names
                 || (conf.provider.required == 1
                     && registry_of(main_conf(r)) != nullptr);
    return reads && knows && asked_for(view(r->uri)).has_value();
}

ngx_int_t send_models(ngx_http_request_t* r) noexcept {
    return guard(
        r->connection->log, ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR}, [r] {
            ngx_int_t rc = ngx_http_discard_request_body(r);
            if (rc != NGX_OK) {
                return rc;
            }
            Context* ctx = Context::find(r);
            return ctx == nullptr
                       ? ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR}
                       : send(r, *ctx);
        });
}

}  // namespace llm::door
