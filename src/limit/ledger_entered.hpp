// Entering the ledger: its lock for a scope, repaired when its last owner
// died, and what one reserve() carries along.
#pragma once

#include "src/limit/ledger.hpp"

namespace llm::limit {

class Ledger::Entered {
public:
    explicit Entered(Ledger& ledger) : guard_(ledger.parts_.head->mutex) {
        if (guard_.owner_died()) {
            ledger.repair();
            guard_.repaired();
        }
    }
    bool ok() const { return guard_.locked(); }
    static Error error() {
        return {Errc::kIo, "the ledger's lock is broken"};
    }

private:
    shm::RobustMutex::Guard guard_;
};

struct Ledger::Asked {
    Asked(const Parts& parts, std::span<const Demand> all,
          std::span<Standing> standings_of_all)
        : demands(all), standings(standings_of_all), transaction(parts) {}

    std::span<const Demand> demands;
    std::span<Standing> standings;
    Transaction transaction;
    std::array<uint32_t, kMaxDemands> accounts;  // of the first so many
    uint32_t refused = 0;  // bit i: demand i
    Taken out;
};

}  // namespace llm::limit
