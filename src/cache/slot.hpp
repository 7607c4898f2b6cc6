// What stands in the cache's shared memory. Nothing here is used outside of
// the store; the shapes and their invariants are this file's whole purpose.
//
// A shard is one pool of equal chunks with a table of links beside it, as a
// FAT is beside a disk's blocks:
//
//   links[i]  bits 0-29 the next chunk of the chain or kNoChunk; bit 31: the
//             chunk is a head, that is, it starts with a Slot; bit 30: used
//             by a repair alone
//
// An entry is a chain: the head chunk holds the Slot and the first kInline
// bytes of the body, the following chunks the rest. A body is the entry's tag
// values (8 bytes each) followed by the stored bytes. So one pool holds
// entries of every size, and no share of it is set aside for slots.
//
// The truth is: links[i] has the head bit, i < high, slot.state is
// kPublished, the chain has exactly the chunks that slot.size asks for, no
// chunk is in two chains. Buckets, free list, queue, `entries` and `bytes`
// are derived and can be built again from that (ShardRepair). To keep it so:
//   storing    body and slot are written with state kEmpty, then the head
//              bit is set, then the state becomes kPublished: the last write
//   removing   the state becomes kEmpty first, then the head bit goes, then
//              the chunks are handed back
// A process may be killed between any two of these.
#pragma once

#include <cstdint>
#include <type_traits>

#include "src/base/digest.hpp"
#include "src/shm/layout.hpp"
#include "src/shm/robust_mutex.hpp"

namespace llm::cache {

inline constexpr uint32_t kChunkSize = 128;
inline constexpr uint32_t kIndexMask = 0x3fffffff;
inline constexpr uint32_t kNoChunk = kIndexMask;
inline constexpr uint32_t kHeadBit = 1u << 31;
inline constexpr uint32_t kMarkBit = 1u << 30;
inline constexpr uint32_t kMaxTags = 16;
// A bucket for each so many chunks: about one entry of 1 KB.
inline constexpr uint32_t kChunksPerBucket = 8;

enum SlotState : uint8_t {
    kEmpty = 0,
    kPublished = 1,
    kMaking = 2,  // reserved: requests that wait for one upstream call
};

enum SlotFlags : uint8_t {
    kAlias = 1,  // reserved: another wording of an answer stored elsewhere
};

// Two cache lines' worth: what a lookup reads, then what a sweep reads.
struct Slot {
    Digest digest;
    uint32_t next_in_bucket;  // head chunk or kNoChunk
    uint8_t state;            // SlotState, see above
    uint8_t flags;            // SlotFlags
    uint8_t visited;          // since the hand of SIEVE last passed
    uint8_t tag_count;        // 8-byte values at the start of the body
    uint32_t expires;         // tick from which the entry is no more served
    uint32_t size;            // stored bytes, tags not counted
    uint64_t born;            // purge sequence when its request looked up
    uint32_t crc;             // CRC-32C of the stored bytes
    uint32_t generation;      // differs for each entry in the same place
    // 32 bits of keyed hashes; 0 = none. Two values that meet are purged
    // together, which costs a miss and never leaks.
    uint32_t tenant;
    uint32_t model;
    uint32_t answer;
    uint32_t tags;     // one bit a tag; the exact values are in the body
    uint32_t created;  // tick
    uint32_t older;    // queue: towards the oldest
    uint32_t newer;
    uint32_t vector;  // of a vector index: its place there plus 1; 0: none
};

inline constexpr uint32_t kInline = kChunkSize - sizeof(Slot);

static_assert(sizeof(Slot) == 96);
static_assert(std::is_trivially_copyable_v<Slot>);

// A chain of entries by Slot::next_in_bucket, and a filter over it: a key whose
// mark is not set has no entry here, so that most look-ups that find nothing
// touch no slot. A mark may outlive its entry until the bucket is empty.
struct [[gnu::packed]] Bucket {
    uint32_t first;  // head chunk or kNoChunk
    uint16_t marks;  // one of 16 for each entry that came, KeyHash::mark()
};

static_assert(sizeof(Bucket) == 6);

inline constexpr Bucket kEmptyBucket = {kNoChunk, 0};

struct ShardHead {
    shm::RobustMutex mutex;
    uint64_t floor;  // purge sequence of the last `all` that emptied it
    uint64_t bytes;  // stored bytes of all entries
    uint32_t high;   // chunks from here on were never used since the last
                     // time the shard was emptied; their links mean nothing
    uint32_t free_head;
    uint32_t free_count;
    uint32_t newest;
    uint32_t oldest;
    uint32_t hand;
    uint32_t entries;
    uint32_t generation;
    // Counters since the zone was made. `refusals` is counted without the
    // lock, atomically.
    uint64_t evictions;
    uint64_t refusals;
    uint64_t corrupt;
    uint64_t recovered;
    uint64_t expired;
};

static_assert(std::is_trivially_copyable_v<ShardHead>);

// Chunks that a body of `tags` values and `size` bytes takes.
constexpr uint64_t chunks_for(uint64_t size, uint32_t tags) {
    uint64_t body = size + 8ull * tags;
    return body <= kInline ? 1
                           : 1 + (body - kInline + kChunkSize - 1) / kChunkSize;
}

inline constexpr uint32_t kSlotLayout = shm::layout_hash(
    {LLM_FIELD(Slot, digest), LLM_FIELD(Slot, next_in_bucket),
     LLM_FIELD(Slot, state), LLM_FIELD(Slot, flags), LLM_FIELD(Slot, visited),
     LLM_FIELD(Slot, tag_count), LLM_FIELD(Slot, expires),
     LLM_FIELD(Slot, size), LLM_FIELD(Slot, born), LLM_FIELD(Slot, crc),
     LLM_FIELD(Slot, generation), LLM_FIELD(Slot, tenant),
     LLM_FIELD(Slot, model), LLM_FIELD(Slot, answer), LLM_FIELD(Slot, tags),
     LLM_FIELD(Slot, created), LLM_FIELD(Slot, older), LLM_FIELD(Slot, newer),
     LLM_FIELD(Slot, vector), LLM_FIELD(ShardHead, mutex),
     LLM_FIELD(ShardHead, floor), LLM_FIELD(ShardHead, bytes),
     LLM_FIELD(ShardHead, high), LLM_FIELD(ShardHead, free_head),
     LLM_FIELD(ShardHead, free_count), LLM_FIELD(ShardHead, newest),
     LLM_FIELD(ShardHead, oldest), LLM_FIELD(ShardHead, hand),
     LLM_FIELD(ShardHead, entries), LLM_FIELD(ShardHead, generation),
     LLM_FIELD(ShardHead, evictions), LLM_FIELD(ShardHead, refusals),
     LLM_FIELD(ShardHead, corrupt), LLM_FIELD(ShardHead, recovered),
     LLM_FIELD(ShardHead, expired), LLM_FIELD(Bucket, first),
     LLM_FIELD(Bucket, marks), {"chunk", 0, kChunkSize}});

}  // namespace llm::cache
