#include "src/semantic/block_pool.hpp"

#include <algorithm>
#include <string>

namespace llm::semantic {

void BlockPool::push(uint32_t unit, uint32_t size_class) {
    uint32_t& first = blocks_.head->free_block[size_class];
    BlockHead& block = blocks_.block(unit);
    block.incarnation = 0;
    block.previous = kNoUnit;
    block.next = first;
    if (first != kNoUnit) {
        blocks_.block(first).previous = unit;
    }
    first = unit;
    mark(unit, static_cast<uint8_t>(Blocks::kSpare | size_class));
}

void BlockPool::unlink(uint32_t unit, uint32_t size_class) {
    const BlockHead& block = blocks_.block(unit);
    if (block.previous != kNoUnit) {
        blocks_.block(block.previous).next = block.next;
    } else {
        blocks_.head->free_block[size_class] = block.next;
    }
    if (block.next != kNoUnit) {
        blocks_.block(block.next).previous = block.previous;
    }
    mark(unit, Blocks::kNothing);
}

uint32_t BlockPool::take(uint32_t size_class) {
    uint32_t from = size_class;
    while (from < kClasses && blocks_.head->free_block[from] == kNoUnit) {
        from++;
    }
    if (from >= kClasses) {
        return kNoUnit;
    }
    uint32_t unit = blocks_.head->free_block[from];
    unlink(unit, from);
    while (from > size_class) {
        from--;
        // Backwards: the next one to be taken is the next one in memory.
        for (uint32_t i = kClassRatio - 1; i > 0; i--) {
            push(unit + i * units_of(from), from);
        }
    }
    return unit;
}

// All eight, but for `unit` itself.
bool BlockPool::all_spare(uint32_t parent, uint32_t unit,
                          uint32_t size_class) const {
    for (uint32_t i = 0; i < kClassRatio; i++) {
        uint32_t sibling = parent + i * units_of(size_class);
        if (sibling != unit
            && blocks_.units[sibling] != (Blocks::kSpare | size_class)) {
            return false;
        }
    }
    return true;
}

void BlockPool::give_back(uint32_t unit, uint32_t size_class) {
    while (size_class + 1 < kClasses) {
        uint32_t parent = unit / units_of(size_class + 1)
                          * units_of(size_class + 1);
        if (!all_spare(parent, unit, size_class)) {
            break;
        }
        for (uint32_t i = 0; i < kClassRatio; i++) {
            uint32_t sibling = parent + i * units_of(size_class);
            if (sibling != unit) {
                unlink(sibling, size_class);
            }
        }
        unit = parent;
        size_class++;
    }
    push(unit, size_class);
}

bool BlockPool::has_used(uint32_t unit, uint32_t count) const {
    for (uint32_t u = unit; u < unit + count; u++) {
        if (blocks_.is_used(u)) {
            return true;
        }
    }
    return false;
}

void BlockPool::rebuild() {
    std::fill_n(blocks_.head->free_block, kClasses, kNoUnit);
    for (uint32_t u = 0; u < blocks_.unit_count; u++) {
        if (!blocks_.is_used(u)) {
            mark(u, Blocks::kNothing);
        }
    }
    uint32_t unit = 0;
    while (unit < blocks_.unit_count) {
        if (blocks_.is_used(unit)) {
            unit += units_of(blocks_.class_of(unit));
            continue;
        }
        uint32_t size_class = kClasses - 1;
        while (size_class > 0
               && (unit % units_of(size_class) != 0
                   || has_used(unit, units_of(size_class)))) {
            size_class--;
        }
        push(unit, size_class);
        unit += units_of(size_class);
    }
}

namespace {

Error broken(const char* what, uint32_t unit) {
    return {Errc::kCorrupt,
            std::string(what) + " at unit " + std::to_string(unit)};
}

}  // namespace

Result<void> BlockPool::check() const {
    uint64_t spare[kClasses] = {};
    uint32_t unit = 0;
    while (unit < blocks_.unit_count) {
        uint8_t mark = blocks_.units[unit];
        uint32_t size_class = mark & 0x0f;
        bool known = (mark & 0xf0) == Blocks::kUsed
                     || (mark & 0xf0) == Blocks::kSpare;
        if (!known || size_class >= kClasses
            || unit % units_of(size_class) != 0) {
            return broken("unit lost", unit);
        }
        uint32_t end = unit + units_of(size_class);
        for (uint32_t u = unit + 1; u < end; u++) {
            if (blocks_.units[u] != Blocks::kNothing) {
                return broken("block inside a block", u);
            }
        }
        spare[size_class] += (mark & Blocks::kSpare) != 0 ? 1 : 0;
        unit = end;
    }
    for (uint32_t c = 0; c < kClasses; c++) {
        uint64_t listed = 0;
        uint32_t before = kNoUnit;
        for (uint32_t u = blocks_.head->free_block[c]; u != kNoUnit;
             u = blocks_.block(u).next) {
            if (u >= blocks_.unit_count
                || blocks_.units[u] != (Blocks::kSpare | c)
                || blocks_.block(u).previous != before
                || ++listed > spare[c]) {
                return broken("broken free list", u);
            }
            before = u;
        }
        if (listed != spare[c]) {
            return broken("free blocks lost, class", c);
        }
    }
    return {};
}

}  // namespace llm::semantic
