#include "src/semantic/word_counts.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>

#include "src/shm/layout.hpp"

namespace llm::semantic {
namespace {

constexpr uint64_t kMagic = 0x6c6c6d776f726431;  // "llmword1"
constexpr uint32_t kPeriods = 2;
constexpr uint16_t kFull = UINT16_MAX;
// Each word of a question once, and no more work than this for a long one.
constexpr size_t kMostWords = 128;

template <typename T>
std::atomic_ref<T> atomic(T& value) {
    return std::atomic_ref<T>(value);
}

}  // namespace

struct WordCounts::Header {
    uint64_t magic;
    uint32_t counters;                 // a row
    uint32_t period;                   // even and odd use the two in turn
    uint32_t questions[kPeriods];      // in each
    uint32_t reserved[10];
};

uint32_t WordCounts::layout() {
    return shm::layout_hash({LLM_FIELD(Header, magic),
                             LLM_FIELD(Header, counters),
                             LLM_FIELD(Header, period),
                             LLM_FIELD(Header, questions)});
}

size_t WordCounts::size_needed(size_t counters) {
    return sizeof(Header) + counters * kPeriods * kRows * sizeof(uint16_t);
}

Result<WordCounts> WordCounts::attach(const shm::Region& region) {
    if (region.size < size_needed(1)) {
        return Error{Errc::kInvalid, "no room for counts of words"};
    }
    auto counters = static_cast<uint32_t>(std::bit_floor(
        (region.size - sizeof(Header)) / (size_needed(1) - sizeof(Header))));
    WordCounts counts;
    counts.memory_ = region.data;
    counts.mask_ = counters - 1;
    Header& header = counts.header();
    if (region.fresh) {
        std::memset(region.data, 0, size_needed(counters));
        header.magic = kMagic;
        header.counters = counters;
    } else if (header.magic != kMagic || header.counters != counters) {
        return Error{Errc::kCorrupt, "not counts of words"};
    }
    return counts;
}

WordCounts::Header& WordCounts::header() const {
    return *reinterpret_cast<Header*>(memory_);
}

uint16_t* WordCounts::row(uint32_t period, uint32_t number) const {
    auto* rows = reinterpret_cast<uint16_t*>(memory_ + sizeof(Header));
    return rows + (period % kPeriods * kRows + number) * (mask_ + 1);
}

// Keys are hashes; each row takes other bits of them.
size_t WordCounts::cell(uint64_t key, uint32_t row) const {
    return static_cast<size_t>(key >> (row * 32)) & mask_;
}

void WordCounts::add(const Facts& question) {
    if (memory_ == nullptr || question.items().empty()) {
        return;
    }
    uint64_t keys[kMostWords];
    size_t size = 0;
    for (const Fact& fact : question.items()) {
        if (size < kMostWords) {
            keys[size++] = fact.key;
        }
    }
    std::sort(keys, keys + size);
    size = static_cast<size_t>(std::unique(keys, keys + size) - keys);
    uint32_t period = atomic(header().period).load(std::memory_order_relaxed);
    for (size_t i = 0; i < size; i++) {
        for (uint32_t number = 0; number < kRows; number++) {
            auto counter = atomic(row(period, number)[cell(keys[i], number)]);
            uint16_t value = counter.load(std::memory_order_relaxed);
            // One of two at once is lost, and no more: a plain store of who
            // was put to sleep in between would undo all that came since.
            if (value != kFull) {
                counter.compare_exchange_strong(
                    value, static_cast<uint16_t>(value + 1),
                    std::memory_order_relaxed);
            }
        }
    }
    uint32_t questions = atomic(header().questions[period % kPeriods])
                             .fetch_add(1, std::memory_order_relaxed);
    if (questions + 1 >= kPeriod) {
        begin_period(period);
    }
}

// Whoever dies in here leaves a full period, which the next question ends.
void WordCounts::begin_period(uint32_t ended) {
    uint32_t next = ended + 1;
    for (uint32_t number = 0; number < kRows; number++) {
        uint16_t* counters = row(next, number);
        for (size_t i = 0; i <= mask_; i++) {
            // Who was put to sleep in here must not clear what others have
            // counted in the new period.
            if (atomic(header().period).load(std::memory_order_relaxed)
                != ended) {
                return;
            }
            atomic(counters[i]).store(0, std::memory_order_relaxed);
        }
    }
    atomic(header().questions[next % kPeriods])
        .store(0, std::memory_order_relaxed);
    atomic(header().period)
        .compare_exchange_strong(ended, next, std::memory_order_relaxed);
}

uint64_t WordCounts::questions() const {
    if (memory_ == nullptr) {
        return 0;
    }
    uint64_t sum = 0;
    for (uint32_t& questions : header().questions) {
        sum += atomic(questions).load(std::memory_order_relaxed);
    }
    return sum;
}

uint64_t WordCounts::count(uint64_t key) const {
    uint64_t sum = 0;
    for (uint32_t period = 0; period < kPeriods; period++) {
        uint16_t least = kFull;
        for (uint32_t number = 0; number < kRows; number++) {
            auto counter = atomic(row(period, number)[cell(key, number)]);
            least = std::min(least, counter.load(std::memory_order_relaxed));
        }
        sum += least;
    }
    return sum;
}

uint16_t WordCounts::weight(uint64_t key, uint16_t background) const {
    uint64_t all = questions();
    if (all == 0) {
        return background;
    }
    uint64_t counted = std::min(count(key), all);
    double others = counted == 0 ? 0 : static_cast<double>(counted - 1);
    double share = (kPrior * std::exp(-background / 100.0) + others)
                   / (kPrior + static_cast<double>(all));
    double rare = std::clamp(-100 * std::log(share), 0.0,
                             static_cast<double>(background));
    return static_cast<uint16_t>(rare);
}

}  // namespace llm::semantic
