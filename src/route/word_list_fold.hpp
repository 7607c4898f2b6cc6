// Folding: a text as its words, in the form in which terms are compared.
//
// A word is a run of letters and digits (Unicode); everything else parts
// words, but an invisible sign (soft hyphen, zero-width) is passed over, and
// + and # belong to a word of one letter before them (c++, c#, f#). Letters
// are lower case without accents (ё is е, ñ is n, ș and ş are s). Ideographs
// and kana are words one by one. Of a word longer than kMaxWord bytes the
// rest is left out. Bytes that are not UTF-8 part words.
//
// Threads: the table is made once and constant. Source of classes and
// decompositions: utf8proc (Unicode 14).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/base/bytes.hpp"

namespace llm::route {

struct FoldedText {
    static constexpr size_t kMaxBreaks = 64;

    // " word word word "; at least " ".
    std::string text;
    uint32_t words = 0;
    // The words before which a line begins, or a colon or a double quotation
    // mark stands: where parts of the text begin. Rising, the first
    // kMaxBreaks of them.
    std::vector<uint32_t> breaks;

    void clear();
};

constexpr size_t kMaxWord = 64;

// Appends the words of `text` to `out`, which is empty or was appended to.
void fold(Bytes text, FoldedText& out);

// True when `text` is UTF-8 as RFC 3629 has it; else `bad` is the offset of
// the first byte that is not.
bool is_utf8(Bytes text, size_t& bad);

}  // namespace llm::route
