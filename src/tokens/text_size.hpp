// TextSize: what the estimator needs to know about a text.
#pragma once

#include <cstdint>

#include "src/base/bytes.hpp"

namespace llm::tokens {

// Bytes of decoded UTF-8 text (an escaped form counts differently; use one
// form for estimate and learning). Bytes of 0x80 and above belong to
// characters outside ASCII, which cost more tokens a byte.
struct TextSize {
    uint64_t ascii_bytes = 0;
    uint64_t non_ascii_bytes = 0;

    // One pass, several bytes a cycle.
    static TextSize of(Bytes text);

    bool empty() const { return ascii_bytes == 0 && non_ascii_bytes == 0; }
    TextSize& operator+=(const TextSize& other) {
        ascii_bytes += other.ascii_bytes;
        non_ascii_bytes += other.non_ascii_bytes;
        return *this;
    }
};

}  // namespace llm::tokens
