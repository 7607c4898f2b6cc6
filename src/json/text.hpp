// The inside of JSON strings and numbers: checks, escapes, digits. Content
// is what stands between the quotes, already known to be UTF-8 without
// control characters and not to end in the middle of an escape.
#pragma once

#include <bit>
#include <cstdint>
#include <string>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "src/json/document.hpp"

namespace llm::json {

enum class Escapes : uint8_t {
    kNone,
    kCanonical,  // every one as the canonical form writes it
    kOther,
    kInvalid,
};

// Bit i is set when p[i] is a backslash, for 16 bytes.
inline uint32_t backslashes16(const char* p) {
#if defined(__SSE2__)
    __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return static_cast<uint32_t>(
        _mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8('\\'))));
#else
    uint32_t mask = 0;
    for (int i = 0; i < 16; i++) {
        mask |= uint32_t{p[i] == '\\'} << i;
    }
    return mask;
#endif
}

// The next backslash in [p, end), or end. Bytes up to `limit` >= end may be
// read, which spares short strings a loop over bytes.
inline const char* find_backslash(const char* p, const char* end,
                                  const char* limit) {
    while (p < end) {
        if (limit - p < 16) {
            while (p < end && *p != '\\') {
                p++;
            }
            return p;
        }
        uint32_t mask = backslashes16(p);
        if (mask != 0) {
            p += std::countr_zero(mask);
            return p < end ? p : end;
        }
        p += 16;
    }
    return end;
}

// What kinds of escapes stand from the backslash at `p` on.
Escapes classify_escapes(const char* p, const char* end, const char* limit);

// One escape that classify_escapes() accepted, `\` at p: moves p behind it and
// gives its code point.
uint32_t read_escape(const char*& p);

// Writes a code point as UTF-8 (1 to 4 bytes), returns how many.
size_t write_utf8(uint32_t code, char* out);

// How much text a string's content is once unescaped.
TextSize measure_escaped(Bytes content);

void append_unescaped(std::string& out, Bytes content);

// The end of the number that begins at p, nullptr when it is none.
const char* end_of_number(const char* p, const char* end);

// The whole of `text` is one.
bool is_number(Bytes text);

// Of a token that is_number() accepts.
int64_t clamp_int64(Bytes number);
double clamp_double(Bytes number);

}  // namespace llm::json
