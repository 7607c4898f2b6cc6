// Partitions::repair() and check(): from the used blocks everything else.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "src/semantic/partition.hpp"

namespace llm::semantic {

namespace {

void mark_unused(const Blocks& blocks, uint32_t unit) {
    __atomic_store_n(&blocks.units[unit], Blocks::kNothing, __ATOMIC_RELEASE);
}

}  // namespace

template <typename F>
void Partitions::each_used(F&& f) {
    for (uint32_t u = 0; u < blocks_.unit_count; u++) {
        if (blocks_.is_used(u)) {
            f(u);
        }
    }
}

// What a block says of itself, without a look at others.
bool Partitions::believable(uint32_t unit) const {
    uint32_t size_class = blocks_.units[unit] & 0x0f;
    if (blocks_.units[unit] != (Blocks::kUsed | size_class)
        || size_class >= kClasses || unit % units_of(size_class) != 0) {
        return false;
    }
    const BlockHead& block = blocks_.block(unit);
    Geometry g = Geometry::of(block.dims, size_class);
    return g.slots != 0 && block.high <= g.slots && block.incarnation != 0
           && block.incarnation <= blocks_.head->incarnation
           && block.founder < blocks_.unit_count;
}

void Partitions::forget(uint32_t unit) {
    __atomic_store_n(&blocks_.block(unit).incarnation, uint64_t{0},
                     __ATOMIC_RELEASE);
    mark_unused(blocks_, unit);
}

// No block in another; what is not believed is no block.
void Partitions::judge_blocks() {
    uint32_t end = 0;
    each_used([&](uint32_t unit) {
        if (unit < end || !believable(unit)) {
            mark_unused(blocks_, unit);
            return;
        }
        end = unit + units_of(blocks_.class_of(unit));
    });
}

void Partitions::gather_founders() {
    each_used([&](uint32_t unit) {
        BlockHead& block = blocks_.block(unit);
        __atomic_store_n(&block.next, kNoUnit, __ATOMIC_RELEASE);
        block.previous = kNoUnit;
        block.in_room = 0;
        block.used = 0;
        if (block.founder != unit) {
            return;
        }
        if (find(block.partition) != kNoUnit) {
            forget(unit);  // cannot be; but one partition has one record
            return;
        }
        block.room = kNoUnit;
        block.live = 0;
        block.blocks = 1;
        block.hand_block = unit;
        block.hand_slot = 0;
        uint32_t& bucket = blocks_.bucket(block.partition);
        block.next_in_bucket = bucket;
        bucket = unit;
        blocks_.head->partitions++;
    });
}

void Partitions::gather_chains() {
    each_used([&](uint32_t unit) {
        const BlockHead& block = blocks_.block(unit);
        if (block.founder == unit) {
            return;
        }
        const BlockHead& first = blocks_.block(block.founder);
        if (!blocks_.is_used(block.founder)
            || first.founder != block.founder
            || first.incarnation != block.incarnation
            || first.dims != block.dims) {
            forget(unit);
            return;
        }
        into_chain(block.founder, unit);
    });
}

void Partitions::gather_slots(uint32_t unit) {
    BlockHead& block = blocks_.block(unit);
    Geometry g = blocks_.geometry(unit);
    block.free_slot = kNoSlot;
    for (uint32_t slot = block.high; slot-- > 0;) {
        SlotMeta& meta = blocks_.meta(unit, g, slot);
        if (meta.state == kLive && meta.generation % 2 == 0) {
            block.used++;
            continue;
        }
        if (meta.generation % 2 != 0) {
            meta.state = kFree;
            blocks_.set_sketch(unit, g, slot, Sketch{});
            std::memset(blocks_.row(unit, g, slot), 0, g.row);
            __atomic_store_n(&meta.generation, meta.generation + 1,
                             __ATOMIC_RELEASE);
        }
        meta.entry_slot = block.free_slot;
        block.free_slot = static_cast<uint16_t>(slot);
    }
    blocks_.block(block.founder).live += block.used;
    blocks_.head->vectors += block.used;
    if (block.used < g.slots) {
        into_room(block.founder, unit);
    }
}

void Partitions::forget_empty() {
    each_used([&](uint32_t unit) {
        BlockHead& block = blocks_.block(unit);
        BlockHead& first = blocks_.block(block.founder);
        if (block.used != 0 || (unit == block.founder && first.live != 0)) {
            blocks_.head->units_used += units_of(blocks_.class_of(unit));
            return;
        }
        if (unit == block.founder) {
            off_bucket(unit);
            blocks_.head->partitions--;
            // Its other blocks are empty too: they go by themselves, and
            // what they touch of this one is not used again.
        } else {
            __atomic_store_n(&blocks_.block(block.previous).next, block.next,
                             __ATOMIC_RELEASE);
            if (block.next != kNoUnit) {
                blocks_.block(block.next).previous = block.previous;
            }
            off_room(block.founder, unit);
            first.blocks--;
        }
        forget(unit);
    });
}

void Partitions::repair() {
    IndexHead& head = *blocks_.head;
    std::fill_n(blocks_.buckets, blocks_.bucket_count, kNoUnit);
    head.vectors = head.partitions = head.units_used = 0;
    head.hand = head.sweep_unit = head.sweep_slot = 0;
    judge_blocks();
    gather_founders();
    blocks_.at(IndexStep::kRepairing);
    gather_chains();
    each_used([&](uint32_t unit) { gather_slots(unit); });
    forget_empty();
    pool_.rebuild();
}

namespace {

Error broken(const char* what, uint32_t unit) {
    return {Errc::kCorrupt,
            std::string(what) + " at unit " + std::to_string(unit)};
}

}  // namespace

Result<void> Partitions::check_slots(uint32_t unit) const {
    const BlockHead& block = blocks_.block(unit);
    Geometry g = blocks_.geometry(unit);
    if (g.slots == 0 || block.high > g.slots) {
        return broken("block of a wrong shape", unit);
    }
    std::vector<bool> free(block.high);
    uint32_t slot = block.free_slot;
    uint32_t count = 0;
    for (; slot != kNoSlot; count++) {
        if (slot >= block.high || free[slot]) {
            return broken("broken list of free slots", unit);
        }
        free[slot] = true;
        slot = blocks_.meta(unit, g, slot).entry_slot & 0xffff;
    }
    if (count + block.used != block.high) {
        return broken("slots lost", unit);
    }
    for (slot = 0; slot < block.high; slot++) {
        const SlotMeta& meta = blocks_.meta(unit, g, slot);
        if (meta.generation % 2 != 0 || free[slot] == (meta.state == kLive)) {
            return broken("slot left open", unit);
        }
    }
    bool room = block.used < g.slots;
    return room == (block.in_room != 0)
               ? Result<void>()
               : broken("block with room is not listed", unit);
}

Result<void> Partitions::check_room(uint32_t founder) const {
    uint32_t before = kNoUnit;
    uint32_t count = 0;
    for (uint32_t u = blocks_.block(founder).room; u != kNoUnit;
         u = blocks_.block(u).next_room) {
        const BlockHead& block = blocks_.block(u);
        if (!blocks_.is_used(u) || block.founder != founder
            || block.in_room == 0 || block.previous_room != before
            || ++count > blocks_.block(founder).blocks) {
            return broken("broken list of room", u);
        }
        before = u;
    }
    for (uint32_t u = founder; u != kNoUnit; u = blocks_.block(u).next) {
        count -= blocks_.block(u).in_room;
    }
    return count == 0 ? Result<void>() : broken("room lost", founder);
}

Result<void> Partitions::check_chain(uint32_t founder,
                                     Totals& totals) const {
    const BlockHead& first = blocks_.block(founder);
    if (find(first.partition) != founder) {
        return broken("partition not in its bucket", founder);
    }
    uint32_t before = kNoUnit;
    uint32_t live = 0;
    uint32_t count = 0;
    bool hand = false;
    for (uint32_t u = founder; u != kNoUnit; u = blocks_.block(u).next) {
        const BlockHead& block = blocks_.block(u);
        if (!blocks_.is_used(u) || block.founder != founder
            || block.incarnation != first.incarnation
            || block.dims != first.dims || block.previous != before
            || ++count > first.blocks) {
            return broken("broken chain", u);
        }
        if (block.used == 0 && u != founder) {
            return broken("empty block kept", u);
        }
        Result<void> slots = check_slots(u);
        if (!slots.ok()) {
            return slots;
        }
        live += block.used;
        hand = hand || u == first.hand_block;
        before = u;
    }
    if (live != first.live || live == 0 || count != first.blocks || !hand) {
        return broken("partition miscounted", founder);
    }
    totals.vectors += live;
    totals.blocks += count;
    return check_room(founder);
}

Result<void> Partitions::check() const {
    Result<void> pool = pool_.check();
    if (!pool.ok()) {
        return pool;
    }
    Totals totals;
    uint64_t used = 0;
    uint64_t partitions = 0;
    uint64_t units = 0;
    for (uint32_t u = 0; u < blocks_.unit_count; u++) {
        if (!blocks_.is_used(u)) {
            continue;
        }
        used++;
        units += units_of(blocks_.class_of(u));
        if (blocks_.block(u).founder == u) {
            partitions++;
            Result<void> chain = check_chain(u, totals);
            if (!chain.ok()) {
                return chain;
            }
        }
    }
    const IndexHead& head = *blocks_.head;
    if (totals.blocks != used || totals.vectors != head.vectors
        || partitions != head.partitions || units != head.units_used) {
        return broken("blocks, vectors or partitions miscounted", 0);
    }
    return {};
}

}  // namespace llm::semantic
