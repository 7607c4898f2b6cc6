// The purge log: a bounded ring of "everything that matches X and was born
// before sequence N is dead".
//
// The sequence counts purges. An entry's `born` is the sequence that stood
// when its request was looked up. A purge takes the next number; whoever was
// born before and matches is dead from that instant, whether it is stored
// already or comes later from a request in flight. Three readers:
//   store   checks all records after `born`; a match refuses the entry
//   lookup  checks the records that no sweep has finished with; mostly none
//   sweep   frees the dead, then moves `swept` on
// A record that was overwritten is not forgotten: whatever was born so long
// ago that its record may be gone is refused. Too much is purged, never too
// little.
//
// Shared memory, any process and thread. begin() takes the log's own lock
// (before any shard's lock, never after); everything else is lock-free.
#pragma once

#include <cstdint>

#include "src/base/siphash.hpp"
#include "src/cache/slot.hpp"

namespace llm::cache {

enum class PurgeBy : uint32_t { kEntry, kAnswer, kTag, kTenant, kModel, kAll };

inline constexpr uint32_t kPurgeRecords = 1024;

struct PurgeRecord {
    uint64_t sequence;
    uint64_t value;  // PurgeLog::hash() of what is purged
    uint64_t count;  // stored entries that it killed
    uint32_t by;
    uint32_t reserved;
};

struct PurgeHead {
    shm::RobustMutex mutex;
    uint64_t sequence;  // of the last purge; starts at 1
    uint64_t swept;     // purges up to here have no stored victim any more
    uint64_t all;       // of the last purge of all; 0 = none
    PurgeRecord ring[kPurgeRecords];
};

static_assert(std::is_trivially_copyable_v<PurgeHead>);

// What a purge looks at.
struct Marks {
    uint32_t tenant = 0;
    uint32_t model = 0;
    uint32_t answer = 0;
    uint32_t tags = 0;
    uint32_t tag_count = 0;
};

class PurgeLog {
public:
    PurgeLog() = default;
    PurgeLog(PurgeHead* head, SipKey key) : head_(head), key_(key) {}

    static Result<void> format(PurgeHead* head);

    uint64_t sequence() const { return load(head_->sequence); }
    uint64_t swept() const { return load(head_->swept); }
    uint64_t all() const { return load(head_->all); }

    // The keyed hash of a value, another one for each kind.
    uint64_t hash(PurgeBy by, Bytes value) const {
        return siphash({key_.k0 ^ static_cast<uint64_t>(by), key_.k1}, value);
    }
    // As it stands in a slot; never 0.
    static uint32_t filter(uint64_t hash) {
        auto low = static_cast<uint32_t>(hash);
        return low == 0 ? 1 : low;
    }
    static uint32_t tag_bit(uint64_t hash) { return 1u << (hash >> 59); }

    // Takes effect before it returns. kNoSpace: sweep first.
    Result<uint64_t> begin(PurgeBy by, uint64_t value);
    // A sweep that began after begin() gave `sequence` has seen every shard.
    void finish(uint64_t sequence);
    // One stored entry went for this purge's sake, or `n`.
    void add(uint64_t sequence, uint64_t n);
    uint64_t count(uint64_t sequence) const;

    // The sequence of the first purge later than `since` that kills, 0 when
    // none does. `load_tags` gives the exact values of the tags
    // (const uint64_t*); asked for only when the filter says perhaps.
    template <typename LoadTags>
    uint64_t killer(const Marks& marks, uint64_t since,
                    LoadTags&& load_tags) const {
        uint64_t last = sequence();
        if (since >= last) {
            return 0;
        }
        if (last - since >= kPurgeRecords - 1) {
            return last;
        }
        const uint64_t* tags = nullptr;
        for (uint64_t s = since + 1; s <= last; s++) {
            PurgeRecord record;
            if (!read(s, record)) {
                return s;
            }
            if (record.by == static_cast<uint32_t>(PurgeBy::kTag)) {
                if ((marks.tags & tag_bit(record.value)) == 0) {
                    continue;
                }
                tags = tags != nullptr ? tags : load_tags();
                if (has(tags, marks.tag_count, record.value)) {
                    return s;
                }
            } else if (matches(record, marks)) {
                return s;
            }
        }
        return 0;
    }

private:
    static uint64_t load(const uint64_t& word) {
        return __atomic_load_n(&word, __ATOMIC_ACQUIRE);
    }
    static void store(uint64_t& word, uint64_t value) {
        __atomic_store_n(&word, value, __ATOMIC_RELEASE);
    }
    static bool has(const uint64_t* tags, uint32_t count, uint64_t value);
    static bool matches(const PurgeRecord& record, const Marks& marks);
    // False when the record has been overwritten.
    bool read(uint64_t sequence, PurgeRecord& out) const;

    PurgeHead* head_ = nullptr;
    SipKey key_;
};

}  // namespace llm::cache
