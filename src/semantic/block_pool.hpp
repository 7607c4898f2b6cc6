// BlockPool: the blocks of a region, for whoever holds the index's lock:
// three sizes, each a free list; a larger one is split when a smaller one is
// wanted, and eight free neighbours become one again. O(1): at most two
// splits or joins.
//
// It keeps units[] and the free lists (block.hpp). A block that was taken is
// marked used by the taker once its head is written.
#pragma once

#include "src/semantic/block.hpp"

namespace llm::semantic {

class BlockPool {
public:
    explicit BlockPool(const Blocks& blocks) : blocks_(blocks) {}

    // A block of that class, marked kNothing; kNoUnit: none is free.
    uint32_t take(uint32_t size_class);
    // A block that nobody uses any more.
    void give_back(uint32_t unit, uint32_t size_class);
    // Free lists, from nothing but what is marked used.
    void rebuild();
    // Whether used and free blocks fill the pages, free lists and marks
    // agree.
    Result<void> check() const;

private:
    void push(uint32_t unit, uint32_t size_class);
    void unlink(uint32_t unit, uint32_t size_class);
    bool all_spare(uint32_t parent, uint32_t unit, uint32_t size_class) const;
    bool has_used(uint32_t unit, uint32_t count) const;
    void mark(uint32_t unit, uint8_t what) {
        __atomic_store_n(&blocks_.units[unit], what, __ATOMIC_RELEASE);
    }

    Blocks blocks_;
};

}  // namespace llm::semantic
