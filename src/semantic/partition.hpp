// Partitions: what stands in the index, for whoever holds its lock: finding
// and founding partitions, taking and freeing slots, eviction, repair.
// Shapes and invariants: block.hpp. Nothing here locks or allocates memory
// (but check(), which is for tests and operators).
//
// Eviction, when no block is free, in this order:
//   a hand goes over the blocks of all partitions and frees one that was
//   neither hit nor written to since the hand's last round, whole;
//   a hand goes over the partition's own slots likewise and frees one;
//   for a partition that has no block yet, the next block goes in any case.
#pragma once

#include "src/cache/store.hpp"
#include "src/semantic/block.hpp"
#include "src/semantic/block_pool.hpp"

namespace llm::semantic {

// Whether an entry may still stand in the store. It is asked with the
// index's lock held and without it, must therefore take none, and may err.
struct Alive {
    bool (*call)(void* context, const cache::EntryId& id) = nullptr;
    void* context = nullptr;

    bool operator()(const cache::EntryId& id) const {
        return call == nullptr || call(context, id);
    }
};

inline cache::EntryId entry_of(const SlotMeta& meta) {
    return {meta.entry_shard, meta.entry_slot, meta.entry_generation};
}

inline constexpr Place place_of(uint32_t unit, uint32_t slot) {
    return unit << kSlotBits | slot;
}
inline constexpr uint32_t unit_of(Place place) { return place >> kSlotBits; }
inline constexpr uint32_t slot_of(Place place) {
    return place & (kMaxSlots - 1);
}

class Partitions {
public:
    Partitions(const Blocks& blocks, const Alive& alive)
        : blocks_(blocks), pool_(blocks), alive_(alive) {}

    // Everything goes, in work bounded by the units.
    void empty();
    // The founder of that partition, or kNoUnit.
    uint32_t find(const Digest& partition) const;
    // A block with a free slot for a vector of the partition, whose founder
    // is `founder` (kNoUnit: it is founded); kNoUnit: there is no room.
    uint32_t room(uint32_t founder, const Digest& partition, uint32_t dims,
                  uint32_t tick);
    // Fills a free slot of that block.
    Place fill(uint32_t unit, const Code& code, const cache::EntryId& entry,
               uint32_t expires);
    // The live slot at that place if it stands for that entry, or nullptr.
    SlotMeta* standing(Place place, const cache::EntryId& entry) const;
    // Frees a live slot, and what becomes empty by that.
    void drop(Place place);
    // Frees expired and gone ones among the next slots; how many.
    uint32_t sweep(uint32_t slots, uint32_t tick);

    // After an owner's death: derives everything from the truth again and
    // drops what does not hold. Bounded by the number of slots.
    void repair();
    Result<void> check() const;

private:
    struct Taken {
        uint32_t unit = kNoUnit;
        uint32_t size_class = 0;
    };

    uint32_t found(const Digest& partition, uint32_t dims);
    uint32_t grow(uint32_t founder, uint32_t tick);
    Taken take_block(uint32_t wanted, uint32_t least);
    void begin_block(const Taken& taken, uint32_t founder,
                     uint64_t incarnation, uint32_t dims);
    void into_chain(uint32_t founder, uint32_t unit);
    void into_room(uint32_t founder, uint32_t unit);
    void off_room(uint32_t founder, uint32_t unit);
    void off_bucket(uint32_t founder);
    void release(uint32_t unit);
    void release_if_empty(uint32_t unit);
    void free_slot(uint32_t unit, const Geometry& g, uint32_t slot);
    bool is_dead(const SlotMeta& meta, uint32_t tick) const {
        return meta.expires <= tick || !alive_(entry_of(meta));
    }

    uint32_t next_block(uint32_t unit) const;
    bool evict_cold(uint32_t founder, bool force);
    void evict_block(uint32_t unit);
    uint32_t evict_own(uint32_t founder, uint32_t tick);

    bool believable(uint32_t unit) const;
    void judge_blocks();
    void gather_founders();
    void gather_chains();
    void gather_slots(uint32_t unit);
    void forget(uint32_t unit);
    void forget_empty();
    template <typename F>
    void each_used(F&& f);
    struct Totals {
        uint64_t vectors = 0;
        uint64_t blocks = 0;
    };
    Result<void> check_chain(uint32_t founder, Totals& totals) const;
    Result<void> check_slots(uint32_t unit) const;
    Result<void> check_room(uint32_t founder) const;

    Blocks blocks_;
    BlockPool pool_;
    Alive alive_;
};

}  // namespace llm::semantic
