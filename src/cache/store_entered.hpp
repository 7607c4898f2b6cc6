// Store::Entered: a shard's lock held for a scope, over a shard in good order:
// repaired when its last owner died inside, emptied when a purge of all has
// come since it was last entered. Private to the store's own files.
#pragma once

#include "src/cache/store.hpp"

namespace llm::cache {

class Store::Entered {
public:
    Entered(Store& store, uint32_t index)
        : shard(store.shard(index)), guard_(shard.head->mutex) {
        if (!guard_.locked()) {
            return;
        }
        if (guard_.owner_died()) {
            shard.repair();
            shard.head->recovered++;
            guard_.repaired();
        }
        // Requests looked up after a purge of all come here after it too, so
        // what stands in a shard that has not seen it was born before.
        uint64_t all = store.log_.all();
        if (shard.head->floor < all) {
            uint64_t gone = shard.head->entries;
            shard.empty();
            shard.head->floor = all;
            store.log_.add(all, gone);
        }
        shard.at(Step::kEntered);
    }
    bool ok() const { return guard_.locked(); }

    Shard shard;

private:
    shm::RobustMutex::Guard guard_;
};

}  // namespace llm::cache
