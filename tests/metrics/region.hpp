// Memory for the tests of the metrics room.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <new>

#include "src/metrics/table.hpp"

namespace llm::metrics {

// Anonymous memory that forked children share.
class SharedMemory {
public:
    explicit SharedMemory(size_t size) : size_(size) {
        memory_ = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory_ == MAP_FAILED) {
            std::abort();
        }
    }
    ~SharedMemory() { munmap(memory_, size_); }
    SharedMemory(const SharedMemory&) = delete;
    SharedMemory& operator=(const SharedMemory&) = delete;

    void* data() const { return memory_; }
    size_t size() const { return size_; }
    Table fresh_table() const {
        return Table::attach(memory_, size_, true).value();
    }

private:
    void* memory_;
    size_t size_;
};

inline constexpr Bytes kColours[] = {"red", "green"};
inline constexpr Label kNameAndColour[] = {{"name"}, {"colour", kColours}};
inline constexpr int64_t kBounds[] = {10, 100, 1000};
inline constexpr Family kPlain{"test_plain_total", "Plain.", Type::kCounter,
                               {}, {}, 0};
inline constexpr Family kLabelled{"test_labelled_total", "Labelled.",
                                  Type::kCounter, kNameAndColour, {}, 0};
inline constexpr Family kTimes{"test_times_seconds", "Times.",
                               Type::kHistogram, kNameAndColour, kBounds, 3};
inline constexpr Family kLevel{"test_level", "A level.", Type::kGauge,
                               kNameAndColour, {}, 2};

// The sum over every series of `family` of its cell `at`.
inline uint64_t total(const Table& table, const Family& family,
                      size_t at = 0) {
    uint64_t sum = 0;
    table.for_each([&](const SeriesView& view) {
        if (view.family == family.id) {
            sum += view.cell(at);
        }
    });
    return sum;
}

// The cells of one series; nullptr when it is not there.
inline const uint64_t* cells_of(const Table& table, const Family& family,
                                std::initializer_list<Bytes> values) {
    const uint64_t* found = nullptr;
    table.for_each([&](const SeriesView& view) {
        if (view.family == family.id
            && std::equal(values.begin(), values.end(), view.values.begin(),
                          view.values.begin() + view.value_count)) {
            found = view.cells;
        }
    });
    return found;
}

}  // namespace llm::metrics
