#include "ngx_llm_module/limits.hpp"

#include <array>
#include <cstring>

#include "ngx_llm_module/headers.hpp"
#include "ngx_llm_module/identity.hpp"
#include "ngx_llm_module/zone.hpp"

namespace llm::door {
namespace {

// A view into the request's memory. Empty when memory is out too: the rule
// then does not apply, as when its key is empty.
Bytes evaluate(ngx_http_request_t* r, ngx_http_complex_value_t* value) {
    ngx_str_t text = ngx_null_string;
    if (ngx_http_complex_value(r, value, &text) != NGX_OK) {
        return {};
    }
    return view(text);
}

Bytes evaluate(ngx_http_request_t* r, const Context& ctx,
               const LimitKey& key) {
    if (key.is_tenant) {
        return ctx.tenant;
    }
    if (key.is_key) {
        return ctx.key != nullptr ? Bytes(ctx.key->name) : Bytes{};
    }
    if (key.variable < 0) {
        return evaluate(r, key.text);
    }
    ngx_http_variable_value_t* value = ngx_http_get_flushed_variable(
        r, static_cast<ngx_uint_t>(key.variable));
    if (value == nullptr || value->not_found) {
        return {};
    }
    return {reinterpret_cast<char*>(value->data), value->len};
}

template <typename Entry>
std::span<Entry> entries_of(ngx_array_t* array) {
    if (array == nullptr) {
        return {};
    }
    return {static_cast<Entry*>(array->elts), array->nelts};
}

void add_key_rules(Context& ctx, exchange::Spending& spending) {
    if (ctx.key == nullptr || ctx.key->rules == nullptr) {
        return;
    }
    const limit::KeyRules& rules = *ctx.key->rules;
    for (const limit::LimitRule& rule : rules.limits) {
        spending.add(rule, rules.value);
    }
    for (const limit::BudgetRule& rule : rules.budgets) {
        spending.add(rule, rules.value);
    }
}

std::unique_ptr<exchange::Spending> make_spending(ngx_http_request_t* r,
                                                  Context& ctx) {
    const LimitLoc& conf = loc_conf(r).limit;
    if (conf.limits == nullptr && conf.budgets == nullptr
        && (ctx.key == nullptr || ctx.key->rules == nullptr)) {
        return nullptr;
    }
    exchange::Services& services = worker_services();
    auto spending = services.spendings.take(ctx.exchange.observe());
    if (!spending) {
        spending = std::make_unique<exchange::Spending>(
            services.ledger, services.owner, services.limits_fail_open,
            ctx.exchange.observe(), &services.accounts);
    }
    for (const LimitEntry& entry : entries_of<LimitEntry>(conf.limits)) {
        spending->add(*entry.rule, evaluate(r, ctx, entry.key),
                      entry.key.of_body);
    }
    for (const BudgetEntry& entry : entries_of<BudgetEntry>(conf.budgets)) {
        spending->add(*entry.rule, evaluate(r, ctx, entry.key));
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
        Bytes value;
        for (const TagEntry& tag : entries_of<TagEntry>(conf.tags)) {
            if (view(tag.name) == view(name)) {
                value = evaluate(r, tag.value);
            }
        }
        account.tags.emplace_back(value);
    }
    ctx.exchange.charge_to(std::move(account));
}

ngx_int_t add_if_any(ngx_http_request_t* r, Bytes name,
                     const std::string& value) {
    return value.empty() ? NGX_OK : add_header(r, name, value);
}

constexpr Bytes kPrefix = "x-ratelimit-";
constexpr size_t kRateHeaders = 6;
// As RateHeaders has them, of requests, then of tokens.
constexpr Bytes kNames[kRateHeaders] = {
    "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests", "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"};

// False: the first eight letters are others. Most headers end here.
bool may_begin(Bytes key, Bytes lower_prefix) {
    constexpr uint64_t kLower = 0x2020202020202020;
    uint64_t a = 0;
    uint64_t b = 0;
    std::memcpy(&a, key.data(), sizeof(a));
    std::memcpy(&b, lower_prefix.data(), sizeof(b));
    return (a | kLower) == (b | kLower);
}

// Which of kNames it is; kRateHeaders: none. They differ in size, but for
// limit and reset, which differ in a letter.
size_t index_of(Bytes key) {
    constexpr size_t kTelling = kPrefix.size() + 2;  // li_m_it, re_s_et
    if (key.size() <= kTelling || !may_begin(key, kPrefix)) {
        return kRateHeaders;
    }
    bool reset = ascii_lower(key[kTelling]) == 's';
    size_t i = 0;
    while (i < kRateHeaders
           && (key.size() != kNames[i].size()
               || reset != (kNames[i][kTelling] == 's'))) {
        i++;
    }
    bool same = i < kRateHeaders
                && (key == kNames[i] || equals_ignore_case(key, kNames[i]));
    return same ? i : kRateHeaders;
}

using RateValues = std::array<ngx_str_t, kRateHeaders>;

// The values, in the request's memory; those that are not told are empty.
bool keep_values(ngx_http_request_t* r, const limit::LimitHeaders& headers,
                 RateValues& values) {
    const limit::ShortText* texts[kRateHeaders] = {
        &headers.requests.limit, &headers.requests.remaining,
        &headers.requests.reset, &headers.tokens.limit,
        &headers.tokens.remaining, &headers.tokens.reset};
    auto* to = static_cast<u_char*>(
        ngx_pnalloc(r->pool, kRateHeaders * limit::ShortText::kMax));
    if (to == nullptr) {
        return false;
    }
    for (size_t i = 0; i < kRateHeaders; i++) {
        Bytes text = texts[i]->view();
        values[i] = {text.size(), to};
        to = ngx_cpymem(to, text.data(), text.size());
    }
    return true;
}

// What the provider says of its own limits is not what ours are: ours stand
// in their place, the first time, and nothing the second.
void replace_foreign(ngx_http_request_t* r, RateValues& values,
                     std::array<bool, kRateHeaders>& told) {
    each_header(r->headers_out.headers, [&](ngx_table_elt_t& header) {
        size_t i = index_of(view(header.key));
        if (i == kRateHeaders || values[i].len == 0) {
            return;
        }
        if (header.hash != 0 && !told[i]) {
            told[i] = true;
            header.value = values[i];
            return;
        }
        header.hash = 0;
        ngx_str_null(&header.key);
    });
}

ngx_int_t add_rate_headers(ngx_http_request_t* r,
                           const limit::LimitHeaders& headers) {
    RateValues values;
    std::array<bool, kRateHeaders> told{};
    if (headers.requests.limit.empty() && headers.tokens.limit.empty()) {
        return NGX_OK;
    }
    if (!keep_values(r, headers, values)) {
        return NGX_ERROR;
    }
    replace_foreign(r, values, told);
    for (size_t i = 0; i < kRateHeaders; i++) {
        if (values[i].len > 0 && !told[i]
            && push_header(r, kNames[i], values[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }
    return NGX_OK;
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
    return ctx.exchange.admit(ctx.exchange.start());
}

void read_late_keys(ngx_http_request_t* r, Context& ctx) {
    exchange::Spending* spending = ctx.exchange.spending();
    if (spending == nullptr) {
        return;
    }
    const LimitLoc& conf = loc_conf(r).limit;
    size_t i = 0;
    for (const LimitEntry& entry : entries_of<LimitEntry>(conf.limits)) {
        if (spending->waits_for_value(i)) {
            spending->set_limit_value(i, evaluate(r, ctx, entry.key));
        }
        i++;
    }
    i = 0;
    for (const BudgetEntry& entry : entries_of<BudgetEntry>(conf.budgets)) {
        spending->set_budget_value(i++, evaluate(r, ctx, entry.key));
    }
}

ngx_int_t add_retry_headers(ngx_http_request_t* r,
                            const limit::RetryHeaders& retry) {
    bool failed =
        add_if_any(r, "Retry-After", retry.retry_after) != NGX_OK
        || add_if_any(r, "retry-after-ms", retry.retry_after_ms) != NGX_OK
        || add_if_any(r, "x-should-retry", retry.should_retry) != NGX_OK;
    return failed ? NGX_ERROR : NGX_OK;
}

ngx_int_t add_limit_headers(ngx_http_request_t* r, Context& ctx) {
    exchange::Spending* spending = ctx.exchange.spending();
    if (spending == nullptr || ctx.exchange.observe()) {
        return NGX_OK;
    }
    if (add_rate_headers(r, spending->headers()) != NGX_OK) {
        return NGX_ERROR;
    }
    const auto& denial = ctx.exchange.denial();
    return denial ? add_retry_headers(r, denial->retry) : NGX_OK;
}

}  // namespace llm::door
