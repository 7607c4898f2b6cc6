// Merger: byte pair encoding of one piece: of all neighbours the pair that is
// a token of the lowest rank becomes one, the leftmost of equals first, until
// no pair is a token. As tiktoken does it.
//
// Neighbours are linked and pairs wait in a heap, so that n bytes take
// O(n log n) whatever they are. Memory grows with the longest piece and is
// kept. One Merger a thread.
#pragma once

#include <vector>

#include "src/tokens/rank_table.hpp"

namespace llm::tokens {

class Merger {
public:
    // How many tokens the piece is; 0 for "". Below 2^31 bytes.
    size_t count(const RankTable& table, Bytes piece);

private:
    // By the byte with which it begins.
    struct Part {
        uint32_t next;  // where the part after it begins, or the piece ends
        uint32_t previous;
        uint32_t rank;  // with the next one; kNone when that is no token
    };

    void rate(const RankTable& table, Bytes piece, uint32_t at);

    std::vector<Part> parts_;
    std::vector<uint64_t> heap_;  // rank, place; least first
};

}  // namespace llm::tokens
