#include "src/exchange/spending.hpp"

#include <algorithm>
#include <utility>

namespace llm::exchange {
namespace {

using limit::Demand;
using limit::Kind;
using limit::Standing;

// At or above the soft line without what this request holds itself.
bool is_soft(const Demand& demand, const Standing& standing) {
    return standing.limit - standing.remaining - standing.granted
           >= demand.soft;
}
}  // namespace

Bytes name_of(BudgetState state) {
    switch (state) {
    case BudgetState::kNone: break;
    case BudgetState::kOk: return "ok";
    case BudgetState::kSoft: return "soft";
    case BudgetState::kHard: return "hard";
    }
    return "";
}

void Spending::Part::clear() {
    demands.clear();
    standings.clear();
    rules.clear();
    reservation = {};
    refused = 0;
    untaken = 0;
}

Demand& Spending::Part::add(size_t rule) {
    rules.push_back(static_cast<uint16_t>(rule));
    return demands.emplace_back();
}

void Spending::clear() {
    limits_.clear();
    budgets_.clear();
    early_.clear();
    late_.clear();
    asked_.clear();
    over_ = false;
    need_ = {};
    output_ = 0;
    cap_ = false;
    degrade_to_ = {};
    degraded_ = false;
    kept_ns_ = 0;
    crossings_.clear();
    would_refuse_ = false;
    unchecked_ = {};
}

void Spending::add(const limit::LimitRule& rule, Bytes value, bool late) {
    LimitAsk& ask = limits_.add();
    ask.rule = &rule;
    ask.value = value;
    ask.late = late;
}

void Spending::add(const limit::BudgetRule& rule, Bytes value) {
    BudgetAsk& ask = budgets_.add();
    ask.rule = &rule;
    ask.value = value;
}

void Spending::set_limit_value(size_t i, Bytes value) {
    LimitAsk& ask = limits_[i];
    ask.late = ask.late || ask.value.empty();
    if (ask.late) {
        ask.value = value;
    }
}

void Spending::set_budget_value(size_t i, Bytes value) {
    budgets_[i].value = value;
}

limit::AccountKey Spending::key(Kind kind, Bytes name, Bytes value,
                                int64_t window_start_s) const {
    return memo_ != nullptr
               ? memo_->key(ledger_, kind, name, value, window_start_s)
               : ledger_.key(kind, name, value, window_start_s);
}

// Request rate and concurrency of one rule.
void Spending::ask_requests(size_t i, Part& part) {
    const limit::LimitRule& rule = *limits_[i].rule;
    Bytes value = limits_[i].value;
    if (value.empty()) {
        return;
    }
    bool dry_run = rule.dry_run || observe_;
    if (rule.requests) {
        Demand& demand = part.add(i);
        demand.kind = Kind::kRequests;
        demand.dry_run = dry_run;
        demand.rate = *rule.requests;
        demand.limit = rule.requests_burst;
        demand.key = key(demand.kind, rule.name, value);
    }
    if (rule.concurrency) {
        Demand& demand = part.add(i);
        demand.kind = Kind::kConcurrency;
        demand.dry_run = dry_run;
        demand.limit = *rule.concurrency;
        demand.key = key(demand.kind, rule.name, value);
    }
}

void Spending::ask_early() {
    for (size_t i = 0; ledger_ && i < limits_.size(); i++) {
        if (!limits_[i].late) {
            ask_requests(i, early_);
        }
    }
}

Demand& Spending::ask_budget(size_t i, Part& part, Now now) {
    const limit::BudgetRule& rule = *budgets_[i].rule;
    Demand& demand = part.add(i);
    demand.kind = Kind::kBudget;
    demand.dry_run = rule.dry_run || observe_;
    demand.limit = rule.nano;
    demand.soft = rule.soft;
    demand.window = limit::window_of(rule, now.wall_s());
    demand.key = key(demand.kind, rule.name, budgets_[i].value,
                     demand.window.start_s);
    demand.amount = 0;
    return demand;
}

void Spending::ask_tokens(const Need& need) {
    int64_t least =
        need.prompt
        + std::min(need.output, limit::kLeastOutput * need.choices);
    for (size_t i = 0; i < limits_.size(); i++) {
        const limit::LimitRule& rule = *limits_[i].rule;
        if (limits_[i].late) {
            ask_requests(i, late_);
        }
        if (!rule.tokens || limits_[i].value.empty()) {
            continue;
        }
        Demand& demand = late_.add(i);
        demand.kind = Kind::kTokens;
        demand.dry_run = rule.dry_run || observe_;
        demand.rate = *rule.tokens;
        demand.limit = rule.tokens_burst;
        demand.key = key(demand.kind, rule.name, limits_[i].value);
        demand.amount = need.prompt + need.output;
        if (rule.cap) {
            demand.least = least;
        }
    }
}

void Spending::ask_late(const Need& need, Now now) {
    late_.clear();
    asked_.clear();
    over_ = false;
    if (!ledger_) {
        return;
    }
    ask_tokens(need);
    if (budgets_.empty()) {
        return;
    }
    int64_t least = std::min(need.output, limit::kLeastOutput * need.choices);
    int64_t wanted_nano = most_nano(need, need.output);
    int64_t least_nano = most_nano(need, least);
    for (size_t i = 0; i < budgets_.size(); i++) {
        if (budgets_[i].value.empty()) {
            continue;
        }
        Demand& demand = ask_budget(i, late_, now);
        demand.amount = wanted_nano;
        demand.least = least_nano;
    }
}

Bytes Spending::name_of_rule(const Part& part, size_t i) const {
    size_t rule = part.rules[i];
    return part.demands[i].kind == Kind::kBudget
               ? Bytes(budgets_[rule].rule->name)
               : Bytes(limits_[rule].rule->name);
}

void Spending::note_standings(const Part& part) {
    for (size_t i = 0; i < part.demands.size(); i++) {
        would_refuse_ = would_refuse_ || part.standings[i].would_refuse;
        if (part.demands[i].kind != Kind::kBudget) {
            continue;
        }
        if (part.standings[i].crossed_hard) {
            crossings_.push_back({&budgets_[part.rules[i]], true});
        }
    }
}

std::optional<Denial> Spending::take(Part& part, Now now) {
    if (part.demands.empty() || !ledger_) {
        return std::nullopt;
    }
    part.standings.resize(part.demands.size());
    auto taken = ledger_.reserve(part.demands, part.standings, owner_, kLease,
                                 now);
    if (!taken.ok()) {
        bool open = fail_open_  // or nothing but watched
                    || std::ranges::all_of(part.demands,
                                           &limit::Demand::dry_run);
        part.clear();
        unchecked_ = open ? Bytes("passed") : Bytes("refused");
        return open ? std::nullopt : std::optional(denial_by_ledger());
    }
    note_standings(part);
    part.refused = taken->refused;
    for (size_t i = 0; i < part.standings.size(); i++) {
        part.untaken |= uint32_t{part.standings[i].would_refuse} << i;
    }
    if (taken->refusal) {
        size_t which = taken->refusal->which;
        return denial_by(name_of_rule(part, which), part.demands[which].kind,
                         *taken->refusal);
    }
    part.reservation = taken->reservation;
    kept_ns_ = now.mono_ns;
    return std::nullopt;
}

std::optional<Denial> Spending::admit(Now now) {
    ask_early();
    return take(early_, now);
}

// The output that every grant pays for.
int64_t Spending::affordable(const Need& need) const {
    int64_t output = need.output;
    for (size_t i = 0; i < late_.demands.size(); i++) {
        const Demand& demand = late_.demands[i];
        int64_t granted = late_.standings[i].granted;
        bool bounded = demand.kind == Kind::kTokens
                       || demand.kind == Kind::kBudget;
        if (!bounded || demand.dry_run || granted >= demand.amount) {
            continue;
        }
        int64_t pays = granted - need.prompt;
        if (demand.kind == Kind::kBudget) {
            pays = output_for(need, granted);
        }
        output = std::min(output, pays);
    }
    return std::max<int64_t>(output, 0);
}

std::span<const int64_t> Spending::amounts_for(int64_t output,
                                               Amounts& out) const {
    int64_t nano = most_nano(need_, output);
    size_t count = 0;
    for (const Demand& demand : late_.demands) {
        constexpr int64_t kAsBefore = -1;
        switch (demand.kind) {
        case Kind::kBudget: out[count++] = nano; break;
        case Kind::kTokens: out[count++] = need_.prompt + output; break;
        default: out[count++] = kAsBefore;
        }
    }
    return {out.data(), count};
}

// One scope granted less than the others: none holds more than the answer
// may now take.
void Spending::narrow(const Need& need, Now now) {
    output_ = affordable(need);
    output_ -= output_ % std::max<int64_t>(need.choices, 1);
    if (output_ < need.output && late_.reservation) {
        Amounts amounts;
        (void) ledger_.extend(late_.reservation, kLease,
                              amounts_for(output_, amounts), now);
    }
    cap_ = output_ < need.output;
    for (size_t i = 0; i < late_.demands.size(); i++) {
        const Demand& demand = late_.demands[i];
        bool capping = demand.kind == Kind::kBudget
                       || (demand.kind == Kind::kTokens
                           && limits_[late_.rules[i]].rule->cap);
        cap_ = cap_
               || (capping && !demand.dry_run && !need.output_named);
    }
}

// At the soft line, or where it refuses, a budget may name a smaller model.
bool Spending::degrade(Now now) {
    if (degraded_ || need_.keeps_model) {
        return false;
    }
    for (size_t i = 0; i < late_.demands.size(); i++) {
        if (late_.demands[i].kind != Kind::kBudget) {
            continue;
        }
        const limit::BudgetRule& rule = *budgets_[late_.rules[i]].rule;
        const Standing& standing = late_.standings[i];
        bool over = is_soft(late_.demands[i], standing)
                    || (late_.refused >> i & 1) != 0;
        if (!rule.exceed_model.empty() && !late_.demands[i].dry_run && over) {
            degraded_ = true;
            degrade_to_ = rule.exceed_model;
            release(now);
            return true;
        }
    }
    return false;
}

// Instead of the usual answer, where limits say so and the request nothing.
int64_t Spending::expected_output(const Need& need) const {
    int64_t each = INT64_MAX;
    for (const LimitAsk& ask : limits_) {
        bool counts = ask.rule->tokens && ask.rule->ceiling > 0
                      && !ask.value.empty() && !ask.rule->dry_run;
        each = std::min(each, counts ? ask.rule->ceiling : INT64_MAX);
    }
    if (need.output_named || each == INT64_MAX) {
        return need.output;
    }
    if (need.price != nullptr && need.price->max_output > 0) {
        each = std::min(each, need.price->max_output);
    }
    constexpr int64_t kMost = limit::Ledger::kMaxAmount / 2;
    return std::min(each, kMost / need.choices) * need.choices;
}

std::optional<Denial> Spending::reserve(const Need& wanted, Now now) {
    need_ = wanted;
    need_.output = expected_output(wanted);
    const Need& need = need_;
    degrade_to_ = {};
    ask_late(need, now);
    std::optional<Denial> denial = take(late_, now);
    if (degrade(now)) {
        return std::nullopt;
    }
    if (denial) {
        return denial;
    }
    if (late_.reservation) {
        narrow(need, now);
    } else {
        output_ = need.output;
    }
    return std::nullopt;
}

bool Spending::extend(int64_t output, Now now) {
    if (!late_.reservation || output <= output_) {
        return true;
    }
    Amounts amounts;
    auto taken = ledger_.extend(late_.reservation, kLease,
                                amounts_for(output, amounts), now);
    // Forgotten: nothing can be held for it any more. It is charged all the
    // same.
    if (!taken.ok() || !*taken) {
        return !taken.ok() && (fail_open_ || observe_);
    }
    output_ = output;
    kept_ns_ = now.mono_ns;
    return true;
}

void Spending::keep(Now now) {
    if (now.mono_ns - kept_ns_ < kLease / 4) {
        return;
    }
    kept_ns_ = now.mono_ns;
    for (Part* part : {&early_, &late_}) {
        if (part->reservation) {
            (void) ledger_.extend(part->reservation, kLease, {}, now);
        }
    }
}

int64_t Spending::cost_of(const api::Usage& usage) const {
    return need_.price == nullptr
               ? 0
               : price::cost_nano(*need_.price, usage).value_or(0);
}

int64_t Spending::settle(int64_t tokens, int64_t nano, Now now) {
    if (!late_.reservation) {
        return 0;
    }
    Amounts amounts;
    size_t count = 0;
    for (const Demand& demand : late_.demands) {
        bool taken = (late_.untaken >> count & 1) == 0;
        int64_t used = demand.kind == Kind::kBudget ? nano : tokens;
        amounts[count++] = taken ? used : -1;
    }
    auto actual = std::span<const int64_t>(amounts).first(count);
    auto settled = ledger_.settle(late_.reservation, actual,
                                  early_.reservation, now);
    if (settled.ok() && !settled->charged) {
        settled = ledger_.charge(late_.demands, actual, now);
        bool charged = settled.ok() && settled->charged;
        unchecked_ = charged ? Bytes() : Bytes("passed");
    }
    late_.reservation = {};
    early_.reservation = {};
    over_ = true;
    if (!settled.ok()) {
        return 0;
    }
    for (size_t i = 0; i < late_.demands.size(); i++) {
        if ((settled->crossed_soft >> i & 1) != 0) {
            crossings_.push_back({&budgets_[late_.rules[i]], false});
        }
    }
    return settled->overspent;
}

void Spending::release(Now now) {
    if (late_.reservation) {
        (void) ledger_.release(late_.reservation, now);
        late_.reservation = {};
        over_ = true;
    }
}

void Spending::end(bool refused, Now now) {
    release(now);
    if (!early_.reservation) {
        return;
    }
    if (refused) {
        (void) ledger_.release(early_.reservation, now);
    } else {
        (void) ledger_.settle({}, {}, early_.reservation, now);
    }
    early_.reservation = {};
}

limit::LimitHeaders Spending::headers() const {
    limit::Tightest tightest;
    tightest.add(early_.demands, early_.standings);
    tightest.add(late_.demands, late_.standings);
    return tightest.headers();
}

// Before anything is reserved, after a hit and after the settlement the
// ledger is asked.
const Spending::Part& Spending::money(Now now) {
    if (!over_ && !late_.standings.empty()) {
        return late_;
    }
    if (!asked_.standings.empty() || budgets_.empty() || !ledger_) {
        return asked_;
    }
    for (size_t i = 0; i < budgets_.size(); i++) {
        if (budgets_[i].value.empty()) {
            continue;
        }
        ask_budget(i, asked_, now);
    }
    auto peeked = ledger_.peek(asked_.demands, now);
    if (!peeked.ok()) {
        asked_.clear();
        return asked_;
    }
    asked_.standings.assign(
        peeked->standings.begin(),
        peeked->standings.begin()
            + static_cast<ptrdiff_t>(asked_.demands.size()));
    return asked_;
}

// A dry run has no effect, nor has it one by a variable.
bool Spending::tells(const Part& part, size_t i) const {
    return part.demands[i].kind == Kind::kBudget
           && (observe_ || !part.demands[i].dry_run);
}

BudgetState Spending::state(Now now) {
    const Part& part = money(now);
    auto state = BudgetState::kNone;
    for (size_t i = 0; i < part.standings.size(); i++) {
        if (!tells(part, i)) {
            continue;
        }
        const Standing& standing = part.standings[i];
        auto one = standing.remaining <= 0 ? BudgetState::kHard
                   : is_soft(part.demands[i], standing)
                       ? BudgetState::kSoft
                       : BudgetState::kOk;
        state = std::max(state, one);
    }
    return state;
}

std::optional<int64_t> Spending::remaining_nano(Now now) {
    const Part& part = money(now);
    std::optional<int64_t> least;
    for (size_t i = 0; i < part.standings.size(); i++) {
        if (tells(part, i)) {
            int64_t one = part.standings[i].remaining;
            least = std::min(least.value_or(one), one);
        }
    }
    return least;
}

std::vector<Crossing> Spending::take_crossings() {
    return std::exchange(crossings_, {});
}

std::vector<Bytes> Spending::take_would_refuse() {
    std::vector<Bytes> names;
    if (!std::exchange(would_refuse_, false)) {
        return names;
    }
    for (Part* part : {&early_, &late_}) {
        for (size_t i = 0; i < part->standings.size(); i++) {
            if (!std::exchange(part->standings[i].would_refuse, false)) {
                continue;
            }
            names.push_back(name_of_rule(*part, i));
        }
    }
    return names;
}

}  // namespace llm::exchange
