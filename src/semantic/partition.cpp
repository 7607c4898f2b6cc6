#include "src/semantic/partition.hpp"

#include <algorithm>
#include <cstring>

namespace llm::semantic {

namespace {

// Keeps the compiler from moving writes over it: what a killed process leaves
// behind is then a prefix of what stands in the program.
void fence() { __atomic_signal_fence(__ATOMIC_SEQ_CST); }

// What readers look at without the lock.
template <typename T>
void publish(T& field, std::type_identity_t<T> value) {
    __atomic_store_n(&field, value, __ATOMIC_RELEASE);
}

// The generation turns odd before anything else of the slot changes.
void open_slot(SlotMeta& meta) {
    __atomic_store_n(&meta.generation, meta.generation | 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

void close_slot(SlotMeta& meta) {
    publish(meta.generation, meta.generation + 1);
}

}  // namespace

void Partitions::empty() {
    for (uint32_t u = 0; u < blocks_.unit_count; u++) {
        if (blocks_.is_used(u)) {
            publish(blocks_.block(u).incarnation, 0);
            publish(blocks_.units[u], Blocks::kNothing);
        }
    }
    IndexHead& head = *blocks_.head;
    head.vectors = head.partitions = head.units_used = 0;
    head.hand = head.sweep_unit = head.sweep_slot = 0;
    std::fill_n(blocks_.buckets, blocks_.bucket_count, kNoUnit);
    pool_.rebuild();
}

uint32_t Partitions::find(const Digest& partition) const {
    uint32_t unit = blocks_.bucket(partition);
    // A wrong walk, which cannot be, must end all the same.
    for (uint64_t n = 0; n <= blocks_.head->partitions; n++) {
        if (!blocks_.is_used(unit)) {
            break;
        }
        const BlockHead& block = blocks_.block(unit);
        if (block.partition == partition) {
            return unit;
        }
        unit = block.next_in_bucket;
    }
    return kNoUnit;
}

uint32_t Partitions::room(uint32_t founder, const Digest& partition,
                          uint32_t dims, uint32_t tick) {
    if (founder == kNoUnit) {
        return found(partition, dims);
    }
    uint32_t unit = blocks_.block(founder).room;
    return unit != kNoUnit ? unit : grow(founder, tick);
}

Partitions::Taken Partitions::take_block(uint32_t wanted, uint32_t least) {
    for (uint32_t c = wanted + 1; c-- > least;) {
        uint32_t unit = pool_.take(c);
        if (unit != kNoUnit) {
            return {unit, c};
        }
    }
    return {};
}

void Partitions::begin_block(const Taken& taken, uint32_t founder,
                             uint64_t incarnation, uint32_t dims) {
    BlockHead& block = blocks_.block(taken.unit);
    blocks_.at(IndexStep::kBlockTaken);
    publish(block.high, 0);
    block.dims = static_cast<uint16_t>(dims);
    block.founder = founder;
    block.next = block.previous = kNoUnit;
    block.next_room = block.previous_room = kNoUnit;
    block.used = 0;
    block.free_slot = kNoSlot;
    block.visited = 1;
    block.in_room = 0;
    publish(block.incarnation, incarnation);
    fence();
    blocks_.at(IndexStep::kBlockWritten);
    publish(blocks_.units[taken.unit],
            static_cast<uint8_t>(Blocks::kUsed | taken.size_class));
    fence();
    blocks_.at(IndexStep::kBlockUsed);
    blocks_.head->units_used += units_of(taken.size_class);
}

namespace {

uint32_t least_class(uint32_t dims) {
    uint32_t c = 0;
    while (c + 1 < kClasses && Geometry::of(dims, c).slots == 0) {
        c++;
    }
    return c;
}

// A partition grows by so much of itself: the half of its last block that
// stands empty on average is then less than it.
constexpr uint32_t kGrowth = 8;

// The largest block of no more than that share of what it holds.
uint32_t wanted_class(uint32_t dims, uint32_t live, uint32_t least) {
    uint32_t c = least;
    while (c + 1 < kClasses
           && Geometry::of(dims, c + 1).slots <= live / kGrowth) {
        c++;
    }
    return c;
}

// A block of a larger class may want several smaller ones out of the way. Where
// those that are in use lie between the ones that go, the neighbours of one
// place go instead, of so many places that are looked at.
constexpr uint32_t kForcedBlocks = 8;
constexpr uint32_t kPlaces = 1024;

// A founder whose chain goes on does not.
bool may_go(const Blocks& blocks, uint32_t unit) {
    const BlockHead& block = blocks.block(unit);
    return block.founder != unit || block.next == kNoUnit;
}

// f(unit) of each used block where one of that class would begin at `begin`,
// or of the larger one that it would be a part of; as long as it says true.
template <typename F>
bool each_in_place(const Blocks& blocks, uint32_t begin, uint32_t size_class,
                   F&& f) {
    for (uint32_t c = size_class + 1; c < kClasses; c++) {
        uint32_t around = begin / units_of(c) * units_of(c);
        if (blocks.is_used(around) && blocks.class_of(around) >= c) {
            return f(around);
        }
    }
    for (uint32_t u = begin; u < begin + units_of(size_class); u++) {
        if (blocks.is_used(u) && !f(u)) {
            return false;
        }
    }
    return true;
}

}  // namespace

uint32_t Partitions::found(const Digest& partition, uint32_t dims) {
    uint32_t least = least_class(dims);
    Taken taken = take_block(least, least);
    for (uint32_t n = 0; taken.unit == kNoUnit && n < kForcedBlocks; n++) {
        if (!evict_cold(kNoUnit, true)) {
            return kNoUnit;
        }
        taken = take_block(least, least);
    }
    uint32_t& hand = blocks_.head->hand;
    for (uint32_t n = 0; taken.unit == kNoUnit && n < kPlaces; n++) {
        uint32_t begin = hand % blocks_.unit_count / units_of(least)
                         * units_of(least);
        hand = begin + units_of(least);
        if (each_in_place(blocks_, begin, least, [this](uint32_t used) {
                return may_go(blocks_, used);
            })) {
            each_in_place(blocks_, begin, least, [this](uint32_t used) {
                evict_block(used);
                return true;
            });
            taken = take_block(least, least);
        }
    }
    uint32_t unit = taken.unit;
    if (unit == kNoUnit) {
        return kNoUnit;
    }
    BlockHead& block = blocks_.block(unit);
    block.partition = partition;
    block.room = kNoUnit;
    block.live = 0;
    block.blocks = 1;
    block.hand_block = unit;
    block.hand_slot = 0;
    begin_block(taken, unit, ++blocks_.head->incarnation, dims);
    uint32_t& bucket = blocks_.bucket(partition);
    block.next_in_bucket = bucket;
    bucket = unit;
    blocks_.head->partitions++;
    into_room(unit, unit);
    blocks_.at(IndexStep::kInChain);
    return unit;
}

uint32_t Partitions::grow(uint32_t founder, uint32_t tick) {
    BlockHead& first = blocks_.block(founder);
    uint32_t least = least_class(first.dims);
    uint32_t wanted = wanted_class(first.dims, first.live, least);
    Taken taken = take_block(wanted, least);
    if (taken.unit == kNoUnit && evict_cold(founder, false)) {
        taken = take_block(wanted, least);
    }
    uint32_t unit = taken.unit;
    if (unit == kNoUnit) {
        return evict_own(founder, tick);
    }
    begin_block(taken, founder, first.incarnation, first.dims);
    into_chain(founder, unit);
    into_room(founder, unit);
    blocks_.at(IndexStep::kInChain);
    return unit;
}

void Partitions::into_chain(uint32_t founder, uint32_t unit) {
    BlockHead& first = blocks_.block(founder);
    BlockHead& block = blocks_.block(unit);
    block.previous = founder;
    publish(block.next, first.next);
    if (first.next != kNoUnit) {
        blocks_.block(first.next).previous = unit;
    }
    publish(first.next, unit);
    first.blocks++;
}

void Partitions::into_room(uint32_t founder, uint32_t unit) {
    BlockHead& first = blocks_.block(founder);
    BlockHead& block = blocks_.block(unit);
    block.previous_room = kNoUnit;
    block.next_room = first.room;
    if (first.room != kNoUnit) {
        blocks_.block(first.room).previous_room = unit;
    }
    first.room = unit;
    block.in_room = 1;
}

void Partitions::off_room(uint32_t founder, uint32_t unit) {
    BlockHead& block = blocks_.block(unit);
    if (block.in_room == 0) {
        return;
    }
    if (block.previous_room != kNoUnit) {
        blocks_.block(block.previous_room).next_room = block.next_room;
    } else {
        blocks_.block(founder).room = block.next_room;
    }
    if (block.next_room != kNoUnit) {
        blocks_.block(block.next_room).previous_room = block.previous_room;
    }
    block.in_room = 0;
}

void Partitions::off_bucket(uint32_t founder) {
    uint32_t* link = &blocks_.bucket(blocks_.block(founder).partition);
    while (*link != founder && *link != kNoUnit) {
        link = &blocks_.block(*link).next_in_bucket;
    }
    if (*link == founder) {
        *link = blocks_.block(founder).next_in_bucket;
    }
}

Place Partitions::fill(uint32_t unit, const Code& code,
                       const cache::EntryId& entry, uint32_t expires) {
    BlockHead& block = blocks_.block(unit);
    Geometry g = blocks_.geometry(unit);
    uint32_t slot = block.free_slot;
    if (slot != kNoSlot) {
        block.free_slot =
            static_cast<uint16_t>(blocks_.meta(unit, g, slot).entry_slot);
    } else {
        slot = block.high;
        SlotMeta& fresh = blocks_.meta(unit, g, slot);
        fresh.state = kFree;
        publish(fresh.generation, (fresh.generation | 1) + 1);
        publish(block.high, static_cast<uint16_t>(slot + 1));
    }
    blocks_.at(IndexStep::kSlotTaken);
    SlotMeta& meta = blocks_.meta(unit, g, slot);
    open_slot(meta);
    blocks_.at(IndexStep::kSlotOpened);
    blocks_.set_sketch(unit, g, slot, code.sketch);
    std::memcpy(blocks_.row(unit, g, slot), code.bytes.data(), g.row);
    meta.entry_slot = entry.slot;
    meta.entry_generation = entry.generation;
    meta.entry_shard = static_cast<uint16_t>(entry.shard);
    meta.visited = 0;
    meta.expires = expires;
    meta.inverse = code.inverse;
    fence();
    blocks_.at(IndexStep::kSlotWritten);
    meta.state = kLive;
    fence();
    blocks_.at(IndexStep::kSlotLive);
    close_slot(meta);
    blocks_.at(IndexStep::kSlotClosed);
    block.visited = 1;
    block.used++;
    blocks_.block(block.founder).live++;
    blocks_.head->vectors++;
    if (block.used == g.slots) {
        off_room(block.founder, unit);
    }
    return place_of(unit, slot);
}

SlotMeta* Partitions::standing(Place place,
                               const cache::EntryId& entry) const {
    uint32_t unit = unit_of(place);
    uint32_t slot = slot_of(place);
    if (!blocks_.is_used(unit) || slot >= blocks_.block(unit).high) {
        return nullptr;
    }
    SlotMeta& meta = blocks_.meta(unit, blocks_.geometry(unit), slot);
    return meta.state == kLive && entry_of(meta) == entry ? &meta : nullptr;
}

void Partitions::free_slot(uint32_t unit, const Geometry& g, uint32_t slot) {
    BlockHead& block = blocks_.block(unit);
    SlotMeta& meta = blocks_.meta(unit, g, slot);
    open_slot(meta);
    meta.state = kFree;
    fence();
    blocks_.at(IndexStep::kSlotOpened);
    // A vector tells of its text: it does not outlive its entry.
    blocks_.set_sketch(unit, g, slot, Sketch{});
    std::memset(blocks_.row(unit, g, slot), 0, g.row);
    blocks_.at(IndexStep::kSlotZeroed);
    meta.entry_slot = block.free_slot;
    close_slot(meta);
    block.free_slot = static_cast<uint16_t>(slot);
    block.used--;
    blocks_.block(block.founder).live--;
    blocks_.head->vectors--;
    blocks_.at(IndexStep::kSlotFreed);
    if (block.in_room == 0) {
        into_room(block.founder, unit);
    }
}

void Partitions::release(uint32_t unit) {
    BlockHead& block = blocks_.block(unit);
    uint32_t founder = block.founder;
    uint32_t size_class = blocks_.class_of(unit);
    BlockHead& first = blocks_.block(founder);
    if (unit == founder) {
        off_bucket(unit);
        blocks_.head->partitions--;
    } else {
        publish(blocks_.block(block.previous).next, block.next);
        if (block.next != kNoUnit) {
            blocks_.block(block.next).previous = block.previous;
        }
        off_room(founder, unit);
        first.blocks--;
        if (first.hand_block == unit) {
            first.hand_block = founder;
            first.hand_slot = 0;
        }
    }
    fence();
    publish(block.incarnation, 0);
    blocks_.at(IndexStep::kBlockForgotten);
    publish(blocks_.units[unit], Blocks::kNothing);
    blocks_.at(IndexStep::kBlockUnused);
    blocks_.head->units_used -= units_of(size_class);
    pool_.give_back(unit, size_class);
}

void Partitions::release_if_empty(uint32_t unit) {
    const BlockHead& block = blocks_.block(unit);
    uint32_t founder = block.founder;
    if (block.used == 0 && unit != founder) {
        release(unit);
    }
    const BlockHead& first = blocks_.block(founder);
    if (first.used == 0 && first.blocks == 1) {
        release(founder);
    }
}

void Partitions::drop(Place place) {
    uint32_t unit = unit_of(place);
    free_slot(unit, blocks_.geometry(unit), slot_of(place));
    release_if_empty(unit);
}

}  // namespace llm::semantic
