// StaticEncoder, `static` in the configuration: one vector for each token,
// their weighted mean is the text's (model2vec). No context, so word order
// and most negation are lost; a few microseconds a text.
//
// Files (model2vec): model.safetensors with `embeddings` [rows, dims], or
// `embedding.weight`, optionally `weights` [tokens] and `mapping` [tokens]
// -> row; tokenizer.json. A text is cut to 512 times the median length of a
// token in code points, then to 512 tokens; unknown tokens do not count.
// int8 embeddings have no scale: a common one cancels out.
//
// Ownership, threads: see Encoder. Fit for the event loop.
#pragma once

#include <string>

#include "src/semantic/encoder.hpp"
#include "src/semantic/safetensors.hpp"

namespace llm::semantic {

class StaticEncoder final : public Encoder {
public:
    static constexpr size_t kMaxTokens = 512;
    static constexpr size_t kMaxDims = 4096;

    // Errors name the file, and the tensor in it.
    static Result<StaticEncoder> load(const std::string& directory);
    static Result<StaticEncoder> create(TokenizerSpec tokenizer,
                                        const Safetensors& weights);

    size_t dims() const override { return dims_; }
    const Digest& id() const override { return id_; }
    Bytes kind() const override { return "static"; }
    size_t max_tokens() const override { return options().limit; }
    void prepare(Workspace& space) const override;
    Result<void> encode(Bytes text, Workspace& space,
                        std::span<float> out) const override;

    const Tokenizer& tokenizer() const { return tokenizer_; }

private:
    explicit StaticEncoder(Tokenizer tokenizer)
        : tokenizer_(std::move(tokenizer)) {}

    Result<void> read(const Safetensors& weights);
    Tokenizer::Options options() const;

    Tokenizer tokenizer_;
    size_t dims_ = 0;
    size_t max_chars_ = 0;
    AlignedArray<float> rows_;
    std::vector<uint32_t> row_of_;   // by token
    std::vector<float> weight_of_;   // by token; empty: all 1
    Digest id_;
};

}  // namespace llm::semantic
