#include "ngx_llm_module/models.hpp"

#include "ngx_llm_module/headers.hpp"
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

ngx_int_t send(ngx_http_request_t* r, const route::Registry& registry,
               const limit::Key* key) {
    api::Family family = family_of(r);
    auto models = route::listed_models(registry, {}, family);
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
    return reads && loc_conf(r).provider.required == 1
           && registry_of(main_conf(r)) != nullptr
           && asked_for(view(r->uri)).has_value();
}

ngx_int_t send_models(ngx_http_request_t* r) noexcept {
    return guard(
        r->connection->log, ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR}, [r] {
            ngx_int_t rc = ngx_http_discard_request_body(r);
            if (rc != NGX_OK) {
                return rc;
            }
            const Context* ctx = Context::find(r);
            const route::Registry* registry = registry_of(main_conf(r));
            if (ctx == nullptr || registry == nullptr) {
                return ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR};
            }
            return send(r, *registry, ctx->key);
        });
}

}  // namespace llm::door
