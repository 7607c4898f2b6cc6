// Pieces: how text is cut up before its bytes are merged to tokens: words
// with the space before them, numbers of three digits, signs, white space. A
// token never spans two pieces.
//
// By hand what tiktoken does by these regular expressions (an alternative
// counts before those after it; \s is White_Space, letters, marks and numbers
// go by Unicode's general category):
//
//   cl100k_base
//     '(?i:[sdmt]|ll|ve|re)
//     [^\r\n\p{L}\p{N}]?\p{L}+
//     \p{N}{1,3}
//      ?[^\s\p{L}\p{N}]+[\r\n]*
//     \s+$ | \s*[\r\n] | \s+(?!\S) | \s
//
//   o200k_base, with A = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], B = [\p{Ll}\p{Lm}
//   \p{Lo}\p{M}] and C = (?i:'s|'t|'re|'ve|'m|'ll|'d)
//     [^\r\n\p{L}\p{N}]?A*B+C?
//     [^\r\n\p{L}\p{N}]?A+B*C?
//     \p{N}{1,3}
//      ?[^\s\p{L}\p{N}]+[\r\n/]*
//     \s*[\r\n]+ | \s+(?!\S) | \s+
//
// Source: github.com/openai/tiktoken, tiktoken_ext/openai_public.py.
//
// Every byte belongs to one piece; one that is not UTF-8 is a sign. Each byte
// is looked at a few times at the most, however the text is made. Views of
// the text; no memory of its own. A plain value.
#pragma once

#include <cstdint>
#include <optional>

#include "src/base/bytes.hpp"

namespace llm::tokens {

enum class Encoding : uint8_t { kCl100k, kO200k };

// "cl100k" or "o200k", with or without "_base".
std::optional<Encoding> encoding_named(Bytes name);

class Pieces {
public:
    Pieces(Encoding encoding, Bytes text)
        : text_(text), encoding_(encoding) {}

    // The next piece, "" at the end.
    Bytes next();

private:
    // What a character is, as a bit.
    using Kinds = uint8_t;
    struct Char {
        Kinds kind;  // 0 past the end
        uint8_t size;
    };

    Char at(size_t i) const;
    size_t skip(size_t i, Kinds kinds) const;
    size_t after_prefix(size_t i, Char first) const;
    size_t contraction(size_t i) const;
    size_t word_cl100k(size_t from) const;
    size_t word_o200k(size_t from) const;
    size_t mixed_word(size_t from) const;
    size_t digits(size_t from) const;
    size_t signs(size_t from) const;
    size_t spaces(size_t from) const;

    Bytes text_;
    Encoding encoding_;
    size_t from_ = 0;
};

}  // namespace llm::tokens
