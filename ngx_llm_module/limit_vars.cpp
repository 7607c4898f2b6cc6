// Variables of keys, limits, budgets and prices.
#include "ngx_llm_module/limits.hpp"
#include "ngx_llm_module/vars.hpp"

namespace llm::door {
namespace {

bool get_key(ngx_http_request_t* r, Context& ctx,
             ngx_http_variable_value_t* v) {
    return ctx.key != nullptr && give(r, v, ctx.key->name);
}

bool get_plan(ngx_http_request_t* r, Context& ctx,
              ngx_http_variable_value_t* v) {
    return ctx.key != nullptr && give(r, v, ctx.key->plan);
}

bool get_budget_state(ngx_http_request_t* r, Context& ctx,
                      ngx_http_variable_value_t* v) {
    exchange::Spending* spending = ctx.exchange.spending();
    if (spending == nullptr) {
        return false;
    }
    Bytes name = exchange::name_of(spending->state(now()));
    return !name.empty() && give(r, v, name);
}

// Dollars with up to nine decimals.
bool give_usd(ngx_http_request_t* r, ngx_http_variable_value_t* v,
              int64_t nano) {
    constexpr int64_t kUsd = 1000000000;
    u_char text[NGX_INT64_LEN + 16];
    int64_t whole = nano / kUsd;
    int64_t rest = nano % kUsd;
    bool negative = nano < 0;
    u_char* end = ngx_sprintf(text, "%s%L.%09L", negative ? "-" : "",
                              negative ? -whole : whole,
                              negative ? -rest : rest);
    return give(r, v,
                Bytes(reinterpret_cast<char*>(text),
                      static_cast<size_t>(end - text)));
}

bool get_budget_remaining(ngx_http_request_t* r, Context& ctx,
                          ngx_http_variable_value_t* v) {
    exchange::Spending* spending = ctx.exchange.spending();
    if (spending == nullptr) {
        return false;
    }
    auto nano = spending->remaining_nano(now());
    return nano && give_usd(r, v, *nano);
}

bool get_limit(ngx_http_request_t* r, Context& ctx,
               ngx_http_variable_value_t* v) {
    const auto& denial = ctx.exchange.denial();
    return denial && !denial->rule.empty() && give(r, v, denial->rule);
}

bool get_cost(ngx_http_request_t* r, Context& ctx,
              ngx_http_variable_value_t* v) {
    return ctx.exchange.bill().known()
           && give_usd(r, v, ctx.exchange.bill().cost);
}

bool get_saved(ngx_http_request_t* r, Context& ctx,
               ngx_http_variable_value_t* v) {
    const exchange::Bill& bill = ctx.exchange.bill();
    return bill.saved != exchange::Bill::kUnknown
           && give_usd(r, v, bill.saved);
}

constexpr Variable kLimit[] = {
    {"llm_key", get_key},
    {"llm_plan", get_plan},
    {"llm_limit", get_limit},
    {"llm_budget_state", get_budget_state},
    {"llm_budget_remaining", get_budget_remaining},
};

constexpr Variable kPrice[] = {
    {"llm_cost_usd", get_cost},
    {"llm_saved_usd", get_saved},
};

}  // namespace

std::span<const Variable> limit_variables() {
    return kLimit;
}

std::span<const Variable> price_variables() {
    return kPrice;
}

}  // namespace llm::door
