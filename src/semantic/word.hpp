// Word: the letters of one word while it is collected.
//
// Bounded: of a word of more than kMaxChars code points the rest is only
// counted, since no tokenizer here looks into words that long.
// Threads: belongs to one.
#pragma once

#include <cstdint>

#include "src/base/bytes.hpp"
#include "src/semantic/unicode.hpp"

namespace llm::semantic {

class Word {
public:
    static constexpr size_t kMaxChars = 256;

    void clear() { size_ = chars_ = 0; }
    bool empty() const { return chars_ == 0; }

    void add(uint32_t code) {
        if (chars_ < kMaxChars) {
            if (code < 0x80) {
                text_[size_++] = static_cast<char>(code);
            } else {
                size_ += write_utf8(code, text_ + size_);
            }
            ends_[chars_] = static_cast<uint16_t>(size_);
        }
        chars_++;
    }

    // Code points; those beyond kMaxChars are counted, not held.
    size_t chars() const { return chars_; }
    bool whole() const { return chars_ <= kMaxChars; }
    Bytes text() const { return {text_, size_}; }
    // Where each code point ends in text().
    const uint16_t* ends() const { return ends_; }

private:
    size_t size_ = 0;
    size_t chars_ = 0;
    char text_[kMaxChars * 4];
    uint16_t ends_[kMaxChars];
};

}  // namespace llm::semantic
