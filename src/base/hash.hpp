// hash64: a fast 64-bit hash for choosing a bucket. Equal bytes and seed give
// equal values on every machine of one byte order, in every process.
//
// Not for identity and not for hostile input: compare what was hashed, and
// where a client chooses the bytes use Digest instead.
#pragma once

#include <cstdint>
#include <cstring>

#include "src/base/bytes.hpp"

namespace llm {

// Both halves of the 128-bit product, folded.
inline uint64_t mix64(uint64_t a, uint64_t b) {
    unsigned __int128 product = a;
    product *= b;
    return static_cast<uint64_t>(product)
           ^ static_cast<uint64_t>(product >> 64);
}

namespace hash_detail {

template <typename Word>
inline uint64_t load(const char* from) {
    Word word;
    std::memcpy(&word, from, sizeof(word));
    return word;
}

}  // namespace hash_detail

inline uint64_t hash64(Bytes bytes, uint64_t seed = 0) {
    using hash_detail::load;
    // Odd numbers with about half of their bits set.
    constexpr uint64_t kA = 0x9e3779b97f4a7c15;
    constexpr uint64_t kB = 0xc2b2ae3d27d4eb4f;
    constexpr uint64_t kC = 0x165667b19e3779f9;
    const char* p = bytes.data();
    size_t size = bytes.size();
    uint64_t h = seed ^ kC;
    // The last 16 bytes, or all of fewer: loads of a fixed size that may
    // overlap, since one of a variable size would be a call.
    uint64_t first = 0;
    uint64_t last = 0;
    if (size > 16) {
        for (; size > 16; p += 16, size -= 16) {
            h = mix64(load<uint64_t>(p) ^ kA, load<uint64_t>(p + 8) ^ h) + kB;
        }
        p -= 16 - size;
        size = 16;
    }
    if (size >= 8) {
        first = load<uint64_t>(p);
        last = load<uint64_t>(p + size - 8);
    } else if (size >= 4) {
        first = load<uint32_t>(p);
        last = load<uint32_t>(p + size - 4);
    } else if (size > 0) {
        first = load<uint8_t>(p) << 16 | load<uint8_t>(p + size / 2) << 8
                | load<uint8_t>(p + size - 1);
    }
    h = mix64(first ^ kA, last ^ h);
    return mix64(h ^ kB, kC ^ bytes.size());
}

}  // namespace llm
