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

inline uint64_t hash64(Bytes bytes, uint64_t seed = 0) {
    // Odd numbers with about half of their bits set.
    constexpr uint64_t kA = 0x9e3779b97f4a7c15;
    constexpr uint64_t kB = 0xc2b2ae3d27d4eb4f;
    constexpr uint64_t kC = 0x165667b19e3779f9;
    uint64_t h = mix64(seed ^ kA, kB);
    const char* p = bytes.data();
    size_t left = bytes.size();
    for (; left >= 8; p += 8, left -= 8) {
        uint64_t word;
        std::memcpy(&word, p, 8);
        h = mix64(h ^ word, kB) + kC;
    }
    uint64_t tail = 0;
    if (left > 0) {
        std::memcpy(&tail, p, left);
    }
    h = mix64(h ^ tail, kC ^ bytes.size());
    return mix64(h ^ kA, kB);
}

}  // namespace llm
