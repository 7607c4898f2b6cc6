// SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012):
// a keyed 64-bit hash. Without the key nobody can find inputs that meet, so
// it is what tables and filters over foreign values use.
//
// A pure function; any thread.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "src/base/bytes.hpp"

namespace llm {

// 128 bits, from random_bytes().
struct SipKey {
    uint64_t k0 = 0;
    uint64_t k1 = 0;
};

namespace detail {

struct SipState {
    uint64_t v0, v1, v2, v3;

    void round() {
        v0 += v1;
        v2 += v3;
        v1 = std::rotl(v1, 13) ^ v0;
        v3 = std::rotl(v3, 16) ^ v2;
        v0 = std::rotl(v0, 32);
        v2 += v1;
        v0 += v3;
        v1 = std::rotl(v1, 17) ^ v2;
        v3 = std::rotl(v3, 21) ^ v0;
        v2 = std::rotl(v2, 32);
    }

    void absorb(uint64_t word) {
        v3 ^= word;
        round();
        round();
        v0 ^= word;
    }
};

}  // namespace detail

inline uint64_t siphash(const SipKey& key, Bytes input) {
    static_assert(std::endian::native == std::endian::little,
                  "words are loaded as they lie");
    detail::SipState s{
        key.k0 ^ 0x736f6d6570736575, key.k1 ^ 0x646f72616e646f6d,
        key.k0 ^ 0x6c7967656e657261, key.k1 ^ 0x7465646279746573};
    const char* p = input.data();
    size_t left = input.size();
    for (; left >= 8; left -= 8, p += 8) {
        uint64_t word;
        std::memcpy(&word, p, 8);
        s.absorb(word);
    }
    uint64_t last = 0;
    if (left > 0) {
        std::memcpy(&last, p, left);
    }
    s.absorb(last | static_cast<uint64_t>(input.size()) << 56);
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++) {
        s.round();
    }
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

}  // namespace llm
