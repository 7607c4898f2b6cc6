#include "src/limit/rules.hpp"

#include "src/limit/keys.hpp"

namespace llm::limit {

void BudgetRule::set_soft(int64_t percent) {
    soft = static_cast<int64_t>(static_cast<__int128>(nano) * percent / 100);
}

KeyRules rules_of(const Key& key) {
    KeyRules rules;
    const KeyLimits& limits = key.limits;
    if (limits.requests || limits.tokens || limits.concurrency) {
        LimitRule rule;
        rule.name = kKeysName;
        rule.requests = limits.requests;
        rule.tokens = limits.tokens;
        rule.concurrency = limits.concurrency;
        if (rule.requests) {
            rule.requests_burst = limits.burst.value_or(rule.requests->units);
        }
        if (rule.tokens) {
            rule.tokens_burst = rule.tokens->units;
        }
        rules.limits.push_back(std::move(rule));
    }
    for (const Allowance& budget : key.budgets) {
        BudgetRule rule;
        rule.name = kKeysName;
        rule.name += '/';
        rule.name += name_of(budget.period);
        rule.nano = budget.nano;
        rule.period = budget.period;
        rule.zone = key.zone;
        rule.set_soft(key.soft_percent);
        rule.owner = key.name;
        rules.budgets.push_back(std::move(rule));
    }
    if (!rules.limits.empty() || !rules.budgets.empty()) {
        rules.value = key.hash.hex();
    }
    return rules;
}

}  // namespace llm::limit
