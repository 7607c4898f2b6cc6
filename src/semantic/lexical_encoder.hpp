// LexicalEncoder, `lexical` in the configuration: hashed words, pairs of
// neighbouring words and character trigrams; no files. It sees shared words,
// not shared meaning, so it wants a stricter threshold than a model.
//
// Each feature adds its weight, with a sign, to one of 256 dimensions chosen
// by its hash; a word's trigrams together weigh no more than the word, and
// the square root of each dimension damps repetition. Words that hardly
// carry meaning weigh little. Words as Splitter makes them: lower
// case, accents stripped, punctuation dropped.
//
// Ownership, threads: see Encoder; stateless. Fit for the event loop: at
// most kMaxWords words are read.
#pragma once

#include "src/semantic/encoder.hpp"

namespace llm::semantic {

class LexicalEncoder final : public Encoder {
public:
    static constexpr size_t kDims = 256;
    static constexpr size_t kMaxWords = 512;

    LexicalEncoder();

    size_t dims() const override { return kDims; }
    const Digest& id() const override { return id_; }
    Bytes kind() const override { return "lexical"; }
    size_t max_tokens() const override { return kMaxWords; }
    void prepare(Workspace&) const override {}
    Result<void> encode(Bytes text, Workspace& space,
                        std::span<float> out) const override;

private:
    Digest id_;
};

}  // namespace llm::semantic
