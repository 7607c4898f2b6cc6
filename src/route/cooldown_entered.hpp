// Entering the cooldown's region: its lock for a scope, repaired when its
// last owner died, and an entry while it is written.
#pragma once

#include <atomic>

#include "src/route/cooldown_layout.hpp"

namespace llm::route {

class Cooldown::Entered {
public:
    explicit Entered(Cooldown& cooldown) : guard_(cooldown.head_->mutex) {
        if (guard_.owner_died()) {
            cooldown.repair();
            guard_.repaired();
        }
    }
    bool ok() const { return guard_.locked(); }

private:
    shm::RobustMutex::Guard guard_;
};

// The order of the marks and what lies between is for the compiler alone: a
// process that is killed has done its stores up to some instruction.
struct Cooldown::Edit {
    Edit(Cooldown& cooldown, const Entry& entry)
        : edited(cooldown),
          written(entry),
          was_troubled(entry.is_troubled()) {
        auto index = static_cast<uint32_t>(&entry - edited.entries());
        edited.head_->editing = index + 1;
        std::atomic_signal_fence(std::memory_order_seq_cst);
        edited.call_probe();
    }
    ~Edit() {
        edited.call_probe();
        std::atomic_ref troubled(edited.head_->troubled);
        uint32_t others = troubled.load(std::memory_order_relaxed)
                          - (was_troubled ? 1 : 0);
        troubled.store(others + (written.is_troubled() ? 1 : 0),
                       std::memory_order_relaxed);
        std::atomic_signal_fence(std::memory_order_seq_cst);
        edited.head_->editing = 0;
    }
    Edit(const Edit&) = delete;
    Edit& operator=(const Edit&) = delete;

    Cooldown& edited;
    const Entry& written;
    const bool was_troubled;
};

}  // namespace llm::route
