#include "src/tokens/counter.hpp"

#include <algorithm>
#include <bit>

namespace llm::tokens {

Counted Counter::count(Bytes text, Merger& merger, Budget& budget) const {
    // A piece that touches the cut might go on behind it.
    Bytes seen = text.substr(0, budget.left);
    bool cut = seen.size() < text.size();
    Pieces pieces(encoding_, seen);
    Counted counted;
    for (Bytes piece = pieces.next(); !piece.empty(); piece = pieces.next()) {
        if (cut && counted.bytes + piece.size() == seen.size()) {
            break;
        }
        bool merged = table_->rank(piece) == RankTable::kNone;
        size_t cost = piece.size();
        cost *= merged ? static_cast<size_t>(std::bit_width(cost)) : 1;
        if (cost > budget.left) {
            break;
        }
        budget.left -= cost;
        counted.tokens += merged ? merger.count(*table_, piece) : 1;
        counted.bytes += piece.size();
    }
    if (counted.bytes < text.size()) {
        budget.left = 0;
    }
    return counted;
}

}  // namespace llm::tokens
