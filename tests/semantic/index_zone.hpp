// An index over memory of its own, and vectors at chosen angles, for the
// tests of the index.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "src/semantic/index_search.hpp"

namespace llm::semantic {

// Shared with the children of fork(). Filled with a pattern, so that nothing
// can rely on cleared memory.
class IndexZone {
public:
    explicit IndexZone(size_t size, const IndexOptions& options = {})
        : size_(size) {
        memory_ = static_cast<char*>(mmap(nullptr, size,
                                          PROT_READ | PROT_WRITE,
                                          MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        std::memset(memory_, 0xa5, size);
        auto made = Index::attach({memory_, size, true}, options);
        EXPECT_TRUE(made.ok()) << made.error().message;
        index_ = *made;
    }
    ~IndexZone() { munmap(memory_, size_); }
    IndexZone(const IndexZone&) = delete;
    IndexZone& operator=(const IndexZone&) = delete;

    Index& operator*() { return index_; }
    Index* operator->() { return &index_; }
    char* memory() { return memory_; }
    size_t size() const { return size_; }

private:
    char* memory_;
    size_t size_;
    Index index_;
};

inline constexpr Now kNow{100000000000, 1700000100000000000};

inline Now seconds_later(int64_t seconds) {
    return {kNow.mono_ns + seconds * 1000000000,
            kNow.wall_ns + seconds * 1000000000};
}

inline Digest partition_of(uint64_t n) {
    return sha256("partition " + std::to_string(n));
}

inline cache::EntryId entry_of(uint64_t n) {
    return {static_cast<uint32_t>(n % 64), static_cast<uint32_t>(n),
            static_cast<uint32_t>(n * 7 + 1)};
}

using Vector = std::vector<float>;

inline Vector random_vector(std::mt19937& random, size_t dims) {
    std::normal_distribution<float> normal;
    Vector out(dims);
    double squares = 0;
    for (float& x : out) {
        x = normal(random);
        squares += static_cast<double>(x) * x;
    }
    for (float& x : out) {
        x /= static_cast<float>(std::sqrt(squares));
    }
    return out;
}

// Of length 1, at exactly that cosine to `from`, in a random direction.
inline Vector near_to(const Vector& from, double cosine,
                      std::mt19937& random) {
    Vector other = random_vector(random, from.size());
    double along = 0;
    for (size_t i = 0; i < from.size(); i++) {
        along += static_cast<double>(other[i]) * from[i];
    }
    double rest = std::sqrt(std::max(1 - along * along, 1e-12));
    double sine = std::sqrt(std::max(1 - cosine * cosine, 0.0));
    Vector out(from.size());
    for (size_t i = 0; i < from.size(); i++) {
        double across = (other[i] - along * from[i]) / rest;
        out[i] = static_cast<float>(cosine * from[i] + sine * across);
    }
    return out;
}

inline double cosine_of(const Vector& a, const Vector& b) {
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < a.size(); i++) {
        ab += static_cast<double>(a[i]) * b[i];
        aa += static_cast<double>(a[i]) * a[i];
        bb += static_cast<double>(b[i]) * b[i];
    }
    return ab / std::sqrt(aa * bb);
}

inline Code code_of(const Vector& vector) {
    Code code;
    Result<void> made = encode(vector, code);
    EXPECT_TRUE(made.ok()) << made.error().message;
    return code;
}

inline InsertResult add(Index& index, uint64_t partition, const Code& code,
                        uint64_t entry, int64_t ttl_s = 3600,
                        Now now = kNow) {
    NewVector vector;
    vector.partition = partition_of(partition);
    vector.entry = entry_of(entry);
    vector.ttl_s = ttl_s;
    return index.insert(vector, code, now);
}

inline std::vector<Candidate> find(Index& index, uint64_t partition,
                                   const Code& code, float floor = 0.8f,
                                   Now now = kNow) {
    Search search(index, partition_of(partition), code, floor);
    while (!search.step(1, now)) {
    }
    EXPECT_FALSE(search.cut_short());
    auto found = search.candidates();
    return {found.begin(), found.end()};
}

}  // namespace llm::semantic
