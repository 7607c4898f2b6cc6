// Index: which stored answers stand for texts near to this one. Vectors of
// any encoder in one region of the zone; each belongs to a partition, named
// by a digest of everything about a request but the text that was encoded
// (tenant, model, system prompt, encoder, …), and no search leaves its
// partition.
//
// An index holds no answers. A slot names an entry of the store by EntryId;
// the caller fetches it there and thereby learns whether it still lives.
// Losing a slot costs a near match, never a wrong answer.
//
// Shapes and invariants: block.hpp. Blocks of 2, 8, 32 and 128 KB out of
// one pool serve all partitions and dimensions; a partition takes blocks no
// larger than an eighth of what it holds, but the smallest, so one of a
// single vector costs 2 KB. Full blocks of 128 KB cost 442 bytes a vector of
// 384 dimensions, 313 of 256; of 2 KB 512.
//
// Locks: one robust lock for the whole index, not one a partition: nothing
// under it takes longer than a microsecond or two (the rare eviction of a
// block: some ten), since a Search reads without it. One pool can then serve
// one partition that fills the zone as well as a million small ones. It may
// be taken while a store's shard is held, never the other way round. A
// process killed anywhere leaves an index that the next one repairs: once,
// and if it was killed inside the lock, in 10 to 35 ms for a million vectors.
//
// An Index is a view of the region and may be copied; the region outlives
// it. Any process and thread may use it at any time.
#pragma once

#include <cstdint>

#include "src/base/clock.hpp"
#include "src/base/digest.hpp"
#include "src/base/result.hpp"
#include "src/cache/store.hpp"
#include "src/semantic/partition.hpp"
#include "src/semantic/sketch.hpp"
#include "src/shm/region.hpp"

namespace llm::semantic {

struct IndexOptions {
    Alive alive;                 // what it denies is dropped when met
    IndexProbe probe = nullptr;  // tests only
};

// What insert() is told beside the vector.
struct NewVector {
    Digest partition;
    cache::EntryId entry;
    int64_t ttl_s = 0;  // as that of the entry
};

enum class Insert : uint8_t {
    kStored,
    kDead,         // ttl_s <= 0
    kMixed,        // the partition holds vectors of other dimensions
    kNoRoom,       // not even after the bounded eviction
    kUnavailable,  // the lock is broken
};

struct InsertResult {
    Insert status = Insert::kUnavailable;
    Place place = kNoPlace;
};

struct IndexStats {
    uint64_t vectors = 0;         // expired ones that still stand included
    uint64_t partitions = 0;
    uint64_t bytes_used = 0;      // of blocks that hold vectors
    uint64_t bytes_capacity = 0;  // what bytes_used can reach
    uint64_t evictions = 0;       // vectors that made room
    uint64_t dropped = 0;         // expired, or their entry was gone
    uint64_t refusals = 0;        // inserts that did not store
    uint64_t recovered = 0;       // locks whose owner had died
};

class Index {
public:
    static constexpr uint32_t kVersion = 3;
    static uint32_t layout();
    static uint64_t min_size();
    // What is beyond that of a region is of no use: some 20 million vectors
    // of 384 dimensions.
    static uint64_t max_size();
    // Bytes of a region that holds so many vectors of that size in large
    // partitions.
    static uint64_t size_for(uint64_t vectors, uint32_t dims);

    // Formats a fresh region (the caller then says Directory::ready), else
    // attaches. kNoSpace, kCorrupt.
    static Result<Index> attach(const shm::Region& region,
                                const IndexOptions& options);

    // The vector stands for the entry from now on. O(1). Call it after the
    // entry was stored; keep the place in the entry, so that it takes the
    // vector along when it goes.
    InsertResult insert(const NewVector& vector, const Code& code, Now now);

    // Frees the place if it stands for that entry, else does nothing. O(1).
    bool erase(Place place, const cache::EntryId& entry);

    // The vector was of use: it is kept longer. O(1).
    void touch(Place place, const cache::EntryId& entry);

    // Frees what is expired or gone among the next `slots` slots of all,
    // going round; how many. For a timer, some hundreds at a time.
    uint32_t sweep(uint32_t slots, Now now);

    // Everything goes.
    bool clear();

    IndexStats stats();
    // Every invariant; for tests and operators.
    Result<void> check();

    // Of this process; see Alive.
    void ask_alive(const Alive& alive) { alive_ = alive; }

private:
    friend class Search;
    class Entered;

    bool take_out(Place place, const cache::EntryId& entry, bool dead);

    Blocks blocks_;
    Alive alive_;
};

}  // namespace llm::semantic
