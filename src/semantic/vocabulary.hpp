// PieceTable: the word pieces of a vocabulary, for the longest one that a
// text begins with.
//
// Ownership: owns copies of the pieces. Threads: immutable once filled.
// A flat hash table with open addressing, at most half full; the vocabulary
// is the operator's, so no client chooses what collides in it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/base/bytes.hpp"

namespace llm::semantic {

class PieceTable {
public:
    struct Piece {
        std::string text;
        uint32_t id;
    };

    static constexpr uint32_t kNone = UINT32_MAX;

    PieceTable() = default;
    explicit PieceTable(const std::vector<Piece>& pieces);

    struct Match {
        uint32_t id = kNone;
        size_t end = 0;  // index into `ends` + 1: how many code points
    };

    // The longest piece equal to text[0, ends[i]), where `ends` holds where
    // each of the `count` code points of `text` ends.
    Match longest(Bytes text, const uint16_t* ends, size_t count) const;

    uint32_t find(Bytes piece) const;

private:
    struct Slot {
        uint64_t hash = 0;
        uint32_t begin = 0;
        uint32_t size = 0;
        uint32_t id = kNone;  // of an empty slot
    };

    uint32_t probe(uint64_t hash, Bytes piece) const;

    std::vector<Slot> slots_;
    std::string text_;
    size_t mask_ = 0;
    size_t longest_ = 0;  // bytes
};

}  // namespace llm::semantic
