// Store: what ties an entry to its place in a vector index.
#include "src/cache/store_entered.hpp"

namespace llm::cache {

bool Store::set_vector(const EntryId& id, uint32_t vector) {
    if (id.shard >= shard_count_) {
        return false;
    }
    Entered entered(*this, id.shard);
    if (!entered.ok()
        || entered.shard.find(id.slot, id.generation) == kNoChunk
        || entered.shard.killed_by(id.slot) != 0) {
        return false;
    }
    entered.shard.slot(id.slot).vector = vector;
    return true;
}

bool Store::may_stand(const EntryId& id) {
    if (id.shard >= shard_count_ || id.slot >= chunk_count_) {
        return false;
    }
    Shard there = shard(id.shard);
    auto peek = [](const auto& field) {
        return __atomic_load_n(&field, __ATOMIC_RELAXED);
    };
    const Slot& slot = there.slot(id.slot);
    return id.slot < peek(there.head->high)
           && (peek(there.links[id.slot]) & kHeadBit) != 0
           && peek(slot.state) == kPublished
           && peek(slot.generation) == id.generation;
}

}  // namespace llm::cache
