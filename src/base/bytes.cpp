#include "src/base/bytes.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace llm {
namespace {

constexpr char kHex[] = "0123456789abcdef";

int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// RFC 3986, section 2.3.
struct Unreserved {
    bool is[256];
    constexpr Unreserved() : is() {
        for (int c = 0; c < 256; c++) {
            is[c] = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
                    || (c >= '0' && c <= '9') || c == '-' || c == '.'
                    || c == '_' || c == '~';
        }
    }
};

constexpr Unreserved kUnreserved;

// True when one of the eight bytes is a control character, a quote or a
// backslash: the high bit of such a byte comes out set. May be true in vain
// for bytes of 0x80 and above, never false in vain.
bool may_need_escape(uint64_t word) {
    constexpr uint64_t kOnes = 0x0101010101010101;
    constexpr uint64_t kHigh = 0x8080808080808080;
    uint64_t quote = word ^ kOnes * '"';
    uint64_t backslash = word ^ kOnes * '\\';
    uint64_t control = word - kOnes * 0x20;
    return ((control | (quote - kOnes) | (backslash - kOnes)) & ~word & kHigh)
           != 0;
}

// The first byte at or after `at` that JSON wants escaped, or the size.
size_t next_escape(Bytes value, size_t at) {
    while (at < value.size()) {
        if (at + 8 <= value.size()) {
            uint64_t word;
            std::memcpy(&word, value.data() + at, sizeof(word));
            if (!may_need_escape(word)) {
                at += 8;
                continue;
            }
        }
        for (size_t end = std::min(at + 8, value.size()); at < end; at++) {
            auto c = static_cast<unsigned char>(value[at]);
            if (c < 0x20 || c == '"' || c == '\\') {
                return at;
            }
        }
    }
    return at;
}

void append_escape(std::string& out, unsigned char c) {
    switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default:
        out += "\\u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    }
}

// Eight bytes, A to Z as a to z, all others as they are.
uint64_t lower_word(const char* bytes) {
    constexpr uint64_t kOnes = 0x0101010101010101;
    constexpr uint64_t kHigh = 0x80 * kOnes;
    uint64_t word;
    std::memcpy(&word, bytes, sizeof(word));
    uint64_t low = word & ~kHigh;
    uint64_t from_a = low + (0x80 - 'A') * kOnes;
    uint64_t past_z = low + (0x80 - 'Z' - 1) * kOnes;
    uint64_t upper = (from_a ^ past_z) & ~word & kHigh;
    return word | upper >> 2;
}

}  // namespace

// Names of headers are compared many times a request: eight letters at once,
// the last eight of an odd size over some that were compared already.
bool same_letters(Bytes a, Bytes b) {
    size_t size = a.size();
    if (size < sizeof(uint64_t)) {
        for (size_t i = 0; i < size; i++) {
            if (ascii_lower(a[i]) != ascii_lower(b[i])) {
                return false;
            }
        }
        return true;
    }
    for (size_t i = 0; i + sizeof(uint64_t) < size; i += sizeof(uint64_t)) {
        if (lower_word(a.data() + i) != lower_word(b.data() + i)) {
            return false;
        }
    }
    size_t last = size - sizeof(uint64_t);
    return lower_word(a.data() + last) == lower_word(b.data() + last);
}

char* write_hex(Bytes bytes, char* to) {
    for (unsigned char c : bytes) {
        *to++ = kHex[c >> 4];
        *to++ = kHex[c & 15];
    }
    return to;
}

std::string to_hex(Bytes bytes) {
    std::string out(bytes.size() * 2, '\0');
    write_hex(bytes, out.data());
    return out;
}

bool from_hex(Bytes hex, void* out, size_t size) {
    if (hex.size() != size * 2) {
        return false;
    }
    auto* bytes = static_cast<unsigned char*>(out);
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(hex[2 * i]);
        int low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        bytes[i] = static_cast<unsigned char>(high << 4 | low);
    }
    return true;
}

void append_percent_encoded(std::string& out, Bytes value) {
    size_t start = 0;
    for (size_t i = 0; i < value.size(); i++) {
        auto c = static_cast<unsigned char>(value[i]);
        if (kUnreserved.is[c]) {
            continue;
        }
        const char code[] = {'%', kHex[c >> 4], kHex[c & 15]};
        out.append(value.substr(start, i - start));
        out.append(code, sizeof(code));
        start = i + 1;
    }
    out.append(value.substr(start));
}

void append_json_string(std::string& out, Bytes value) {
    out += '"';
    size_t start = 0;
    for (size_t i = next_escape(value, 0); i < value.size();
         i = next_escape(value, i + 1)) {
        out.append(value.substr(start, i - start));
        append_escape(out, static_cast<unsigned char>(value[i]));
        start = i + 1;
    }
    out.append(value.substr(start));
    out += '"';
}

void append_number(std::string& out, int64_t value) {
    char digits[24];
    auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
    out.append(digits, static_cast<size_t>(end - digits));
}

bool parse_decimal(Bytes text, uint64_t& out) {
    if (text.empty() || text[0] < '0' || text[0] > '9') {
        return false;
    }
    auto end = text.data() + text.size();
    auto [ptr, ec] = std::from_chars(text.data(), end, out);
    return ec == std::errc() && ptr == end;
}

}  // namespace llm
