// Tokenizer: BERT's WordPiece, id for id as Hugging Face's tokenizers has it:
// words by Splitter, each cut greedily into its longest pieces, the rest of a
// word prefixed with "##"; a word with a part that is no piece, or with more
// than max_word_chars code points, is one unknown token.
//
// One difference, deliberate: special tokens that are written out in a text
// ("[SEP]") are words like others. A client's text must not end a sentence.
//
// Ownership: owns its vocabulary. Threads: immutable, any number; each has
// its own TokenSpace. No allocation once a TokenSpace has served a text of
// the same limit. Time: linear in the text, and it ends at the limit.
#pragma once

#include <cstdint>
#include <vector>

#include "src/base/digest.hpp"
#include "src/base/result.hpp"
#include "src/semantic/splitter.hpp"
#include "src/semantic/vocabulary.hpp"

namespace llm::semantic {

constexpr uint32_t kNoToken = UINT32_MAX;

// What a tokenizer's files say; tokenizer_file.hpp reads them.
struct TokenizerSpec {
    // By id; a hole is "". Never more than kMaxPieces.
    std::vector<std::string> pieces;
    uint32_t unknown = kNoToken;
    uint32_t begin = kNoToken;  // [CLS]; none: no special tokens
    uint32_t end = kNoToken;    // [SEP]
    SplitRules rules;
    size_t max_word_chars = 100;
    // What the file truncates to, special tokens included; 0: nothing said.
    // For whoever chooses Tokenizer::Options::limit.
    size_t max_tokens = 0;

    static constexpr size_t kMaxPieces = size_t{1} << 21;
};

// One thread's memory for tokenizing. Plain; belongs to one thread.
struct TokenSpace {
    std::vector<uint32_t> ids;  // the result
    Splitter splitter;
};

class Tokenizer {
public:
    struct Options {
        size_t limit = 512;         // tokens, special ones included
        bool special = true;        // [CLS] ... [SEP], where it has them
        bool skip_unknown = false;  // unknown words leave no token
    };

    // kInvalid: ids out of bounds, no pieces; kUnsupported: max_word_chars.
    static Result<Tokenizer> create(TokenizerSpec spec);

    // Leaves the ids in space.ids, and returns how many of them stand for
    // the text, special tokens not counted.
    size_t tokenize(Bytes text, const Options& options,
                    TokenSpace& space) const;

    const TokenizerSpec& spec() const { return spec_; }
    // Of all that decides which ids a text gets.
    void hash_into(Hasher& hasher) const;
    bool has_special() const { return spec_.begin != kNoToken; }

private:
    Tokenizer() = default;

    // False when the word is unknown; then ids are as before.
    bool pieces_of(const Word& word, std::vector<uint32_t>& ids) const;

    TokenizerSpec spec_;
    PieceTable first_;
    PieceTable following_;  // without their "##"
};

}  // namespace llm::semantic
