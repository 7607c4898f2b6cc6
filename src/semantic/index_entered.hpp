// Index::Entered: the index's lock held for a scope, over partitions in good
// order: repaired when the last owner died inside. Private to the index's
// own files.
#pragma once

#include "src/semantic/index.hpp"

namespace llm::semantic {

class Index::Entered {
public:
    explicit Entered(Index& index)
        : partitions(index.blocks_, index.alive_),
          guard_(index.blocks_.head->mutex) {
        if (!guard_.locked()) {
            return;
        }
        if (guard_.owner_died()) {
            partitions.repair();
            index.blocks_.head->recovered++;
            guard_.repaired();
        }
        index.blocks_.at(IndexStep::kEntered);
    }
    bool ok() const { return guard_.locked(); }

    Partitions partitions;

private:
    shm::RobustMutex::Guard guard_;
};

}  // namespace llm::semantic
