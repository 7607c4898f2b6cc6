#include "ngx_llm_module/limits.hpp"

#include "ngx_llm_module/headers.hpp"
#include "ngx_llm_module/identity.hpp"
#include "ngx_llm_module/zone.hpp"

namespace llm::door {
namespace {

// Variables that are not known before the body is.
constexpr Bytes kOfBody[] = {
    "llm_api",        "llm_operation",  "llm_stream",
    "llm_model",      "llm_task",       "llm_complexity",
    "llm_upstream_model", "llm_prefix", "llm_cache_key",
    "llm_critical",   "llm_provider",   "request_body",
};

bool names_body(const ngx_http_complex_value_t& value) {
    if (value.lengths == nullptr) {
        return false;
    }
    for (Bytes name : kOfBody) {
        if (view(value.value).find(name) != Bytes::npos) {
            return true;
        }
    }
    return false;
}

// Empty when memory is out too: the rule then does not apply, as when its
// key is empty.
std::string evaluate(ngx_http_request_t* r, ngx_http_complex_value_t* value) {
    ngx_str_t text = ngx_null_string;
    if (ngx_http_complex_value(r, value, &text) != NGX_OK) {
        return {};
    }
    return std::string(view(text));
}

template <typename Entry>
std::span<Entry> entries_of(ngx_array_t* array) {
    if (array == nullptr) {
        return {};
    }
    return {static_cast<Entry*>(array->elts), array->nelts};
}

void add_key_rules(Context& ctx, exchange::Spending& spending) {
    if (ctx.key == nullptr) {
        return;
    }
    ctx.key_rules = limit::rules_of(*ctx.key);
    std::string value = ctx.key->hash.hex();
    for (const limit::LimitRule& rule : ctx.key_rules.limits) {
        spending.add(exchange::LimitAsk{&rule, value, false});
    }
    for (const limit::BudgetRule& rule : ctx.key_rules.budgets) {
        spending.add(exchange::BudgetAsk{&rule, value});
    }
}

std::unique_ptr<exchange::Spending> make_spending(ngx_http_request_t* r,
                                                  Context& ctx) {
    const LimitLoc& conf = loc_conf(r).limit;
    if (conf.limits == nullptr && conf.budgets == nullptr
        && ctx.key == nullptr) {
        return nullptr;
    }
    exchange::Services& services = worker_services();
    auto spending = std::make_unique<exchange::Spending>(
        services.ledger, services.owner, services.limits_fail_open,
        ctx.exchange.observe());
    for (const LimitEntry& entry : entries_of<LimitEntry>(conf.limits)) {
        spending->add(exchange::LimitAsk{
            entry.rule, evaluate(r, entry.key), names_body(*entry.key)});
    }
    for (const BudgetEntry& entry : entries_of<BudgetEntry>(conf.budgets)) {
        spending->add(
            exchange::BudgetAsk{entry.rule, evaluate(r, entry.key)});
    }
    add_key_rules(ctx, *spending);
    return spending->empty() ? nullptr : std::move(spending);
}

// Tags may name anything that stands before the body; the key's own too.
void read_account(ngx_http_request_t* r, Context& ctx) {
    const PriceMain& main = main_conf(r).price;
    const PriceLoc& conf = loc_conf(r).price;
    if (ctx.key == nullptr && conf.baseline == nullptr
        && main.tag_names == nullptr) {
        return;
    }
    exchange::Account account;
    if (ctx.key != nullptr) {
        account.tenant = ctx.key->tenant;
    }
    if (conf.baseline != nullptr) {
        account.baseline = evaluate(r, conf.baseline);
    }
    for (const ngx_str_t& name : entries_of<ngx_str_t>(main.tag_names)) {
        std::string value;
        for (const TagEntry& tag : entries_of<TagEntry>(conf.tags)) {
            if (view(tag.name) == view(name)) {
                value = evaluate(r, tag.value);
            }
        }
        account.tags.push_back(std::move(value));
    }
    ctx.exchange.charge_to(std::move(account));
}

ngx_int_t add_if_any(ngx_http_request_t* r, Bytes name,
                     const std::string& value) {
    return value.empty() ? NGX_OK : add_header(r, name, value);
}

ngx_int_t add_retry_headers(ngx_http_request_t* r,
                            const limit::RetryHeaders& retry) {
    bool failed =
        add_if_any(r, "Retry-After", retry.retry_after) != NGX_OK
        || add_if_any(r, "retry-after-ms", retry.retry_after_ms) != NGX_OK
        || add_if_any(r, "x-should-retry", retry.should_retry) != NGX_OK;
    return failed ? NGX_ERROR : NGX_OK;
}

// What the provider says of its own limits is not what ours are.
void drop_foreign(ngx_http_request_t* r, const Bytes (&names)[3]) {
    constexpr size_t kShortest = Bytes("x-ratelimit-limit-tokens").size();
    each_header(r->headers_out.headers, [&](ngx_table_elt_t& header) {
        Bytes key = view(header.key);
        if (key.size() < kShortest || (key[2] | 0x20) != 'r') {
            return;
        }
        for (Bytes name : names) {
            if (equals_ignore_case(key, name)) {
                header.hash = 0;
                ngx_str_null(&header.key);
                return;
            }
        }
    });
}

ngx_int_t add_rate(ngx_http_request_t* r, const limit::RateHeaders& rate,
                   const Bytes (&names)[3]) {
    if (rate.limit.empty()) {
        return NGX_OK;
    }
    drop_foreign(r, names);
    bool failed = add_header(r, names[0], rate.limit) != NGX_OK
                  || add_header(r, names[1], rate.remaining) != NGX_OK
                  || add_header(r, names[2], rate.reset) != NGX_OK;
    return failed ? NGX_ERROR : NGX_OK;
}

}  // namespace

bool is_guarded(ngx_http_request_t* r) {
    const LocConf& conf = loc_conf(r);
    return conf.core.handler == nullptr
           && (main_conf(r).limit.keys != nullptr
               || conf.limit.limits != nullptr
               || conf.limit.budgets != nullptr);
}

std::optional<api::ApiError> admit(ngx_http_request_t* r, Context& ctx) {
    std::optional<api::ApiError> error = identify(r, ctx);
    if (error && !ctx.exchange.observe()) {
        return error;
    }
    read_account(r, ctx);
    auto spending = make_spending(r, ctx);
    if (!spending) {
        return std::nullopt;
    }
    ctx.exchange.limit_by(std::move(spending));
    return ctx.exchange.admit(now());
}

void read_late_keys(ngx_http_request_t* r, Context& ctx) {
    exchange::Spending* spending = ctx.exchange.spending();
    if (spending == nullptr) {
        return;
    }
    const LimitLoc& conf = loc_conf(r).limit;
    size_t i = 0;
    for (const LimitEntry& entry : entries_of<LimitEntry>(conf.limits)) {
        spending->set_limit_value(i++, evaluate(r, entry.key));
    }
    i = 0;
    for (const BudgetEntry& entry : entries_of<BudgetEntry>(conf.budgets)) {
        spending->set_budget_value(i++, evaluate(r, entry.key));
    }
}

ngx_int_t add_limit_headers(ngx_http_request_t* r, Context& ctx) {
    exchange::Spending* spending = ctx.exchange.spending();
    if (spending == nullptr || ctx.exchange.observe()) {
        return NGX_OK;
    }
    static constexpr Bytes kRequests[] = {"x-ratelimit-limit-requests",
                                          "x-ratelimit-remaining-requests",
                                          "x-ratelimit-reset-requests"};
    static constexpr Bytes kTokens[] = {"x-ratelimit-limit-tokens",
                                        "x-ratelimit-remaining-tokens",
                                        "x-ratelimit-reset-tokens"};
    limit::LimitHeaders headers = spending->headers();
    if (add_rate(r, headers.requests, kRequests) != NGX_OK
        || add_rate(r, headers.tokens, kTokens) != NGX_OK) {
        return NGX_ERROR;
    }
    const auto& denial = ctx.exchange.denial();
    return denial ? add_retry_headers(r, denial->retry) : NGX_OK;
}

}  // namespace llm::door
