#include "src/tokens/merger.hpp"

#include <algorithm>
#include <functional>

namespace llm::tokens {
namespace {

constexpr uint32_t kFirst = UINT32_MAX;  // nothing stands before it

}  // namespace

// What the part and its neighbour would be.
void Merger::rate(const RankTable& table, Bytes piece, uint32_t at) {
    Part& part = parts_[at];
    part.rank = RankTable::kNone;
    if (part.next < piece.size()) {
        uint32_t end = parts_[part.next].next;
        part.rank = table.rank(piece.substr(at, end - at));
    }
    if (part.rank != RankTable::kNone) {
        heap_.push_back(uint64_t{part.rank} << 32 | at);
        std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
    }
}

size_t Merger::count(const RankTable& table, Bytes piece) {
    if (piece.size() < 2 || table.rank(piece) != RankTable::kNone) {
        return piece.empty() ? 0 : 1;
    }
    auto size = static_cast<uint32_t>(piece.size());
    parts_.resize(std::max<size_t>(parts_.size(), size));
    heap_.clear();
    for (uint32_t i = 0; i < size; i++) {
        parts_[i] = {i + 1, i == 0 ? kFirst : i - 1, RankTable::kNone};
    }
    for (uint32_t i = 0; i + 1 < size; i++) {
        rate(table, piece, i);
    }
    size_t count = size;
    while (!heap_.empty()) {
        std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
        uint64_t best = heap_.back();
        heap_.pop_back();
        auto at = static_cast<uint32_t>(best);
        Part& part = parts_[at];
        // Else it is another pair by now, or was merged away.
        if (part.rank != best >> 32) {
            continue;
        }
        Part& gone = parts_[part.next];
        part.next = gone.next;
        gone.rank = RankTable::kNone;
        if (part.next < size) {
            parts_[part.next].previous = at;
        }
        count--;
        rate(table, piece, at);
        if (part.previous != kFirst) {
            rate(table, piece, part.previous);
        }
    }
    return count;
}

}  // namespace llm::tokens
