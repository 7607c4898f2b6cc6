// The keys of an object with many members, in the order of their bytes.
//
// Eight bytes of each key are read at a time and sorted as integers; only
// keys that agree so far are read further. Sorting whole keys would fetch two
// of them from memory at every comparison: a client's body of 100,000 members
// that begin alike took a tenth of a second of the event loop.
//
// Time: linear in the bytes of the keys, and n log n in integers.
// Memory: 32 bytes a key, the caller's; a list of runs besides.
#pragma once

#include <cstdint>
#include <span>

#include "src/json/document.hpp"

namespace llm::json {

struct SortKey {
    Bytes text;           // not owned
    NodeId node;          // the caller's; goes where its key goes
    uint32_t left = 0;    // the bytes that `chunk` holds, 0 to 8
    uint64_t chunk = 0;   // the bytes compared now, big-endian
};

// Keys of equal text come to stand side by side, in any order.
void sort_keys(std::span<SortKey> keys);

}  // namespace llm::json
