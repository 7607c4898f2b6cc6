#include "src/json/text.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <limits>

namespace llm::json {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// What may follow a backslash: the character that it stands for.
constexpr auto kShortEscapes = [] {
    std::array<char, 256> table{};
    table['"'] = '"';
    table['\\'] = '\\';
    table['/'] = '/';
    table['b'] = '\b';
    table['f'] = '\f';
    table['n'] = '\n';
    table['r'] = '\r';
    table['t'] = '\t';
    return table;
}();

constexpr auto kHexDigits = [] {
    std::array<int8_t, 256> table{};
    table.fill(-1);
    for (int i = 0; i < 10; i++) {
        table[static_cast<size_t>('0' + i)] = static_cast<int8_t>(i);
    }
    for (int i = 0; i < 6; i++) {
        table[static_cast<size_t>('a' + i)] = static_cast<int8_t>(10 + i);
        table[static_cast<size_t>('A' + i)] = static_cast<int8_t>(10 + i);
    }
    return table;
}();

// Four hexadecimal digits, or negative.
int32_t read_hex4(const char* p) {
    int32_t value = 0;
    int32_t wrong = 0;
    for (int i = 0; i < 4; i++) {
        int32_t digit = kHexDigits[static_cast<unsigned char>(p[i])];
        wrong |= digit;
        value = value * 16 + digit;
    }
    return wrong < 0 ? -1 : value;
}

bool is_high_surrogate(int32_t unit) { return (unit & ~0x3ff) == 0xd800; }
bool is_low_surrogate(int32_t unit) { return (unit & ~0x3ff) == 0xdc00; }

// The end of the \uXXXX, or pair of them, at p; nullptr when it is wrong.
const char* check_unicode_escape(const char* p, const char* end) {
    if (end - p < 6) {
        return nullptr;
    }
    int32_t unit = read_hex4(p + 2);
    if (unit < 0 || is_low_surrogate(unit)) {
        return nullptr;
    }
    if (!is_high_surrogate(unit)) {
        return p + 6;
    }
    if (end - p < 12 || p[6] != '\\' || p[7] != 'u'
        || !is_low_surrogate(read_hex4(p + 8))) {
        return nullptr;
    }
    return p + 12;
}

// The power of ten of the first digit that counts, roughly: the sign is what
// matters once the number is known not to be a double.
int64_t magnitude(Bytes number) {
    size_t exponent_at = number.find_first_of("eE");
    Bytes mantissa = number.substr(0, exponent_at);
    size_t first = mantissa.find_first_of("123456789");
    if (first == Bytes::npos) {
        return std::numeric_limits<int64_t>::min();
    }
    size_t point = mantissa.find('.');
    if (point == Bytes::npos) {
        point = mantissa.size();
    }
    int64_t power = static_cast<int64_t>(point) - static_cast<int64_t>(first);
    if (exponent_at == Bytes::npos) {
        return power;
    }
    Bytes exponent = number.substr(exponent_at + 1);
    bool negative = exponent[0] == '-';
    if (negative || exponent[0] == '+') {
        exponent.remove_prefix(1);
    }
    constexpr int64_t kHuge = int64_t{1} << 40;
    int64_t value = 0;
    for (char c : exponent) {
        value = value < kHuge ? value * 10 + (c - '0') : kHuge;
    }
    return power + (negative ? -value : value);
}

// What is nearly always written: a few digits, with a point or without. Digits
// and power are exact, so that their quotient is rounded once, as it has to be
// (Clinger, "How to Read Floating Point Numbers Accurately", 1990). The
// library's reader takes them all, and is large for that.
bool read_short(Bytes number, double& value) {
    constexpr size_t kMostDigits = 15;
    static constexpr double kPowers[] = {1e0,  1e1,  1e2,  1e3, 1e4,  1e5,
                                         1e6,  1e7,  1e8,  1e9, 1e10, 1e11,
                                         1e12, 1e13, 1e14, 1e15};
    bool negative = number[0] == '-';
    bool point = false;
    uint64_t digits = 0;
    size_t count = 0;
    size_t decimals = 0;
    for (char c : number.substr(negative ? 1 : 0)) {
        if (c == '.') {
            point = true;
        } else if (is_digit(c) && count < kMostDigits) {
            digits = digits * 10 + static_cast<uint64_t>(c - '0');
            count++;
            decimals += point ? 1 : 0;
        } else {
            return false;
        }
    }
    value = static_cast<double>(digits) / kPowers[decimals];
    value = negative ? -value : value;
    return true;
}

}  // namespace

Escapes classify_escapes(const char* p, const char* end, const char* limit) {
    Escapes kind = Escapes::kCanonical;
    while (p != end) {
        auto c = static_cast<unsigned char>(p[1]);
        if (kShortEscapes[c] != 0) {
            if (c == '/') {
                kind = Escapes::kOther;
            }
            p += 2;
        } else if (c == 'u') {
            kind = Escapes::kOther;
            p = check_unicode_escape(p, end);
            if (p == nullptr) {
                return Escapes::kInvalid;
            }
        } else {
            return Escapes::kInvalid;
        }
        p = find_backslash(p, end, limit);
    }
    return kind;
}

uint32_t read_escape(const char*& p) {
    auto c = static_cast<unsigned char>(p[1]);
    if (c != 'u') {
        p += 2;
        return static_cast<unsigned char>(kShortEscapes[c]);
    }
    int32_t unit = read_hex4(p + 2);
    p += 6;
    if (!is_high_surrogate(unit)) {
        return static_cast<uint32_t>(unit);
    }
    int32_t low = read_hex4(p + 2);
    p += 6;
    return 0x10000
           + (static_cast<uint32_t>(unit & 0x3ff) << 10
              | static_cast<uint32_t>(low & 0x3ff));
}

size_t write_utf8(uint32_t code, char* out) {
    if (code < 0x80) {
        out[0] = static_cast<char>(code);
        return 1;
    }
    if (code < 0x800) {
        out[0] = static_cast<char>(0xc0 | code >> 6);
        out[1] = static_cast<char>(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = static_cast<char>(0xe0 | code >> 12);
        out[1] = static_cast<char>(0x80 | (code >> 6 & 0x3f));
        out[2] = static_cast<char>(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = static_cast<char>(0xf0 | code >> 18);
    out[1] = static_cast<char>(0x80 | (code >> 12 & 0x3f));
    out[2] = static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out[3] = static_cast<char>(0x80 | (code & 0x3f));
    return 4;
}

TextSize measure_escaped(Bytes content) {
    TextSize size = TextSize::of(content);
    const char* end = content.data() + content.size();
    const char* p = find_backslash(content.data(), end, end);
    while (p != end) {
        const char* escape = p;
        uint32_t code = read_escape(p);
        char utf8[4];
        size_t bytes = write_utf8(code, utf8);
        size.ascii_bytes -= static_cast<size_t>(p - escape);
        (code < 0x80 ? size.ascii_bytes : size.other_bytes) += bytes;
        p = find_backslash(p, end, end);
    }
    return size;
}

void append_unescaped(std::string& out, Bytes content) {
    const char* p = content.data();
    const char* end = p + content.size();
    while (p != end) {
        const char* escape = find_backslash(p, end, end);
        out.append(p, static_cast<size_t>(escape - p));
        p = escape;
        if (p != end) {
            char utf8[4];
            size_t size = write_utf8(read_escape(p), utf8);
            out.append(utf8, size);
        }
    }
}

const char* end_of_number(const char* p, const char* end) {
    auto digits = [end](const char* at) {
        while (at != end && is_digit(*at)) {
            at++;
        }
        return at;
    };
    if (p != end && *p == '-') {
        p++;
    }
    if (p == end || !is_digit(*p)) {
        return nullptr;
    }
    p = *p == '0' ? p + 1 : digits(p);
    if (p != end && *p == '.') {
        const char* fraction = p + 1;
        p = digits(fraction);
        if (p == fraction) {
            return nullptr;
        }
    }
    if (p != end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p != end && (*p == '+' || *p == '-')) {
            p++;
        }
        const char* exponent = p;
        p = digits(exponent);
        if (p == exponent) {
            return nullptr;
        }
    }
    return p;
}

bool is_number(Bytes text) {
    const char* end = text.data() + text.size();
    return !text.empty() && end_of_number(text.data(), end) == end;
}

int64_t clamp_int64(Bytes number) {
    constexpr auto kMin = std::numeric_limits<int64_t>::min();
    constexpr auto kMax = std::numeric_limits<int64_t>::max();
    const char* end = number.data() + number.size();
    int64_t whole = 0;
    auto [ptr, ec] = std::from_chars(number.data(), end, whole);
    if (ptr == end) {
        if (ec == std::errc()) {
            return whole;
        }
        return number[0] == '-' ? kMin : kMax;
    }
    double value = clamp_double(number);
    constexpr double kTwo63 = 9223372036854775808.0;
    if (value >= kTwo63) {
        return kMax;
    }
    return value < -kTwo63 ? kMin : static_cast<int64_t>(value);
}

double clamp_double(Bytes number) {
    double value = 0;
    if (read_short(number, value)) {
        return value;
    }
    auto [ptr, ec] = std::from_chars(number.data(),
                                     number.data() + number.size(), value);
    if (ec != std::errc::result_out_of_range) {
        return value;
    }
    double bound = magnitude(number) > 0
                       ? std::numeric_limits<double>::max() : 0.0;
    return number[0] == '-' ? -bound : bound;
}

}  // namespace llm::json
