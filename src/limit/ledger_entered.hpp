// Entering the ledger: its lock for a scope, repaired when its last owner
// died, and what one reserve() carries along.
#pragma once

#include "src/limit/ledger.hpp"

namespace llm::limit {

class Ledger::Entered {
public:
    explicit Entered(Ledger& ledger) {
        shm::RobustMutex::Guard& guard =
            guard_.emplace(ledger.parts_.head->mutex);
        if (guard.owner_died()) {
            ledger.repair();
            guard.repaired();
        }
    }
    bool ok() const { return guard_->locked(); }
    // Leaves first: the words need memory, for which no lock is held.
    Error refuse(Errc code, const char* why) {
        guard_.reset();
        return {code, why};
    }
    static Error error() {
        return {Errc::kIo, "the ledger's lock is broken"};
    }

private:
    std::optional<shm::RobustMutex::Guard> guard_;
};

// An account's place and its staged copy; kNone: there is none.
struct Ledger::Staged {
    uint32_t at;
    Account* image;
};

// kInvalid when their numbers make no sense.
Result<void> check_demands(std::span<const Demand> demands);

struct Ledger::Asked {
    Asked(const Parts& parts, std::span<const Demand> all,
          std::span<Standing> standings_of_all)
        : demands(all), standings(standings_of_all), transaction(parts) {}

    std::span<const Demand> demands;
    std::span<Standing> standings;
    Transaction transaction;
    std::array<Staged, kMaxDemands> accounts;  // of the first so many
    Taken out;
};

}  // namespace llm::limit
