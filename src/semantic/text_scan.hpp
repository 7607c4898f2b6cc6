// Scanner: a prompt into words, numbers and identifiers, with what their
// spelling says: case, code, currency before, percent after.
//
// One pass, views of the text. A word is letters and digits; a point, comma
// or colon between digits, a point, underscore, @ or & between letters join.
// Hyphens, slashes and apostrophes part, but for ISO dates.
//
// Threads: belongs to one.
#pragma once

#include <cstdint>

#include "src/base/bytes.hpp"
#include "src/semantic/unicode.hpp"

namespace llm::semantic {

struct Scanned {
    Bytes raw;
    Bytes tail;           // a letter in brackets that belongs to it: 401(k)
    uint32_t before = 0;  // the sign right before a number: $ € - . …
    uint32_t after = 0;   // right after it: % ° € …
    bool first = false;   // of a sentence
    bool digits = false;
    bool letters = false;
    bool upper = false;   // begins with an upper-case letter
    bool caps = false;    // upper case, two letters or more, but for one: ETFs
    bool code = false;    // camelCase, snake_case, dotted, in backquotes
    bool date = false;    // 2024-03-01
    bool joined = false;  // by a hyphen to what follows
    // What it has belongs to one (my brother's), or to several (my brothers').
    enum class Owner : uint8_t { kNone, kOne, kSeveral } owner = Owner::kNone;
};

// Of two letters the first of which is a capital, as symbols and abbreviations
// are: Co and CO. At the beginning of a sentence that says nothing.
inline bool is_symbol(const Scanned& word) {
    return word.upper && !word.first && word.raw.size() == 2;
}

// MAX_SIZE and max_size are two names.
inline bool is_snake_case(Bytes word) {
    return word.find('_') != Bytes::npos;
}

class Scanner {
public:
    explicit Scanner(Bytes text)
        : p_(text.data()), end_(text.data() + text.size()) {}

    // False at the end of the text.
    bool next(Scanned& out);
    // What is not scanned yet.
    Bytes rest() const { return {p_, static_cast<size_t>(end_ - p_)}; }

private:
    void skip_to_word();
    void take_word(Scanned& out);
    void take_sign(Scanned& out);
    void take_tail(Scanned& out);
    void take_owner(Scanned& out) const;
    bool take_iso_date(Scanned& out);
    bool is_cjk_ahead() const {
        const char* peek = p_;
        return p_ < end_ && (*p_ & 0x80) != 0
               && is_cjk(next_code_point(peek, end_));
    }
    bool joins(uint32_t code, const char* after, bool digit_before) const;

    const char* p_;
    const char* end_;
    uint32_t previous_ = ' ';
    uint32_t before_previous_ = ' ';
    bool sentence_ = true;
    bool code_ = false;  // inside backquotes
};

}  // namespace llm::semantic
