// What stands in the index's shared memory: shapes and their invariants.
//
//   IndexHead | buckets (u32) | units (u8) | pages of 128 KB
//
// A page is divided into units of 2 KB. A block is 1, 4, 16 or 64 units that
// begin at a multiple of their number: class 0 to 3. units[u] says what
// begins at unit u: a used block, a free one, or nothing.
//
// A used block belongs to one partition and holds slots of its dimensions:
//
//   BlockHead | sketches | SlotMeta | int8 vectors, 64-byte aligned rows
//
// in arrays. Sketches stand in columns: the first bytes of all slots, their
// second bytes and so on, so that what a search reads of all of them, the
// first plane (probe.hpp), is one stream in one or two pages of memory; and
// the same bytes of neighbours lie in one register. A partition is a chain
// of blocks. The first is its founder, which carries the partition's record,
// stands at the chain's start and is freed last; that is, there is no table
// of partitions that could be full before the blocks are. Buckets lead from
// a keyed hash of the digest to founders.
//
// The truth is: units[u] is used, what BlockHead names as the truth, and
// slots below `high` whose generation is even and whose state is kLive. All
// else (free lists, buckets, chains, counts, lists of free slots) is derived
// from that by repair(). To keep it so, a process being killed anywhere:
//   a block    is written whole, then units[u] becomes used; it is freed by
//              incarnation = 0, then units[u], then the rest
//   a slot     generation odd, state kFree; then its bytes; state kLive,
//              generation even: the last write. Freed by an odd generation,
//              state kFree, bytes zeroed, generation even
//
// Readers without a lock believe what they copied of a slot when its
// generation was the same even number before and after, its state kLive, the
// block's incarnation their partition's and its class the one that they read
// it by. An incarnation is given once.
#pragma once

#include <cstdint>
#include <type_traits>

#include "src/base/digest.hpp"
#include "src/base/siphash.hpp"
#include "src/semantic/scan.hpp"
#include "src/shm/layout.hpp"
#include "src/shm/robust_mutex.hpp"

namespace llm::semantic {

inline constexpr uint32_t kUnitSize = 2048;
inline constexpr uint32_t kUnitsPerPage = 64;
inline constexpr uint32_t kPageSize = kUnitSize * kUnitsPerPage;
inline constexpr uint32_t kClasses = 4;
inline constexpr uint32_t kClassRatio = 4;  // units of one class in the next
inline constexpr uint32_t kNoUnit = 0xffffffff;
inline constexpr uint16_t kNoSlot = 0xffff;

// Names a slot: unit << 10 | slot.
using Place = uint32_t;
inline constexpr Place kNoPlace = 0xffffffff;
inline constexpr uint32_t kSlotBits = 10;
inline constexpr uint32_t kMaxSlots = 1u << kSlotBits;
static_assert(kMaxSlots <= kMaxScan);
// The last page is left out, so that kNoPlace names nothing.
inline constexpr uint32_t kMaxPages =
    (1u << (32 - kSlotBits)) / kUnitsPerPage - 1;

enum SlotState : uint8_t {
    kFree = 0,
    kLive = 1,
};

struct SlotMeta {
    uint32_t generation;  // odd while it is written
    uint32_t entry_slot;  // EntryId; of a free slot: the next free one
    uint32_t entry_generation;
    uint16_t entry_shard;
    uint8_t state;    // SlotState
    uint8_t visited;  // since the partition's hand last passed
    uint32_t expires;  // tick from which it is no candidate
    float inverse;     // Code::inverse
};

static_assert(sizeof(SlotMeta) == 24);
static_assert(std::is_trivially_copyable_v<SlotMeta>);

struct BlockHead {
    // The truth of a used block.
    uint64_t incarnation;  // of its partition; 0: of none
    uint32_t founder;      // unit of the partition's founder, itself for one
    uint16_t dims;
    uint16_t high;  // slots from here on were never used
    // Derived.
    uint32_t next;  // chain; of a free block: its class's free list
    uint32_t previous;
    uint32_t next_room;  // blocks of the partition that have a free slot
    uint32_t previous_room;
    uint16_t used;
    uint16_t free_slot;  // first of those below `high`, or kNoSlot
    uint8_t visited;     // since the pool's hand last passed
    uint8_t in_room;
    uint16_t reserved;
    // The partition's record, in its founder alone. The digest is truth.
    Digest partition;
    uint32_t next_in_bucket;
    uint32_t room;        // first block with a free slot
    uint32_t live;        // vectors
    uint32_t blocks;
    uint32_t hand_block;  // where the partition's own hand stands
    uint16_t hand_slot;
    uint16_t reserved2;
    uint64_t reserved3;
};

static_assert(sizeof(BlockHead) <= 128);
static_assert(std::is_trivially_copyable_v<BlockHead>);

struct IndexHead {
    uint64_t region_size;
    uint32_t pages;
    uint32_t buckets;
    shm::RobustMutex mutex;
    SipKey key;  // of the buckets
    uint64_t incarnation;  // the last one given
    // Derived, as far as the lock's owner is concerned.
    uint32_t free_block[kClasses];
    uint32_t hand;        // unit: where eviction looks next
    uint32_t sweep_unit;  // where sweep() goes on
    uint32_t sweep_slot;
    uint32_t reserved;
    uint64_t vectors;
    uint64_t partitions;
    uint64_t units_used;
    // Counters since the region was made; `refusals` without the lock.
    uint64_t evictions;
    uint64_t dropped;
    uint64_t refusals;
    uint64_t recovered;
};

static_assert(std::is_trivially_copyable_v<IndexHead>);

inline constexpr uint32_t units_of(uint32_t size_class) {
    return 1u << 2 * size_class;
}

// How a block of a class is divided for vectors of so many dimensions.
struct Geometry {
    uint32_t size_class = 0;
    uint32_t slots = 0;  // 0: the class is too small for them
    uint32_t row = 0;    // bytes from one vector to the next
    uint32_t metas_at = 0;
    uint32_t rows_at = 0;

    static Geometry of(uint32_t dims, uint32_t size_class);
};

static_assert(units_of(1) == kClassRatio
              && units_of(kClasses - 1) == kUnitsPerPage);

inline constexpr uint32_t kSketchesAt = 128;

// Where a test may stop the process inside a critical section.
enum class IndexStep : uint8_t {
    kEntered,
    kBlockTaken,
    kBlockWritten,
    kBlockUsed,
    kInChain,
    kSlotTaken,
    kSlotOpened,
    kSlotWritten,
    kSlotLive,
    kSlotClosed,
    kSlotZeroed,
    kSlotFreed,
    kBlockForgotten,
    kBlockUnused,
    kRepairing,
};
using IndexProbe = void (*)(IndexStep);

// A view of the region: where its parts are. It locks nothing.
class Blocks {
public:
    IndexHead* head = nullptr;
    uint32_t* buckets = nullptr;
    uint8_t* units = nullptr;
    char* pages = nullptr;
    uint32_t unit_count = 0;
    uint32_t bucket_count = 0;
    IndexProbe probe = nullptr;

    static constexpr uint8_t kNothing = 0;
    static constexpr uint8_t kUsed = 0x10;  // | class
    static constexpr uint8_t kSpare = 0x20;  // | class

    // Bytes before the pages.
    static uint64_t pages_at(uint32_t pages, uint32_t buckets);
    static uint32_t buckets_for(uint32_t pages);
    // Pages that such a region can have; 0: none.
    static uint32_t pages_for(uint64_t region_size);
    static Blocks over(char* region, uint32_t pages, uint32_t buckets);

    void at(IndexStep step) const {
        if (probe != nullptr) {
            probe(step);
        }
    }

    bool is_used(uint32_t unit) const {
        return unit < unit_count
               && (__atomic_load_n(&units[unit], __ATOMIC_RELAXED) & kUsed);
    }
    uint32_t class_of(uint32_t unit) const {
        uint32_t c = __atomic_load_n(&units[unit], __ATOMIC_RELAXED) & 0x0f;
        return c < kClasses ? c : 0;
    }
    char* bytes(uint32_t unit) const {
        return pages + uint64_t{unit} * kUnitSize;
    }
    BlockHead& block(uint32_t unit) const {
        return *reinterpret_cast<BlockHead*>(bytes(unit));
    }
    // Behind them: a SlotMeta and a row at least, more than kScanSlack.
    Columns sketches(uint32_t unit, const Geometry& g) const {
        return {reinterpret_cast<uint8_t*>(bytes(unit) + kSketchesAt),
                g.slots};
    }
    void set_sketch(uint32_t unit, const Geometry& g, uint32_t slot,
                    const Sketch& sketch) const;
    SlotMeta& meta(uint32_t unit, const Geometry& g, uint32_t slot) const {
        return reinterpret_cast<SlotMeta*>(bytes(unit) + g.metas_at)[slot];
    }
    int8_t* row(uint32_t unit, const Geometry& g, uint32_t slot) const {
        return reinterpret_cast<int8_t*>(bytes(unit) + g.rows_at)
               + uint64_t{slot} * g.row;
    }
    // Of a used block.
    Geometry geometry(uint32_t unit) const {
        return Geometry::of(block(unit).dims, class_of(unit));
    }
    uint32_t& bucket(const Digest& partition) const;
};

}  // namespace llm::semantic
