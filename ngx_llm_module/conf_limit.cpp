// Keys, rates and budgets: llm_keys, llm_limit, llm_budget, llm_snapshot,
// llm_limit_fail.
#include "ngx_llm_module/conf_limit.hpp"

#include <algorithm>

#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/conf.hpp"
#include "ngx_llm_module/conf_words.hpp"
#include "ngx_llm_module/limits.hpp"
#include "src/limit/amount.hpp"
#include "src/limit/glob.hpp"
#include "src/route/model_name.hpp"

namespace llm::door {
namespace {

constexpr ngx_uint_t kMaxNodes = 10000;
// What a key's own entry may add to a request's demands.
constexpr size_t kKeyDemands = 5;
constexpr ngx_msec_t kSnapshotInterval = 10000;
constexpr ngx_int_t kLongestInterval = 86400000;

// What llm_limit and llm_budget have in common.
struct Common {
    ngx_http_complex_value_t* key = nullptr;
    int64_t nodes = 1;
    bool dry_run = false;
};

char* set_key(ngx_conf_t* cf, const ngx_str_t& argument, Bytes value,
              Common& common) {
    // Quotes count for nothing inside a word.
    if (value.empty() || value == "\"\"" || value == "''") {
        return wrong(cf, argument,
                     "is empty: name a variable, e.g. key=$llm_tenant");
    }
    ngx_str_t text = immortal(value);
    common.key = compile(cf, &text);
    return common.key == nullptr ? conf_error() : NGX_CONF_OK;
}

// 1: taken, 0: not one of these, -1: wrong and said so.
int read_common(ngx_conf_t* cf, const ngx_str_t& argument, Common& common) {
    Bytes text = view(argument);
    Bytes value;
    if (text == "dry_run") {
        common.dry_run = true;
        return 1;
    }
    if (take(text, "key", value)) {
        return set_key(cf, argument, value, common) == NGX_CONF_OK ? 1 : -1;
    }
    if (take(text, "nodes", value)) {
        uint64_t nodes = 0;
        if (!parse_decimal(value, nodes) || nodes == 0
            || nodes > kMaxNodes) {
            wrong(cf, argument, "must be 1 to 10000");
            return -1;
        }
        common.nodes = static_cast<int64_t>(nodes);
        return 1;
    }
    return 0;
}

char* check_name(ngx_conf_t* cf, const ngx_str_t& name) {
    for (char c : view(name)) {
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                    || (c >= '0' && c <= '9') || c == '_' || c == '-'
                    || c == '.';
        if (!good) {
            return wrong(cf, name,
                         "is no name: letters, digits, \"_\", \"-\" and "
                         "\".\" are allowed");
        }
    }
    if (name.len == 0 || name.len > 64) {
        return wrong(cf, name, "is no name: 1 to 64 characters are needed");
    }
    if (view(name) == limit::kKeysName) {
        return wrong(cf, name, "is what the limits of the key file are "
                               "called");
    }
    return NGX_CONF_OK;
}

// The accounts of a name are the same wherever it stands, so its numbers
// must be.
char* check_same(ngx_conf_t* cf, MainConf& main) {
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    std::string text;
    for (ngx_uint_t i = 0; i < cf->args->nelts; i++) {
        append_percent_encoded(text, view(args[i]));
        text += ' ';
    }
    std::string head(text, 0, text.find(' ', text.find(' ') + 1) + 1);
    if (main.limit.texts == nullptr) {
        main.limit.texts = ngx_array_create(cf->pool, 8, sizeof(ngx_str_t));
        if (main.limit.texts == nullptr) {
            return conf_error();
        }
        main.limit.place = place_of(cf);
    }
    auto* known = static_cast<ngx_str_t*>(main.limit.texts->elts);
    for (ngx_uint_t i = 0; i < main.limit.texts->nelts; i++) {
        if (view(known[i]).starts_with(head) && view(known[i]) != text) {
            return wrong(cf, args[1],
                         "stands elsewhere with other parameters: use "
                         "another name, or the same parameters");
        }
    }
    auto* slot = static_cast<ngx_str_t*>(ngx_array_push(main.limit.texts));
    if (slot == nullptr) {
        return conf_error();
    }
    *slot = copy_to(cf->pool, text);
    return slot->data == nullptr ? conf_error() : NGX_CONF_OK;
}

template <typename Entry>
char* add_entry(ngx_conf_t* cf, ngx_array_t*& entries, const Entry& entry) {
    if (entries == nullptr) {
        entries = ngx_array_create(cf->pool, 4, sizeof(Entry));
    }
    auto* known = entries == nullptr
                      ? nullptr
                      : static_cast<Entry*>(entries->elts);
    for (ngx_uint_t i = 0; known != nullptr && i < entries->nelts; i++) {
        if (known[i].rule->name == entry.rule->name) {
            return conf_text("is duplicate");
        }
    }
    auto* slot = entries == nullptr
                     ? nullptr
                     : static_cast<Entry*>(ngx_array_push(entries));
    if (slot == nullptr) {
        return conf_error();
    }
    *slot = entry;
    return NGX_CONF_OK;
}

char* set_rate(ngx_conf_t* cf, const ngx_str_t& argument, Bytes value,
               std::optional<limit::Rate>& out) {
    auto rate = limit::parse_rate(value);
    if (!rate.ok()) {
        return wrong(cf, argument, rate.error());
    }
    out = *rate;
    return NGX_CONF_OK;
}

char* set_count(ngx_conf_t* cf, const ngx_str_t& argument, Bytes value,
                int64_t& out) {
    auto count = limit::parse_count(value);
    if (!count.ok()) {
        return wrong(cf, argument, count.error());
    }
    out = *count;
    return NGX_CONF_OK;
}

char* read_limit(ngx_conf_t* cf, const ngx_str_t& argument,
                 limit::LimitRule& rule, int64_t& burst) {
    Bytes text = view(argument);
    Bytes value;
    if (take(text, "requests", value)) {
        return set_rate(cf, argument, value, rule.requests);
    }
    if (take(text, "tokens", value)) {
        return set_rate(cf, argument, value, rule.tokens);
    }
    if (take(text, "burst", value)) {
        return set_count(cf, argument, value, burst);
    }
    if (take(text, "ceiling", value)) {
        return set_count(cf, argument, value, rule.ceiling);
    }
    if (take(text, "concurrency", value)) {
        int64_t count = 0;
        char* rc = set_count(cf, argument, value, count);
        rule.concurrency = count;
        return rc;
    }
    if (text == "cap") {
        rule.cap = true;
        return NGX_CONF_OK;
    }
    return wrong(cf, argument, "is no parameter of this directive");
}

void share(limit::LimitRule& rule, int64_t burst, int64_t nodes) {
    if (rule.requests) {
        rule.requests_burst = limit::share_of_burst(
            burst > 0 ? burst : rule.requests->units, nodes);
        rule.requests = limit::share_of(*rule.requests, nodes);
    }
    if (rule.tokens) {
        rule.tokens_burst =
            limit::share_of_burst(rule.tokens->units, nodes);
        rule.tokens = limit::share_of(*rule.tokens, nodes);
    }
    if (rule.concurrency) {
        rule.concurrency = limit::share_of_burst(*rule.concurrency, nodes);
    }
}

char* set_limit(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    auto* rule = pool_new<limit::LimitRule>(cf->pool);
    if (rule == nullptr || check_name(cf, args[1]) != NGX_CONF_OK
        || check_repeated(cf, 2) != NGX_CONF_OK
        || check_same(cf, main_conf(cf)) != NGX_CONF_OK) {
        return conf_error();
    }
    rule->name = view(args[1]);
    Common common;
    int64_t burst = 0;
    for (ngx_uint_t i = 2; i < cf->args->nelts; i++) {
        int taken = read_common(cf, args[i], common);
        if (taken < 0
            || (taken == 0
                && read_limit(cf, args[i], *rule, burst) != NGX_CONF_OK)) {
            return conf_error();
        }
    }
    if (common.key == nullptr) {
        return wrong(cf, args[1], "needs key=, e.g. key=$llm_tenant");
    }
    if (!rule->requests && !rule->tokens && !rule->concurrency) {
        return wrong(cf, args[1],
                     "limits nothing: requests=, tokens= or concurrency= is "
                     "needed");
    }
    if (burst > 0 && !rule->requests) {
        return wrong(cf, args[1], "has burst= without requests=");
    }
    if ((rule->cap || rule->ceiling > 0) && !rule->tokens) {
        return wrong(cf, args[1], "has cap or ceiling= without tokens=");
    }
    share(*rule, burst, common.nodes);
    rule->dry_run = common.dry_run;
    auto& loc = static_cast<LocConf*>(conf)->limit;
    return add_entry(cf, loc.limits,
                     LimitEntry{rule, limit_key(cf, common.key)});
}

char* set_usd(ngx_conf_t* cf, const ngx_str_t& argument, Bytes value,
              limit::BudgetRule& rule) {
    auto allowance = limit::parse_allowance(value);
    if (!allowance.ok()) {
        return wrong(cf, argument, allowance.error());
    }
    rule.nano = allowance->nano;
    rule.period = allowance->period;
    return NGX_CONF_OK;
}

char* set_zone_name(ngx_conf_t* cf, const ngx_str_t& argument, Bytes value,
                    limit::BudgetRule& rule) {
    auto zone = limit::TimeZone::load(value);
    if (!zone.ok()) {
        return wrong(cf, argument, zone.error());
    }
    rule.zone =
        std::make_shared<const limit::TimeZone>(std::move(*zone));
    return NGX_CONF_OK;
}

char* set_soft(ngx_conf_t* cf, const ngx_str_t& argument, Bytes value,
               int64_t& percent) {
    auto number = limit::parse_percent(value);
    if (!number.ok()) {
        return wrong(cf, argument, number.error());
    }
    percent = *number;
    return NGX_CONF_OK;
}

char* set_exceed(ngx_conf_t* cf, const ngx_str_t& argument, Bytes value,
                 limit::BudgetRule& rule) {
    constexpr Bytes kModel = "model:";
    if (value == "reject") {
        return NGX_CONF_OK;
    }
    if (!value.starts_with(kModel) || value.size() == kModel.size()) {
        return wrong(cf, argument, "must be \"reject\" or \"model:NAME\"");
    }
    rule.exceed_model = value.substr(kModel.size());
    if (!route::is_model_name(rule.exceed_model)
        || rule.exceed_model.find('$') != std::string::npos) {
        return wrong(cf, argument, "names no model; variables have no place "
                                   "there");
    }
    return NGX_CONF_OK;
}

char* read_budget(ngx_conf_t* cf, const ngx_str_t& argument,
                  limit::BudgetRule& rule, int64_t& percent) {
    Bytes value;
    Bytes text = view(argument);
    if (take(text, "usd", value)) {
        return set_usd(cf, argument, value, rule);
    }
    if (take(text, "tz", value)) {
        return set_zone_name(cf, argument, value, rule);
    }
    if (take(text, "soft", value)) {
        return set_soft(cf, argument, value, percent);
    }
    if (take(text, "exceed", value)) {
        return set_exceed(cf, argument, value, rule);
    }
    return wrong(cf, argument, "is no parameter of this directive");
}

char* set_budget(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    auto* rule = pool_new<limit::BudgetRule>(cf->pool);
    if (rule == nullptr || check_name(cf, args[1]) != NGX_CONF_OK
        || check_repeated(cf, 2) != NGX_CONF_OK
        || check_same(cf, main_conf(cf)) != NGX_CONF_OK) {
        return conf_error();
    }
    rule->name = view(args[1]);
    rule->nano = -1;
    Common common;
    int64_t percent = limit::kSoftPercent;
    for (ngx_uint_t i = 2; i < cf->args->nelts; i++) {
        int taken = read_common(cf, args[i], common);
        if (taken < 0
            || (taken == 0
                && read_budget(cf, args[i], *rule, percent)
                       != NGX_CONF_OK)) {
            return conf_error();
        }
    }
    if (common.key == nullptr) {
        return wrong(cf, args[1], "needs key=, e.g. key=$llm_tenant");
    }
    if (rule->nano < 0) {
        return wrong(cf, args[1], "needs usd=, e.g. usd=50/day");
    }
    rule->nano = limit::share_of_budget(rule->nano, common.nodes);
    rule->set_soft(percent);
    rule->dry_run = common.dry_run;
    auto& loc = static_cast<LocConf*>(conf)->limit;
    return add_entry(
        cf, loc.budgets,
        BudgetEntry{rule, limit_key(cf, common.key), place_of(cf)});
}

char* set_keys(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    auto& limit = static_cast<MainConf*>(conf)->limit;
    if (limit.keys != nullptr) {
        return conf_text("is duplicate");
    }
    limit.keys_place = place_of(cf);
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    ngx_str_t path = args[1];
    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return conf_error();
    }
    watch::WatchOptions options;
    options.path = view(path);
    limit.keys = pool_new<watch::Watched<limit::KeyTable>>(
        cf->pool, std::move(options),
        [](Bytes text) { return limit::KeyTable::parse(text); });
    if (limit.keys == nullptr) {
        return conf_error();
    }
    auto opened = limit.keys->open(now());
    if (!opened.ok()) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"llm_keys\": \"%V\": %s",
                           &path, opened.error().message.c_str());
        return conf_error();
    }
    Bytes value;
    if (cf->args->nelts == 3) {
        if (!take(view(args[2]), "credential", value) || value.empty()) {
            return wrong(cf, args[2], "must be credential=$variable");
        }
        ngx_str_t text = immortal(value);
        limit.credential = compile(cf, &text);
        if (limit.credential == nullptr) {
            return conf_error();
        }
    }
    return NGX_CONF_OK;
}

char* set_snapshot(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    auto& limit = static_cast<MainConf*>(conf)->limit;
    if (limit.snapshot.data != nullptr) {
        return conf_text("is duplicate");
    }
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    limit.snapshot = args[1];
    limit.snapshot_interval = kSnapshotInterval;
    limit.snapshot_place = place_of(cf);
    if (limit.snapshot.len == 0
        || ngx_conf_full_name(cf->cycle, &limit.snapshot, 1) != NGX_OK) {
        return wrong(cf, args[1], "is no file");
    }
    if (view(limit.snapshot).ends_with('/')) {
        return wrong(cf, args[1], "is a directory: name a file in it");
    }
    if (cf->args->nelts == 3) {
        ngx_int_t time = ngx_parse_time(&args[2], 0);
        if (time == NGX_ERROR || time < 1000 || time > kLongestInterval) {
            return wrong(cf, args[2], "must be a time of 1s to 1d");
        }
        limit.snapshot_interval = static_cast<ngx_msec_t>(time);
    }
    return NGX_CONF_OK;
}

char* set_fail(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    auto& limit = static_cast<MainConf*>(conf)->limit;
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    if (limit.fail_set) {
        return conf_text("is duplicate");
    }
    limit.fail_set = true;
    limit.fail_open = view(args[1]) == "open";
    return limit.fail_open || view(args[1]) == "closed"
               ? NGX_CONF_OK
               : wrong(cf, args[1], "must be \"open\" or \"closed\"");
}

ngx_command_t commands[] = {
    {ngx_string("llm_keys"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE12, set_keys,
     NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_limit"), kEverywhere | NGX_CONF_2MORE, set_limit,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_budget"), kEverywhere | NGX_CONF_2MORE, set_budget,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_snapshot"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE12,
     set_snapshot, NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_limit_fail"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1,
     set_fail, NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
};

// Money must not vanish by inheritance: the outer level's stay.
template <typename Entry>
char* inherit(ngx_conf_t* cf, ngx_array_t* outer, ngx_array_t*& inner) {
    if (outer == nullptr) {
        return NGX_CONF_OK;
    }
    if (inner == nullptr) {
        inner = outer;
        return NGX_CONF_OK;
    }
    auto* entries = static_cast<Entry*>(outer->elts);
    for (ngx_uint_t i = 0; i < outer->nelts; i++) {
        // The same name once more says the same.
        char* rc = add_entry(cf, inner, entries[i]);
        if (rc == conf_error()) {
            return rc;
        }
    }
    return NGX_CONF_OK;
}

size_t demands_of(const LimitLoc& conf) {
    size_t early = 0;
    size_t late = conf.budgets == nullptr ? 0 : conf.budgets->nelts;
    auto* entries = conf.limits == nullptr
                        ? nullptr
                        : static_cast<LimitEntry*>(conf.limits->elts);
    for (ngx_uint_t i = 0; entries != nullptr && i < conf.limits->nelts;
         i++) {
        const limit::LimitRule& rule = *entries[i].rule;
        early += (rule.requests ? 1 : 0) + (rule.concurrency ? 1 : 0);
        late += rule.tokens ? 1 : 0;
    }
    return std::max(early, late);
}

// Beyond the soft line all requests would be refused for it. With providers
// it may have a price under one's name.
bool has_price(const MainConf& main, Bytes model) {
    const PriceMain& price = main.price;
    if (price.common == nullptr || price.allow_unpriced
        || registry_of(main) != nullptr) {
        return true;
    }
    price::Book book{price.own == nullptr ? nullptr : price.own->value(),
                     price.common->value()};
    return book.find(model) != nullptr;
}

// Where every model needs a provider, exceed=model: without one is wrong.
char* check_budgets(ngx_conf_t* cf, const LocConf& conf) {
    const ngx_array_t* budgets = conf.limit.budgets;
    if (budgets == nullptr) {
        return NGX_CONF_OK;
    }
    auto* entries = static_cast<BudgetEntry*>(budgets->elts);
    for (ngx_uint_t i = 0; i < budgets->nelts; i++) {
        const std::string& model = entries[i].rule->exceed_model;
        if (!has_price(main_conf(cf), model) && !model.empty()) {
            complain(cf, entries[i].place,
                     "\"llm_budget\": \"exceed=model:%s\" has no price in "
                     "\"llm_prices\", so it would be refused",
                     model.c_str());
            return conf_error();
        }
        if (!model.empty() && conf.provider.required == 1
            && check_literal_model(cf, main_conf(cf), entries[i].place,
                                   "llm_budget", model)
                   != NGX_OK) {
            return conf_error();
        }
    }
    return NGX_CONF_OK;
}

char* merge_loc(ngx_conf_t* cf, LocConf& outer, LocConf& inner) {
    const LimitLoc& prev = outer.limit;
    LimitLoc& conf = inner.limit;
    if (inherit<LimitEntry>(cf, prev.limits, conf.limits) != NGX_CONF_OK
        || inherit<BudgetEntry>(cf, prev.budgets, conf.budgets)
               != NGX_CONF_OK) {
        return conf_error();
    }
    if (demands_of(conf) + kKeyDemands > limit::kMaxDemands) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %uz limits and budgets apply here: "
                           "\"requests=\" and \"concurrency=\" count "
                           "together, \"tokens=\" and budgets too",
                           limit::kMaxDemands - kKeyDemands);
        return conf_error();
    }
    return check_budgets(cf, inner);
}

ngx_int_t check(ngx_conf_t* cf, MainConf& main) {
    const LimitMain& conf = main.limit;
    // Limits of a key may come with the next version of the file.
    if (conf.keys != nullptr && main.core.zone == nullptr) {
        complain(cf, conf.keys_place,
                 "\"llm_keys\" needs \"llm_zone name:size\" in http");
        return NGX_ERROR;
    }
    if (conf.snapshot.data != nullptr && main.core.zone == nullptr) {
        complain(cf, conf.snapshot_place,
                 "\"llm_snapshot\" needs \"llm_zone name:size\" in http, "
                 "which it keeps");
        return NGX_ERROR;
    }
    if (conf.texts != nullptr && main.core.zone == nullptr) {
        complain(cf, conf.place,
                 "\"llm_limit\" and \"llm_budget\" need \"llm_zone "
                 "name:size\" in http");
        return NGX_ERROR;
    }
    auto* texts = conf.texts == nullptr
                      ? nullptr
                      : static_cast<ngx_str_t*>(conf.texts->elts);
    for (ngx_uint_t i = 0; texts != nullptr && i < conf.texts->nelts; i++) {
        if (view(texts[i]).starts_with("llm_budget ")
            && main.price.common == nullptr) {
            complain(cf, conf.place,
                     "\"llm_budget\" needs \"llm_prices file\" in http");
            return NGX_ERROR;
        }
    }
    return NGX_OK;
}

}  // namespace

constinit const Room limit_room = {
    .commands = commands,
    .variables = limit_variables,
    .create_main = nullptr,
    .create_loc = nullptr,
    .merge_loc = merge_loc,
    .postconfiguration = check,
    .init_process = start_limits,
    .exit_process = stop_limits,
    .tick = tick_limits,
};

}  // namespace llm::door
