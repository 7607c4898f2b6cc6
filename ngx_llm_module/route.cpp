#include "ngx_llm_module/route.hpp"

#include "ngx_llm_module/plan.hpp"
#include "ngx_llm_module/vars.hpp"
#include "src/route/prefix.hpp"

namespace llm::door {
namespace {

// A key may name the models that it is for: what its owner asks for, or what
// the operator makes of that.
bool may_use(const Context& ctx, Bytes routed) {
    const limit::Key* key = ctx.key;
    Bytes asked = ctx.exchange.request().model;
    return key == nullptr || key->allows(asked)
           || (!routed.empty() && key->allows(routed));
}

bool is_nothing(const json::Document& doc, json::NodeId value) {
    bool list = doc.is(value, json::Type::kArray)
                || doc.is(value, json::Type::kObject);
    return doc.is(value, json::Type::kNull) || (list && doc.size(value) == 0);
}

// In any case: Bifrost, as others that are written in Go, reads "Fallbacks" as
// it reads "fallbacks".
bool ends_alike(Bytes key, Bytes lower_end) {
    return key.size() >= lower_end.size()
           && equals_ignore_case(key.substr(key.size() - lower_end.size()),
                                 lower_end);
}

// OpenRouter goes on with "models" where the first one fails, LiteLLM with
// "fallbacks", "context_window_fallbacks", "content_policy_fallbacks" and
// "context_window_fallback_dict": neither the key nor the price of the model
// says anything of them.
bool names_further_models(const json::Document& doc) {
    for (json::NodeId member : doc.children(json::kRoot)) {
        Bytes key = doc.key(member);
        bool further = equals_ignore_case(key, "models")
                       || ends_alike(key, "fallbacks")
                       || ends_alike(key, "fallback_dict");
        if (further && !is_nothing(doc, member)) {
            return true;
        }
    }
    return false;
}

bool depends_on_model(Context& ctx) {
    exchange::Spending* spending = ctx.exchange.spending();
    return (ctx.key != nullptr && !ctx.key->any_model)
           || (spending != nullptr && spending->has_budgets());
}

api::ApiError further_models() {
    api::ApiError error;
    error.message = "'models' and 'fallbacks' have no place here: what this "
                    "request may use and cost depends on 'model'.";
    error.param = "models";
    error.code = "further_models";
    return error;
}

// Once: a budget that degrades does not change sides.
ngx_int_t judge_variant(ngx_http_request_t* r, Context& ctx) {
    if (ctx.route.judged) {
        return NGX_OK;
    }
    ctx.route.judged = true;
    Bytes variant;
    if (read_variant(r, variant) != NGX_OK) {
        return NGX_ERROR;
    }
    ctx.exchange.belong_to(variant);
    return NGX_OK;
}

// The words of a provider that has no such model.
api::ApiError no_such_model() {
    api::ApiError error;
    error.status = NGX_HTTP_NOT_FOUND;
    error.message = "The model does not exist or this key may not use it.";
    error.param = "model";
    error.code = "model_not_found";
    return error;
}

}  // namespace

std::optional<api::ApiError> plan_route(ngx_http_request_t* r, Context& ctx,
                                        Bytes model, ngx_int_t& rc) {
    exchange::Exchange& exchange = ctx.exchange;
    if (judge_variant(r, ctx) != NGX_OK) {
        rc = NGX_ERROR;
        return std::nullopt;
    }
    if (!exchange.has_document()) {
        return exchange.route(model);
    }
    if (needs_prefix(r) && ctx.route.prefix.empty()) {
        ctx.route.prefix =
            route::prefix_of(exchange.document(), exchange.request());
    }
    route::Plan plan;
    std::string chosen;
    if (read_plan(r, ctx.tenant, ctx.route.prefix, plan, chosen) != NGX_OK) {
        rc = NGX_ERROR;
        return std::nullopt;
    }
    if (!exchange.observe() && !may_use(ctx, chosen)) {
        return no_such_model();
    }
    if (!exchange.observe() && depends_on_model(ctx)
        && names_further_models(exchange.document())) {
        return further_models();
    }
    exchange.plan() = std::move(plan);
    bool renamed = loc_conf(r).route.model_response == kModelRequested;
    Bytes asked = exchange.request().model;
    if (renamed && !exchange.observe() && !asked.empty()) {
        exchange.answer_as(asked);
    }
    return exchange.route(model.empty() ? Bytes(chosen) : model);
}

bool needs_model(ngx_http_request_t* r) {
    return loc_conf(r).route.model == nullptr;
}

namespace {

bool get_route(ngx_http_request_t* r, Context& ctx,
               ngx_http_variable_value_t* v) {
    Bytes model = ctx.exchange.routed_model();
    return !model.empty() && give(r, v, model);
}

bool get_prefix(ngx_http_request_t* r, Context& ctx,
                ngx_http_variable_value_t* v) {
    return !ctx.route.prefix.empty() && give(r, v, ctx.route.prefix);
}

bool get_system_version(ngx_http_request_t* r, Context& ctx,
                        ngx_http_variable_value_t* v) {
    std::string version = ctx.exchange.plan().system_version();
    return !version.empty() && give(r, v, version);
}

bool get_variant(ngx_http_request_t* r, Context& ctx,
                 ngx_http_variable_value_t* v) {
    Bytes variant = ctx.exchange.account().variant;
    return !variant.empty() && give(r, v, variant);
}

constexpr Variable variables[] = {
    {"llm_route", get_route},
    {"llm_prefix", get_prefix},
    {"llm_system_version", get_system_version},
    {"llm_variant", get_variant},
};

}  // namespace

std::span<const Variable> route_variables() {
    return variables;
}

}  // namespace llm::door
