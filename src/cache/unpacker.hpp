// Unpacker: reads msgpack values in order out of bytes that may hold
// anything, without copying and without memory of its own. (The library's
// reader allocates for as many values as a damaged header claims, so every
// value would have to be walked beforehand; walking them once is enough.)
//
// The first value that is not what is asked for, or does not lie whole within
// the bytes, makes ok() false for good; what is read from then on is zero.
//
// Format: https://github.com/msgpack/msgpack/blob/master/spec.md
#pragma once

#include <cstdint>

#include "src/base/bytes.hpp"

namespace llm::cache {

class Unpacker {
public:
    explicit Unpacker(Bytes in) : in_(in) {}

    bool ok() const { return ok_; }
    // Bytes read so far.
    size_t at() const { return at_; }

    // How many values follow; a map counts pairs. Never more than bytes are
    // left, so that a caller may loop over it.
    uint32_t array();
    uint32_t map();
    int64_t integer();  // beyond int64_t: not ok
    Bytes text();       // lives as long as the input
    bool boolean();
    // One value of any kind and all that is inside it.
    void skip();

private:
    uint8_t byte();
    uint64_t big_endian(size_t size);
    Bytes take(uint64_t size);
    uint32_t count(uint8_t fix, uint8_t fix_mask, uint8_t first_long,
                   uint32_t values_each);
    uint64_t skip_one();
    void fail() { ok_ = false; }

    Bytes in_;
    size_t at_ = 0;
    bool ok_ = true;
};

}  // namespace llm::cache
