// Handles to one series of the Table: what the hot path keeps. A default
// handle, and one for which the table had no room at all, swallows numbers.
//
// Threads and processes: every operation is a relaxed fetch_add on shared
// memory, so nothing is lost between workers and a SIGKILL costs at most the
// operation it hit (of a histogram's two additions it may leave the first).
// Ownership: points into the region; valid as long as it is mapped.
#pragma once

#include <algorithm>
#include <atomic>

#include "src/metrics/family.hpp"

namespace llm::metrics {

class Counter {
public:
    Counter() = default;
    explicit Counter(uint64_t* cell) : cell_(cell) {}

    void add(uint64_t count = 1) {
        if (cell_ != nullptr) {
            std::atomic_ref(*cell_).fetch_add(count,
                                              std::memory_order_relaxed);
        }
    }
    explicit operator bool() const { return cell_ != nullptr; }

private:
    uint64_t* cell_ = nullptr;
};

class Histogram {
public:
    Histogram() = default;
    Histogram(uint64_t* cells, std::span<const int64_t> buckets)
        : cells_(cells), buckets_(buckets) {}

    // `value` in the family's stored unit; a negative one counts as 0.
    void observe(int64_t value) {
        if (cells_ == nullptr) {
            return;
        }
        value = std::max<int64_t>(value, 0);
        size_t at = 0;
        for (int64_t bound : buckets_) {
            at += value > bound ? 1 : 0;
        }
        std::atomic_ref(cells_[buckets_.size() + 1])
            .fetch_add(static_cast<uint64_t>(value),
                       std::memory_order_relaxed);
        std::atomic_ref(cells_[at]).fetch_add(1, std::memory_order_relaxed);
    }
    explicit operator bool() const { return cells_ != nullptr; }

private:
    uint64_t* cells_ = nullptr;
    std::span<const int64_t> buckets_;
};

}  // namespace llm::metrics
