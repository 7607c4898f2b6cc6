// TextSize: how much text there is, in bytes of decoded UTF-8. Bytes of 0x80
// and above belong to characters outside ASCII, which cost more tokens each.
#pragma once

#include <cstdint>

#include "src/base/bytes.hpp"

namespace llm {

struct TextSize {
    uint64_t ascii_bytes = 0;
    uint64_t other_bytes = 0;

    // One pass, several bytes a cycle.
    static TextSize of(Bytes text);

    bool empty() const { return ascii_bytes == 0 && other_bytes == 0; }
    TextSize& operator+=(const TextSize& more) {
        ascii_bytes += more.ascii_bytes;
        other_bytes += more.other_bytes;
        return *this;
    }
};

}  // namespace llm
