// What one llm_limit or llm_budget says, ready for the ledger: the share of
// `nodes` is taken already, literals are judged. Immutable; made when the
// configuration or the key file is read, read by every request.
//
// Units: tokens and requests are counts, money is nano-dollars.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/limit/calendar.hpp"
#include "src/limit/demand.hpp"

namespace llm::limit {

struct Key;

struct LimitRule {
    std::string name;
    std::optional<Rate> requests;
    int64_t requests_burst = 0;
    std::optional<Rate> tokens;
    int64_t tokens_burst = 0;
    std::optional<int64_t> concurrency;
    // Output tokens to reserve where the request names no maximum; 0: what
    // the price table knows, else kUsualOutput.
    int64_t ceiling = 0;
    bool cap = false;  // write what was granted into the request
    bool dry_run = false;
};

struct BudgetRule {
    std::string name;
    int64_t nano = 0;
    Period period = Period::kDay;
    std::shared_ptr<const TimeZone> zone;  // nullptr is UTC
    int64_t soft = INT64_MAX;              // nano-dollars
    std::string exceed_model;              // "": refuse
    std::string owner;  // whom alerts name; "": the key's value
    bool dry_run = false;

    void set_soft(int64_t percent);

    // The window that was asked for last: of many requests in one window the
    // calendar is looked at for the first alone. A worker has one thread.
    mutable Window last;
};

// What is reserved for an answer whose request and price say nothing.
inline constexpr int64_t kUsualOutput = 4096;
// Where a budget does not name its soft line.
inline constexpr int64_t kSoftPercent = 80;
// A grant that is cut to what remains is not cut below that many tokens a
// choice: an answer of three words helps nobody.
inline constexpr int64_t kLeastOutput = 16;

inline Window window_of(const BudgetRule& rule, int64_t wall_s) {
    static const TimeZone utc;
    if (wall_s < rule.last.start_s || wall_s >= rule.last.end_s) {
        rule.last =
            window_at(rule.period, rule.zone ? *rule.zone : utc, wall_s);
    }
    return rule.last;
}

// The limits and budgets that stand in a key's own entry, under names that
// no directive can have: this one, and this one with a slash.
inline constexpr Bytes kKeysName = "llm_keys";
struct KeyRules {
    std::vector<LimitRule> limits;
    std::vector<BudgetRule> budgets;
    std::string value;  // whose accounts they are: the key's hash
};
KeyRules rules_of(const Key& key);

}  // namespace llm::limit
