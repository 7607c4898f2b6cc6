// One shard of the store, for whoever holds its lock: a view of its head,
// bucket array, links and chunks (shapes and invariants: slot.hpp) with the
// operations on them. Nothing here locks, allocates memory (but check(), which
// is for tests and operators) or does I/O.
//
// The queue is SIEVE (Zhang et al., "SIEVE is Simpler than LRU", NSDI 2024):
// a hit sets a bit, nothing moves; a hand goes from the oldest to the newest,
// clears the bits that it finds set and evicts where it finds none.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/base/result.hpp"
#include "src/cache/purge_log.hpp"
#include "src/cache/entry_id.hpp"
#include "src/cache/slot.hpp"

namespace llm::cache {

// Told of an entry that goes and has a vector (Slot::vector), with the
// shard's lock held: it must not come back to the store. Not told when a
// whole shard is emptied or repaired; Store::may_stand() then tells.
struct VectorGone {
    void (*call)(void* context, const EntryId& id, uint32_t vector) = nullptr;
    void* context = nullptr;
};

// Where a test may stop the process inside a critical section.
enum class Step : uint8_t {
    kEntered,
    kChunksTaken,
    kBodyWritten,
    kHeadMarked,
    kPublished,
    kInBucket,
    kInQueue,
    kUnpublished,
    kOffBucket,
    kOffQueue,
    kChunksFreed,
    kEmptied,
    kRepairMarked,
};
using Probe = void (*)(Step);

// What Store hashes a digest to: `shard` chooses the shard, `bucket` the
// bucket in it by its high bits and the mark there by its low ones. Keyed:
// nobody outside can aim at one bucket.
struct KeyHash {
    uint32_t shard;
    uint32_t bucket;

    uint16_t mark() const {
        return static_cast<uint16_t>(1u << (bucket & 15));
    }
};
struct HashKey {
    uint64_t mask;
    uint64_t factor;  // odd

    KeyHash operator()(const Digest& digest) const {
        auto product =
            static_cast<unsigned __int128>(digest.prefix() ^ mask) * factor;
        uint64_t h = static_cast<uint64_t>(product)
                     ^ static_cast<uint64_t>(product >> 64);
        return {static_cast<uint32_t>(h >> 32), static_cast<uint32_t>(h)};
    }
};

// What is stored, as Shard::store() wants it.
struct NewEntry {
    Slot slot;  // digest, marks, expires, created, born, crc, size, tag_count
    std::span<const uint64_t> tags;
    std::span<const Bytes> pieces;
};

class Shard {
public:
    ShardHead* head = nullptr;
    Bucket* buckets = nullptr;
    uint32_t* links = nullptr;
    char* chunks = nullptr;
    uint32_t bucket_count = 0;
    uint32_t chunk_count = 0;
    uint32_t index = 0;       // which shard this is,
    uint32_t shard_mask = 0;  // of how many, less one
    HashKey hash{};
    PurgeLog* log = nullptr;
    VectorGone vector_gone{};
    Probe probe = nullptr;

    Slot& slot(uint32_t chunk) const {
        return *reinterpret_cast<Slot*>(chunks + size_t{chunk} * kChunkSize);
    }
    bool is_head(uint32_t chunk) const {
        return chunk < head->high && (links[chunk] & kHeadBit) != 0;
    }

    void at(Step step) const {
        if (probe != nullptr) {
            probe(step);
        }
    }

    // Everything goes, in constant work but for the buckets.
    void empty();
    // The published entry of that key, or kNoChunk.
    uint32_t find(const Digest& digest);
    // The published entry that stands there with that generation, or kNoChunk.
    uint32_t find(uint32_t chunk, uint32_t generation) const {
        bool there = is_head(chunk) && slot(chunk).state == kPublished
                     && slot(chunk).generation == generation;
        return there ? chunk : kNoChunk;
    }
    // The sequence of the purge that killed it and has not freed it yet, 0.
    uint64_t killed_by(uint32_t chunk) const;
    // Frees an entry; when a purge has killed it, it counts there.
    void remove(uint32_t chunk);
    // Makes room by evicting up to `limit` entries; false: not enough.
    bool make_room(uint64_t chunks, uint32_t limit, uint32_t tick);
    // Precondition: room for it and no entry of that key. The head chunk.
    uint32_t store(const NewEntry& entry);
    // The stored bytes, into `size` bytes at `out`; false: broken chain.
    bool copy_out(uint32_t chunk, char* out, uint32_t size) const;

    // The dead among the chunks from `from` to `to`.
    void sweep(uint32_t from, uint32_t to);

    // After an owner's death: derives everything from the slots again and
    // drops what does not hold. Bounded by the number of chunks.
    void repair();
    // Checks every invariant of slot.hpp.
    Result<void> check() const;

private:
    friend class BodyWriter;
    Bucket& bucket(KeyHash key) const {
        return buckets[uint64_t{key.bucket} * bucket_count >> 32];
    }
    uint32_t take(uint32_t count);
    void give_back(uint32_t first);
    void into_bucket(uint32_t chunk);
    void off_bucket(uint32_t chunk);
    void into_queue(uint32_t chunk);
    void off_queue(uint32_t chunk);
    // For who goes over all chunks: an entry some of them ahead is on its way.
    static constexpr uint32_t kAhead = 128;  // some entries of 1 KB
    void foresee(uint32_t chunk) const {
        if (is_head(chunk)) {
            __builtin_prefetch(&slot(chunk));
            __builtin_prefetch(&slot(chunk).tenant);
        }
    }
    uint32_t victim(uint32_t tick);
    void load_tags(uint32_t chunk, uint64_t* out) const;

    bool claim(uint32_t chunk);
    void unclaim(uint32_t chunk, uint32_t claimed);
    bool believable(uint32_t chunk) const;
    void adopt(uint32_t chunk);
    Result<void> check_entry(uint32_t chunk, std::vector<bool>& owned) const;
    Result<void> check_queue() const;
};

}  // namespace llm::cache
