// Code points as Hugging Face's BERT tokenizers class them, over utf8proc
// (Unicode 14; Hugging Face has older tables, so that marks and punctuation
// which are younger than those are letters there). Sources:
// huggingface/tokenizers, normalizers/bert.rs and
// pre_tokenizers/bert.rs.
//
// Threads: no state.
#pragma once

#include <cstdint>

namespace llm::semantic {

constexpr uint32_t kReplacement = 0xfffd;

// next_code_point() of what is no ASCII.
uint32_t next_wide_code_point(const char*& p, const char* end);

// The code point at p, which moves behind it. A byte that begins no UTF-8
// sequence is one kReplacement. Precondition: p < end.
inline uint32_t next_code_point(const char*& p, const char* end) {
    auto lead = static_cast<unsigned char>(*p);
    return lead < 0x80 ? p++, lead : next_wide_code_point(p, end);
}

// Unicode's property White_Space.
bool is_space(uint32_t code);

// Cc, Cf and Co but for tab, line feed and carriage return.
bool is_control(uint32_t code);

// The ideographs that get spaces around them. The block from U+2B920 (not
// U+2B820) on is what Hugging Face has.
bool is_cjk(uint32_t code);

// Category P, and all of ASCII that is neither space nor alphanumeric.
bool is_punctuation(uint32_t code);

// UTF-8, 1 to 4 bytes; returns how many. Precondition: a code point that
// next_code_point() gave or that follows from one.
unsigned write_utf8(uint32_t code, char* out);

}  // namespace llm::semantic
