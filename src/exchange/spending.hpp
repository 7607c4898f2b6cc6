// Spending: the limits and budgets of one request, from admission to
// settlement. Two reservations in the ledger:
//
//   admit()    before the body is read: request rates and concurrency
//   reserve()  at a miss: tokens and money, by an estimate
//
// A refused request consumes nothing: a refusal at reserve() gives back what
// admit() took. A hit keeps what admit() took and reserves nothing more.
// Exactly one of settle() and release() ends a reservation; end(), and
// settle() with it, ends what admit() took. What is never ended comes back by
// its lease.
//
// Ownership: rules, the values of their keys and the price live until the
// Spending ends or is cleared. Without a ledger everything is admitted. One
// thread.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "src/base/kept_list.hpp"
#include "src/exchange/denial.hpp"
#include "src/exchange/need.hpp"
#include "src/limit/account_memo.hpp"
#include "src/limit/ledger.hpp"
#include "src/limit/ratelimit_headers.hpp"
#include "src/limit/rules.hpp"

namespace llm::exchange {

// A rule that applies, with the value of its key. With an empty value it is
// none of its business. `late`: the key names what stands in the body, so
// that all of the rule waits for it.
struct LimitAsk {
    const limit::LimitRule* rule = nullptr;
    Bytes value;
    bool late = false;
};
struct BudgetAsk {
    const limit::BudgetRule* rule = nullptr;
    Bytes value;
};

// Somebody's money came to a line, for the first time in its window.
struct Crossing {
    const BudgetAsk* ask;
    bool hard;
};

enum class BudgetState : uint8_t { kNone, kOk, kSoft, kHard };
Bytes name_of(BudgetState state);  // "" ok soft hard

class Spending {
public:
    static constexpr int64_t kLease = int64_t{600} * 1000000000;

    // `observe`: every rule is a dry run. `memo` outlives this; nullptr: the
    // accounts are worked out anew.
    Spending(limit::Ledger ledger, limit::Owner owner, bool fail_open,
             bool observe, limit::AccountMemo* memo = nullptr)
        : ledger_(ledger),
          owner_(owner),
          memo_(memo),
          fail_open_(fail_open),
          observe_(observe) {}
    // As new, for another request of the same worker; memory is kept.
    void clear();
    void observe(bool observe) { observe_ = observe; }

    // The rules that apply to this request; before admit().
    void add(const limit::LimitRule& rule, Bytes value, bool late = false);
    void add(const limit::BudgetRule& rule, Bytes value);
    // Values that are known only now, in the order of add(); a rule whose
    // key was empty before is taken with the late ones.
    void set_limit_value(size_t i, Bytes value);
    void set_budget_value(size_t i, Bytes value);
    // set_limit_value() would change something.
    bool waits_for_value(size_t i) const {
        return limits_[i].late || limits_[i].value.empty();
    }
    bool empty() const { return limits_.empty() && budgets_.empty(); }
    bool has_budgets() const { return !budgets_.empty(); }

    std::optional<Denial> admit(Now now);
    std::optional<Denial> reserve(const Need& wanted, Now now);

    // After reserve(): the output tokens that are held for all choices, and
    // whether the request must be told.
    int64_t output() const { return output_; }
    bool cap() const { return cap_; }
    // After reserve(): the model to go on with instead, "" for none. The
    // reservation was given back then.
    Bytes degrade_to() const { return degrade_to_; }

    // Output beyond what is held: more is taken, or false.
    bool extend(int64_t output, Now now);
    // The lease of a long answer, for whatever shows that it goes on; nothing
    // as long as most of the lease is left.
    void keep(Now now);

    // By the price that the reservation was made at; 0 without one.
    int64_t cost_of(const api::Usage& usage) const;

    // The true usage of an answer that is over, however long it was silent.
    // Returns nano-dollars beyond what budgets allow.
    int64_t settle(int64_t tokens, int64_t nano, Now now);
    void release(Now now);
    // The request is over; `refused`: it never was.
    void end(bool refused, Now now);

    limit::LimitHeaders headers() const;
    // Where the tightest budget stands: by the reservation as long as there
    // is one, before and after it by asking the ledger once.
    BudgetState state(Now now);
    std::optional<int64_t> remaining_nano(Now now);

    // Since the last call.
    std::vector<Crossing> take_crossings();
    // Dry runs that would have refused, since the last call.
    std::vector<Bytes> take_would_refuse();
    // What was done because the ledger could not say, since the last call:
    // "refused", "passed", or nothing.
    Bytes take_unchecked() { return std::exchange(unchecked_, Bytes()); }
    bool reserved() const { return static_cast<bool>(late_.reservation); }

private:
    // One of the two reservations.
    struct Part {
        std::vector<limit::Demand> demands;
        std::vector<limit::Standing> standings;
        std::vector<uint16_t> rules;  // index of each demand's rule
        limit::Reservation reservation;
        uint32_t refused = 0;  // bit i: demand i
        uint32_t untaken = 0;  // by a dry run that would have refused

        void clear();
        limit::Demand& add(size_t rule);
    };
    using Amounts = std::array<int64_t, limit::kMaxDemands>;

    limit::AccountKey key(limit::Kind kind, Bytes name, Bytes value,
                          int64_t window_start_s = 0) const;
    limit::Demand& ask_budget(size_t i, Part& part, Now now);
    void ask_requests(size_t i, Part& part);
    void ask_early();
    void ask_tokens(const Need& need);
    void ask_late(const Need& need, Now now);
    std::optional<Denial> take(Part& part, Now now);
    Bytes name_of_rule(const Part& part, size_t i) const;
    void note_standings(const Part& part);
    int64_t expected_output(const Need& need) const;
    int64_t affordable(const Need& need) const;
    std::span<const int64_t> amounts_for(int64_t output,
                                         Amounts& out) const;
    void narrow(const Need& need, Now now);
    bool degrade(Now now);
    const Part& money(Now now);
    bool tells(const Part& part, size_t i) const;

    limit::Ledger ledger_;
    limit::Owner owner_;
    limit::AccountMemo* memo_;
    bool fail_open_;
    bool observe_;
    KeptList<LimitAsk> limits_;
    KeptList<BudgetAsk> budgets_;
    Part early_;
    Part late_;
    Part asked_;  // budgets that were only looked at
    bool over_ = false;  // what late_ says of budgets is not so any more
    Need need_;
    int64_t output_ = 0;
    bool cap_ = false;
    Bytes degrade_to_;
    bool degraded_ = false;
    int64_t kept_ns_ = 0;
    std::vector<Crossing> crossings_;
    bool would_refuse_ = false;
    Bytes unchecked_;
};

// A worker's Spendings keep their memory from one request to the next.
class Spendings {
public:
    // nullptr: none is spare.
    std::unique_ptr<Spending> take(bool observe) {
        if (spare_.empty()) {
            return nullptr;
        }
        std::unique_ptr<Spending> spending = std::move(spare_.back());
        spare_.pop_back();
        spending->observe(observe);
        return spending;
    }
    void give_back(std::unique_ptr<Spending> spending) {
        if (spare_.size() < kMax) {
            spending->clear();
            spare_.push_back(std::move(spending));
        }
    }

private:
    static constexpr size_t kMax = 64;
    std::vector<std::unique_ptr<Spending>> spare_;
};

}  // namespace llm::exchange
