// RankTable: the vocabulary of a byte pair encoding, from a tiktoken rank
// file: lines of "base64 rank", the bytes of a token and the order in which
// it was learned. A lower rank is merged earlier.
//
// Refused with Errc::kInvalid and the line's number: what is not base64 and a
// decimal number, an empty token or one beyond kMaxToken, a token or a rank
// that was there before, and a file that leaves one of the 256 single bytes
// without a rank (then some text could not be encoded). Errc::kTooLarge:
// beyond kMaxFile or kMaxTokens. Empty lines are passed over.
//
// Format: github.com/openai/tiktoken, tiktoken/load.py.
//
// Ownership: owns everything; about 50 bytes a token. Threads: constant once
// parsed, so that processes forked later share its pages.
#pragma once

#include <cstdint>
#include <vector>

#include "src/base/bytes.hpp"
#include "src/base/result.hpp"

namespace llm::tokens {

class RankTable {
public:
    static constexpr size_t kMaxFile = size_t{64} << 20;
    static constexpr size_t kMaxTokens = size_t{1} << 20;
    static constexpr size_t kMaxToken = 1024;
    static constexpr uint32_t kMaxRank = uint32_t{1} << 22;
    static constexpr uint32_t kNone = UINT32_MAX;

    static Result<RankTable> parse(Bytes text);

    // kNone when these bytes are no token.
    uint32_t rank(Bytes token) const;

    size_t size() const { return size_; }
    size_t longest() const { return longest_; }

private:
    struct Slot {
        uint32_t offset = 0;  // in bytes_
        uint32_t size = 0;    // 0: free
        uint32_t rank = 0;
        uint32_t tag = 0;     // of the hash, what does not choose the slot
    };
    class Reader;

    Slot& slot_of(Bytes token);

    std::vector<Slot> slots_;  // open addressing, at most half full
    std::vector<uint32_t> pairs_;  // ranks of two bytes, most asked for
    std::string bytes_;
    uint64_t mask_ = 0;
    size_t size_ = 0;
    size_t longest_ = 0;
};

}  // namespace llm::tokens
