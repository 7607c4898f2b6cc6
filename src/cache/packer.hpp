// Packer: writes msgpack values one after the other, each in its shortest
// form, into memory that the caller has made large enough: a number takes 9
// bytes at the most, an array, a map or a text 5 beside what it holds. The
// counterpart of Unpacker. (The library's writer calls back for each piece of
// a value, which for numbers and names costs several times what writing does.)
//
// Format: https://github.com/msgpack/msgpack/blob/master/spec.md
#pragma once

#include <cstdint>

#include "src/base/bytes.hpp"

namespace llm::cache {

class Packer {
public:
    explicit Packer(char* to) : at_(to) {}

    // Behind what was written last.
    char* at() const { return at_; }

    void array(size_t n) { count(n, 0x90, 0xdc); }
    void map(size_t n) { count(n, 0x80, 0xde); }
    void boolean(bool value) { byte(value ? 0xc3 : 0xc2); }

    void number(int64_t n) {
        if (n >= -32 && n < 128) {
            byte(static_cast<uint8_t>(n));
        } else if (n >= 0) {
            wide(0xcc, static_cast<uint64_t>(n), static_cast<uint64_t>(n));
        } else {
            wide(0xd0, static_cast<uint64_t>(n),
                 static_cast<uint64_t>(-(n + 1)) << 1);
        }
    }

    void text(Bytes bytes) {
        size_t size = bytes.size();
        if (size < 32) {
            byte(static_cast<uint8_t>(0xa0 | size));
        } else {
            wide(0xd9, size, size);
        }
        at_ += bytes.copy(at_, size);
    }

private:
    void byte(uint8_t value) { *at_++ = static_cast<char>(value); }

    void big_endian(uint64_t value, size_t size) {
        for (size_t i = size; i > 0; i--) {
            byte(static_cast<uint8_t>(value >> 8 * (i - 1)));
        }
    }

    // In 1, 2, 4 or 8 bytes, as many as `range` needs; the form's code says
    // how many.
    void wide(uint8_t code, uint64_t value, uint64_t range) {
        int power = range < 0x100 ? 0 : range < 0x10000 ? 1
                  : range <= UINT32_MAX ? 2 : 3;
        byte(static_cast<uint8_t>(code + power));
        big_endian(value, size_t{1} << power);
    }

    // The short form has the count in its low bits.
    void count(size_t n, uint8_t fix, uint8_t first_long) {
        if (n < 16) {
            byte(static_cast<uint8_t>(fix | n));
        } else if (n < 0x10000) {
            byte(first_long);
            big_endian(n, 2);
        } else {
            byte(static_cast<uint8_t>(first_long + 1));
            big_endian(n, 4);
        }
    }

    char* at_;
};

}  // namespace llm::cache
