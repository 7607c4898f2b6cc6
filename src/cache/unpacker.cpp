#include "src/cache/unpacker.hpp"

namespace llm::cache {

uint8_t Unpacker::byte() {
    if (!ok_ || at_ == in_.size()) {
        fail();
        return 0;
    }
    return static_cast<uint8_t>(in_[at_++]);
}

uint64_t Unpacker::big_endian(size_t size) {
    Bytes bytes = take(size);
    uint64_t value = 0;
    for (unsigned char c : bytes) {
        value = value << 8 | c;
    }
    return value;
}

Bytes Unpacker::take(uint64_t size) {
    if (!ok_ || size > in_.size() - at_) {
        fail();
        return {};
    }
    Bytes bytes = in_.substr(at_, size);
    at_ += size;
    return bytes;
}

// The short form has its count in the low bits, the long forms behind them
// in 2 and 4 bytes.
uint32_t Unpacker::count(uint8_t fix, uint8_t fix_mask, uint8_t first_long,
                         uint32_t values_each) {
    uint8_t head = byte();
    uint64_t n = 0;
    if ((head & fix_mask) == fix) {
        n = head & ~fix_mask;
    } else if (head == first_long) {
        n = big_endian(2);
    } else if (head == first_long + 1) {
        n = big_endian(4);
    } else {
        fail();
    }
    if (n * values_each > in_.size() - at_) {
        fail();
    }
    return ok_ ? static_cast<uint32_t>(n) : 0;
}

uint32_t Unpacker::array() {
    return count(0x90, 0xf0, 0xdc, 1);
}

uint32_t Unpacker::map() {
    return count(0x80, 0xf0, 0xde, 2);
}

int64_t Unpacker::integer() {
    uint8_t head = byte();
    if (head <= 0x7f) {
        return head;
    }
    if (head >= 0xe0) {
        return static_cast<int8_t>(head);
    }
    if (head >= 0xcc && head <= 0xcf) {
        uint64_t value = big_endian(size_t{1} << (head - 0xcc));
        if (value > INT64_MAX) {
            fail();
        }
        return ok_ ? static_cast<int64_t>(value) : 0;
    }
    switch (head) {
    case 0xd0: return static_cast<int8_t>(big_endian(1));
    case 0xd1: return static_cast<int16_t>(big_endian(2));
    case 0xd2: return static_cast<int32_t>(big_endian(4));
    case 0xd3: return static_cast<int64_t>(big_endian(8));
    default: fail(); return 0;
    }
}

Bytes Unpacker::text() {
    uint8_t head = byte();
    if ((head & 0xe0) == 0xa0) {
        return take(head & 0x1f);
    }
    if (head >= 0xd9 && head <= 0xdb) {
        return take(big_endian(size_t{1} << (head - 0xd9)));
    }
    fail();
    return {};
}

bool Unpacker::boolean() {
    uint8_t head = byte();
    if (head != 0xc2 && head != 0xc3) {
        fail();
    }
    return ok_ && head == 0xc3;
}

void Unpacker::skip() {
    // Each value takes a byte at least, so this ends.
    for (uint64_t pending = 1; ok_ && pending > 0; pending--) {
        uint64_t inside = skip_one();
        if (pending + inside > in_.size() - at_ + 1) {
            fail();
        }
        pending += inside;
    }
}

// One value's own bytes; how many values are inside it.
uint64_t Unpacker::skip_one() {
    uint8_t head = byte();
    if (head <= 0x7f || head >= 0xe0 || head == 0xc0 || head == 0xc2
        || head == 0xc3) {
        return 0;
    }
    if (head <= 0x8f) {
        return 2 * (head & 0x0f);
    }
    if (head <= 0x9f) {
        return head & 0x0f;
    }
    if (head <= 0xbf) {
        (void) take(head & 0x1f);
    } else if (head >= 0xc4 && head <= 0xc6) {  // bin
        (void) take(big_endian(size_t{1} << (head - 0xc4)));
    } else if (head >= 0xc7 && head <= 0xc9) {  // ext
        (void) take(big_endian(size_t{1} << (head - 0xc7)) + 1);
    } else if (head == 0xca || head == 0xcb) {  // float
        (void) take(head == 0xca ? 4 : 8);
    } else if (head >= 0xcc && head <= 0xd3) {  // integers
        (void) take(size_t{1} << ((head - 0xcc) & 3));
    } else if (head >= 0xd4 && head <= 0xd8) {  // fixext
        (void) take(1 + (size_t{1} << (head - 0xd4)));
    } else if (head >= 0xd9 && head <= 0xdb) {  // str
        (void) take(big_endian(size_t{1} << (head - 0xd9)));
    } else if (head == 0xdc || head == 0xdd) {
        return big_endian(head == 0xdc ? 2 : 4);
    } else if (head == 0xde || head == 0xdf) {
        return 2 * big_endian(head == 0xde ? 2 : 4);
    } else {
        fail();  // 0xc1 is never used
    }
    return 0;
}

}  // namespace llm::cache
