// Table: the series of all families in one region of shared memory.
//
// Exact across worker processes, and across the old and new workers of a
// reload, because all of them add to the same cells. Lock-free; survives
// SIGKILL of any process at any instant. Bounded: when there is no room for
// another series, its numbers go to the family's series whose labels are all
// "other" (room for those is kept back) and dropped() grows.
//
// The region, 64-byte units:
//     Header | slots: uint64_t[] , a power of two | blocks …
// A block is one series: what it is (hash, family, label values), then its
// cells. A block is written whole and never changes but for its cells; it
// becomes visible by one compare-and-swap of a slot from 0 to (tag, unit of
// the block). Hence the invariants:
//   - a slot that is not 0 points to a finished block, for ever;
//   - a series has one block: who loses the race for a slot takes the winner's;
//   - a killed inserter leaves one block that no slot points to, nothing else.
// Label values are compared whole, never by hash alone.
//
// A lookup costs two hashes and a comparison; keep the handle where the
// labels are known beforehand. Handles never go stale.
//
// Ownership: the region belongs to the caller and must outlive the Table and
// its handles. Copies of a Table are the same table. attach(fresh) is for one
// process at a time, before the others; all else is for any thread or process.
#pragma once

#include <array>
#include <initializer_list>

#include "src/base/result.hpp"
#include "src/metrics/handle.hpp"

namespace llm::metrics {

using Values = std::span<const Bytes>;

// One series as found in the table. The views point into the region.
struct SeriesView {
    uint64_t family = 0;  // Family::id
    size_t value_count = 0;
    std::array<Bytes, kMaxLabels> values;
    const uint64_t* cells = nullptr;
    size_t cell_count = 0;

    uint64_t cell(size_t at) const {
        // atomic_ref wants a mutable object even to load from.
        return std::atomic_ref(const_cast<uint64_t&>(cells[at]))
            .load(std::memory_order_relaxed);
    }
};

class Table {
public:
    static constexpr uint32_t kVersion = 1;
    static constexpr size_t kMinSize = size_t{8} << 10;

    // What must be equal for two builds to share a region of this size.
    static uint64_t layout_hash(size_t size);

    // `memory` is aligned to 8 bytes or more. With `fresh` the region is
    // made empty; without, it must hold a table: kCorrupt when it does not
    // (attach again with fresh to start empty), kInvalid on a bad size.
    static Result<Table> attach(void* memory, size_t size, bool fresh);

    // A Table that holds nothing and hands out empty handles.
    Table() = default;

    // `values` in the order of family.labels; missing ones are empty. An
    // empty handle when the family is of another type.
    Counter counter(const Family& family, Values values = {});
    Histogram histogram(const Family& family, Values values = {});
    Counter counter(const Family& family, std::initializer_list<Bytes> v) {
        return counter(family, Values(v.begin(), v.size()));
    }
    Histogram histogram(const Family& family, std::initializer_list<Bytes> v) {
        return histogram(family, Values(v.begin(), v.size()));
    }

    // Every series, in no order. `visit(const SeriesView&)`.
    template <typename Visit>
    void for_each(Visit visit) const {
        for (size_t at = 0; at < slots_; ++at) {
            uint64_t word = slot(at).load(std::memory_order_acquire);
            if (word == 0) {
                continue;
            }
            SeriesView view;
            if (read_block(word, view)) {
                visit(view);
            }
        }
    }

    // Lookups that found no room for their series.
    uint64_t dropped() const;
    size_t used() const;

private:
    static constexpr size_t kHeaderSize = 384;

    struct Header;
    struct Block;
    struct Key;
    // Who asks for a place. Families with a max_series may have one for every
    // word that clients send: they leave some, so that others find room.
    enum class Room : uint8_t { kUsual, kBounded, kOverflow };

    Header& header() const;
    std::atomic_ref<uint64_t> slot(size_t at) const {
        return std::atomic_ref(reinterpret_cast<uint64_t*>(
            memory_ + kHeaderSize)[at]);
    }
    Block* block_of(uint64_t word) const;
    bool read_block(uint64_t word, SeriesView& view) const;
    std::atomic_ref<uint32_t> series_of(const Key& key) const;
    uint64_t* find_or_insert(const Family& family, Values values);
    Block* find(const Key& key) const;
    Block* insert(const Key& key, bool overflow);
    Block* publish(const Key& key, Block* block);
    Block* allocate(size_t bytes, Room room);

    char* memory_ = nullptr;
    size_t size_ = 0;
    size_t slots_ = 0;
};

}  // namespace llm::metrics
