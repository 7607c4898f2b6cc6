// The words of the ledger: what is asked of it and what it answers. Plain
// values without behaviour; see ledger.hpp.
//
// Units: requests and tokens are counts, money is nano-dollars (1e-9 USD),
// times are nanoseconds of the monotonic clock unless the name says seconds
// (then wall clock, since 1970 UTC).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "src/limit/rate.hpp"

namespace llm::limit {

enum class Kind : uint8_t {
    kRequests = 1,     // a rate; charged when reserved
    kTokens = 2,       // a rate; held when reserved, charged when settled
    kConcurrency = 3,  // held until settled or released
    kBudget = 4,       // money of a window; held, then charged
};

// Whom an account belongs to: a keyed 128-bit hash of kind, the limit's name,
// the key's value and the window's start. Made by Ledger::key().
struct AccountKey {
    uint64_t high = 0;
    uint64_t low = 0;

    bool operator==(const AccountKey&) const = default;
};

// A calendar window; [start, end).
struct Window {
    int64_t start_s = 0;
    int64_t end_s = 0;

    bool operator==(const Window&) const = default;
};

// One limit or budget that a request has to pass.
struct Demand {
    AccountKey key;
    Kind kind = Kind::kRequests;
    // Never refuses; what an enforced one would refuse takes nothing from
    // the account and is told in Standing::would_refuse.
    bool dry_run = false;
    // What is wanted. Where that does not fit, as much as does, but no less
    // than `least`; by default all or nothing.
    int64_t amount = 1;
    std::optional<int64_t> least;
    // Rates: the burst, the most that may be outstanding at once.
    // Concurrency: how many. Budgets: the money of the window.
    int64_t limit = 0;
    Rate rate;      // requests and tokens
    Window window;  // budgets
    // Budgets: where the soft line is; INT64_MAX is none.
    int64_t soft = INT64_MAX;
};

inline constexpr size_t kMaxDemands = 16;

// An account after the step, for headers, variables and alerts.
struct Standing {
    int64_t granted = 0;
    int64_t limit = 0;
    int64_t remaining = 0;  // what could be reserved now; never negative
    int64_t reset_ns = 0;   // until all of `limit` is there again
    bool would_refuse = false;  // a dry run
    bool soft = false;          // at or above the soft line
    // The first time in this window that somebody was refused because of what
    // is spent or held; once over all processes.
    bool crossed_hard = false;
};

struct Refusal {
    size_t which = 0;       // index of the demand that takes longest
    int64_t retry_ns = 0;   // when it may pass; a guess while others hold it
    // Waiting is pointless: more than the limit ever allows, or money that
    // is spent until the window ends in more than a minute.
    bool hopeless = false;
};

// Who holds a reservation. A process id may be used again, so the owner has
// a generation beside it (its start time, or a random number).
struct Owner {
    int32_t pid = 0;
    uint64_t generation = 0;

    bool operator==(const Owner&) const = default;
};

// The receipt. Empty ones (serial 0) settle to nothing.
struct Reservation {
    uint32_t slot = 0;
    uint64_t serial = 0;

    explicit operator bool() const { return serial != 0; }
};

struct Taken {
    Reservation reservation;  // empty when refused
    std::optional<Refusal> refusal;
    uint32_t refused = 0;  // bit i: demand i did not pass
};

struct Reserved : Taken {
    std::array<Standing, kMaxDemands> standings;  // one a demand
};

struct Settled {
    // False: the receipt was settled before, or its lease ended so long ago
    // that nobody remembers. Nothing was charged now.
    bool charged = false;
    bool late = false;        // after the lease had ended
    int64_t overspent = 0;    // nano-dollars beyond budgets by this settling
    // Bit i: by demand i what is spent came to the soft line, for the first
    // time in this window, once over all processes.
    uint32_t crossed_soft = 0;
};

}  // namespace llm::limit
