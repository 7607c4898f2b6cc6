// Partitions: what goes when there is no room, and what is swept meanwhile.
#include "src/semantic/partition.hpp"

namespace llm::semantic {

namespace {

// Of all partitions' blocks, for one of those that are wanted.
constexpr uint32_t kBlockLooks = 16;
constexpr uint32_t kForcedLooks = 4096;
constexpr uint32_t kPatience = 64;  // looks before any block will do
constexpr uint32_t kOwnLooks = 64;

}  // namespace

// The next block, used or free; each page begins with one.
uint32_t Partitions::next_block(uint32_t unit) const {
    if (unit >= blocks_.unit_count) {
        return 0;
    }
    uint32_t next = blocks_.units[unit] == Blocks::kNothing
                        ? unit + 1
                        : unit + units_of(blocks_.class_of(unit));
    while (next < blocks_.unit_count && next % kUnitsPerPage != 0
           && blocks_.units[next] == Blocks::kNothing) {
        next++;
    }
    return next < blocks_.unit_count ? next : 0;
}

// Frees a block that is not of the partition `founder`.
bool Partitions::evict_cold(uint32_t founder, bool force) {
    uint32_t looks = force ? kForcedLooks : kBlockLooks;
    for (uint32_t n = 0; n < looks; n++) {
        uint32_t unit = blocks_.head->hand;
        blocks_.head->hand = next_block(unit);
        if (!blocks_.is_used(unit)
            || blocks_.block(unit).founder == founder) {
            continue;
        }
        // A founder goes last.
        if (blocks_.block(unit).next != kNoUnit
            && blocks_.block(unit).founder == unit) {
            unit = blocks_.block(unit).next;
        }
        BlockHead& block = blocks_.block(unit);
        if (block.visited != 0 && !(force && n >= kPatience)) {
            block.visited = 0;
            continue;
        }
        evict_block(unit);
        return true;
    }
    return false;
}

void Partitions::evict_block(uint32_t unit) {
    Geometry g = blocks_.geometry(unit);
    const BlockHead& block = blocks_.block(unit);
    for (uint32_t slot = 0; slot < block.high; slot++) {
        if (blocks_.meta(unit, g, slot).state == kLive) {
            free_slot(unit, g, slot);
            blocks_.head->evictions++;
        }
    }
    release_if_empty(unit);
}

// Frees a slot of the partition; its block, which now has room.
uint32_t Partitions::evict_own(uint32_t founder, uint32_t tick) {
    BlockHead& first = blocks_.block(founder);
    uint32_t unit = first.hand_block;
    uint32_t slot = first.hand_slot;
    for (uint32_t n = 0;; n++) {
        while (slot >= blocks_.block(unit).high) {
            uint32_t next = blocks_.block(unit).next;
            unit = next != kNoUnit ? next : founder;
            slot = 0;
        }
        Geometry g = blocks_.geometry(unit);
        SlotMeta& meta = blocks_.meta(unit, g, slot);
        bool dead = is_dead(meta, tick);
        if (dead || meta.visited == 0 || n >= kOwnLooks) {
            (dead ? blocks_.head->dropped : blocks_.head->evictions)++;
            free_slot(unit, g, slot);
            break;
        }
        meta.visited = 0;
        slot++;
    }
    first.hand_block = unit;
    first.hand_slot = static_cast<uint16_t>(slot + 1);
    return unit;
}

uint32_t Partitions::sweep(uint32_t slots, uint32_t tick) {
    IndexHead& head = *blocks_.head;
    uint32_t dropped = 0;
    for (uint32_t n = 0; n < slots; n++) {
        uint32_t unit = head.sweep_unit;
        uint32_t slot = head.sweep_slot;
        if (!blocks_.is_used(unit) || slot >= blocks_.block(unit).high) {
            head.sweep_unit = next_block(unit);
            head.sweep_slot = 0;
            continue;
        }
        head.sweep_slot++;
        const SlotMeta& meta =
            blocks_.meta(unit, blocks_.geometry(unit), slot);
        if (meta.state == kLive && is_dead(meta, tick)) {
            drop(place_of(unit, slot));
            dropped++;
        }
    }
    head.dropped += dropped;
    return dropped;
}

}  // namespace llm::semantic
