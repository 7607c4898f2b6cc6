// Counter: how many tokens a text is, exactly, with a rank file and the
// encoding that it belongs to. Names of special tokens are plain text, as
// providers take what clients write.
//
// Bounded: a Budget of work is handed in and used up over as many texts as
// share it. A piece that is a token costs its bytes, one of n bytes that has
// to be merged n * log n; kUsual is less than a millisecond. Where the budget
// ends the rest of the text is not counted.
//
// Ownership: the table is shared and constant; the Merger is the caller's.
// Threads: constant.
#pragma once

#include <memory>

#include "src/tokens/merger.hpp"
#include "src/tokens/pieces.hpp"
#include "src/tokens/rank_table.hpp"

namespace llm::tokens {

struct Budget {
    static constexpr size_t kUsual = size_t{64} << 10;

    size_t left = kUsual;
};

struct Counted {
    uint64_t tokens = 0;
    size_t bytes = 0;  // of the text; fewer than all when the budget ended
};

class Counter {
public:
    Counter(std::shared_ptr<const RankTable> table, Encoding encoding)
        : table_(std::move(table)), encoding_(encoding) {}

    Counted count(Bytes text, Merger& merger, Budget& budget) const;

    const RankTable& table() const { return *table_; }

private:
    std::shared_ptr<const RankTable> table_;
    Encoding encoding_;
};

}  // namespace llm::tokens
