// The exact cache's store: 256-bit digest -> bytes, in one region of the zone.
//
// Shards, each with its own robust lock; shapes in slot.hpp, purges in
// purge_log.hpp, the work under a lock in shard.hpp. Answers are copied in and
// out under the lock, there are no pins. Any process and thread may use a
// store at any time; a process killed anywhere leaves a store that the next
// one repairs (fault cases 58 to 63): a shard of 16 to 32 MB, as large zones
// have them, in 8 to 20 ms.
//
// A Store is a view of the region and may be copied; the region outlives it.
// Time: expiry and age run on the monotonic clock, in ticks of a tenth of a
// second, so that no step of the wall clock makes an entry immortal or its
// time to live negative; wall-clock times are computed for the caller alone.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "src/base/bytes.hpp"
#include "src/base/clock.hpp"
#include "src/base/digest.hpp"
#include "src/base/result.hpp"
#include "src/cache/purge_log.hpp"
#include "src/cache/shard.hpp"
#include "src/shm/region.hpp"

namespace llm::cache {

// What put() is told about an entry beside its bytes.
struct EntryMeta {
    Bytes tenant;     // "" = none, as for the others
    Bytes model;      // as served
    Bytes answer_id;
    std::span<const Bytes> tags;  // at most kMaxTags, empty ones are skipped
    int64_t ttl_s = 0;
    uint64_t born = 0;  // sequence() when the request was looked up; without
                        // it the entry is refused as purged
};

struct Lookup {
    enum class Status : uint8_t {
        kHit,
        kNone,
        kExpired,      // stands there, is not given out
        kCorrupt,      // failed its checks, was dropped and counted
        kUnavailable,  // alloc gave nothing, or the lock is broken
    };
    Status status = Status::kNone;
    size_t size = 0;        // bytes copied to what alloc() gave
    EntryId id;
    int64_t age_s = 0;      // >= 0
    int64_t ttl_s = 0;      // left, rounded up; > 0 on a hit
    int64_t created_s = 0;  // wall clock, by the clock of now
    int64_t expires_s = 0;

    bool hit() const { return status == Status::kHit; }
};

enum class Put : uint8_t {
    kStored,
    kTooLarge,     // over max_entry()
    kNoRoom,       // the bounded eviction did not free enough
    kPurged,       // a purge since `born` matches
    kDead,         // ttl_s <= 0
    kInvalid,      // more than kMaxTags tags
    kUnavailable,  // the lock is broken
};

struct PutResult {
    Put status = Put::kUnavailable;
    EntryId id;
};

struct StoreStats {
    uint64_t entries = 0;         // expired ones that still stand included
    uint64_t bytes = 0;           // stored
    uint64_t bytes_used = 0;      // taken by entries, all included
    uint64_t bytes_capacity = 0;  // what bytes_used can reach
    uint64_t evictions = 0;
    uint64_t refusals = 0;        // any put that did not store
    uint64_t corrupt = 0;
    uint64_t recovered = 0;       // locks whose owner had died
    uint64_t expired = 0;         // lookups that ended in kExpired
};

// A purge that has taken effect and whose dead are being freed.
struct Sweep {
    PurgeBy by = PurgeBy::kAll;
    uint64_t sequence = 0;
    uint32_t shard = 0;
    uint32_t chunk = 0;
    bool done = false;
    uint64_t count = 0;  // entries that went; right once done
    uint64_t through = 0;  // the last purge that its way does for
};

struct StoreOptions {
    uint64_t max_entry = 1 << 20;  // bytes; decides the shards on creation
    Probe probe = nullptr;         // tests only
};

class Store {
public:
    static constexpr uint32_t kVersion = 3;
    static uint32_t layout();
    // What a region must have for entries of that size.
    static uint64_t min_size(uint64_t max_entry);

    // Formats a fresh region (the caller then says Directory::ready), else
    // attaches; then the shards are as they were made. kNoSpace, kCorrupt.
    static Result<Store> attach(const shm::Region& region,
                                const StoreOptions& options);

    // Read it when a request is looked up; hand it to put() as `born`.
    uint64_t sequence() const { return log_.sequence(); }
    // The largest entry that put() takes.
    uint64_t max_entry() const { return max_entry_; }

    // alloc(size) -> char* gives the place for the bytes, nullptr for none;
    // it is called once, under the lock, and only when there is an entry to
    // give out. What was copied means nothing unless the result is a hit.
    template <typename Alloc>
    Lookup lookup(const Digest& key, Now now, Alloc&& alloc) {
        return lookup_key(key, now, place(alloc));
    }
    template <typename Alloc>
    Lookup lookup(const EntryId& id, Now now, Alloc&& alloc) {
        return lookup_id(id, now, place(alloc));
    }

    // For who has the bytes of that entry already: a hit, without bytes, as
    // long as it is what stands under the key. Otherwise kNone, whatever the
    // reason: lookup() tells.
    Lookup confirm(const Digest& key, const EntryId& known, Now now);

    // Stores the pieces, joined, in place of what stands under that key.
    PutResult put(const Digest& key, const EntryMeta& meta,
                  std::span<const Bytes> pieces, Now now);

    // 24 hexadecimal digits, opaque: shard, slot, generation and a keyed
    // check, so that neither a guess nor another zone's id finds anything.
    std::string id_text(const EntryId& id) const;
    Result<EntryId> parse_id(Bytes text) const;
    bool exists(const EntryId& id);

    // The entry stands for that vector from now on (Slot::vector, not 0);
    // false: it is gone already.
    bool set_vector(const EntryId& id, uint32_t vector);
    // Of this process, for the entries that it removes.
    void on_vector_gone(const VectorGone& gone) { vector_gone_ = gone; }
    // Whether such an entry is likely to be there. It takes no lock and may
    // err either way: for choosing, not for serving.
    bool may_stand(const EntryId& id);

    // Removes what matches; the number of entries that went. Marking an
    // answer wrong is a purge by answer or by entry (the value: its text).
    // kInvalid for an empty value, kNotFound for an id that is none.
    Result<uint64_t> purge(PurgeBy by, Bytes value);
    // The same in steps, for those who must not stop for long: it has its
    // whole effect when begin_purge() returns; sweep() frees, about `chunks`
    // at a time, and is done when it returns true. One does for all purges
    // that stand in the log when it sets out: theirs are done at once then.
    Result<Sweep> begin_purge(PurgeBy by, Bytes value);
    bool sweep(Sweep& sweep, uint32_t chunks);

    StoreStats stats();
    // Every invariant of every shard; for tests and operators.
    Result<void> check();

    uint32_t shards() const { return shard_count_; }

private:
    struct Place {
        char* (*call)(void* context, size_t size);
        void* context;
    };
    template <typename Alloc>
    static Place place(Alloc& alloc) {
        return {[](void* context, size_t size) -> char* {
                    return (*static_cast<Alloc*>(context))(size);
                },
                const_cast<void*>(static_cast<const void*>(&alloc))};
    }
    class Entered;

    Lookup lookup_key(const Digest& key, Now now, Place place);
    Lookup lookup_id(const EntryId& id, Now now, Place place);
    Lookup give_out(uint32_t shard, const Digest* key, const EntryId* id,
                    Now now, Place place);
    void drop_corrupt(const EntryId& id);
    Result<Sweep> purge_entry(Bytes text);
    PutResult refuse(const Digest& key, Put why);
    Put admit(const EntryMeta& meta, std::span<const Bytes> pieces,
              NewEntry& entry, uint64_t* tags);
    bool killed(const Slot& slot, std::span<const uint64_t> tags) const;
    Shard shard(uint32_t index);
    uint32_t shard_of(const Digest& key) const {
        return hash_(key).shard & (shard_count_ - 1);
    }

    char* base_ = nullptr;
    PurgeLog log_;
    HashKey hash_{};
    uint64_t shards_at_ = 0;  // offsets and sizes in the region
    uint64_t shard_bytes_ = 0;
    uint64_t max_entry_ = 0;
    uint32_t shard_count_ = 0;
    uint32_t chunk_count_ = 0;
    uint32_t bucket_count_ = 0;
    SipKey id_key_;
    VectorGone vector_gone_{};
    Probe probe_ = nullptr;
};

}  // namespace llm::cache
