// BertEncoder, `minilm` in the configuration: a BERT-type sentence encoder
// such as all-MiniLM-L6-v2, from the directory that Hugging Face's tools
// write: config.json, tokenizer.json or vocab.txt, model.safetensors, and if
// there are any, 1_Pooling/config.json and sentence_bert_config.json.
//
// A text is cut to max_seq_length of the last one, else to the tokenizer's
// truncation, else to the model's positions.
// Ownership, threads: see Encoder. For a thread pool: a text of 16 tokens
// takes most of a millisecond with AVX-512, some with AVX2.
#pragma once

#include <string>

#include "src/semantic/bert_model.hpp"
#include "src/semantic/encoder.hpp"

namespace llm::semantic {

class BertEncoder final : public Encoder {
public:
    static constexpr size_t kMaxModelFile = size_t{4} << 30;

    // Errors name the file, and the tensor in it.
    static Result<BertEncoder> load(const std::string& directory,
                                    Precision precision);
    static Result<BertEncoder> create(const BertConfig& config,
                                      TokenizerSpec tokenizer,
                                      const Safetensors& weights,
                                      Precision precision);

    size_t dims() const override { return model_.config().hidden; }
    const Digest& id() const override { return id_; }
    Bytes kind() const override { return "minilm"; }
    size_t max_tokens() const override { return max_tokens_; }
    void prepare(Workspace& space) const override;
    Result<void> encode(Bytes text, Workspace& space,
                        std::span<float> out) const override;

    // Another kernel than the best one, for tests and benches.
    void use(const Kernels& kernels) { kernels_ = &kernels; }

    const BertModel& model() const { return model_; }
    const Tokenizer& tokenizer() const { return tokenizer_; }

private:
    // Refuses a tokenizer that is not the model's.
    static Result<Tokenizer> tokenizer_for(const BertConfig& config,
                                           TokenizerSpec spec);
    static Result<BertEncoder> assemble(const BertConfig& config,
                                        Tokenizer tokenizer,
                                        const Safetensors& weights,
                                        Precision precision);

    // For BertModel::to_bytes.
    std::vector<std::vector<uint32_t>> samples() const;

    BertEncoder(BertModel model, Tokenizer tokenizer)
        : model_(std::move(model)), tokenizer_(std::move(tokenizer)) {}

    BertModel model_;
    Tokenizer tokenizer_;
    const Kernels* kernels_ = kernels().front();
    size_t max_tokens_ = 0;
    Digest id_;
};

}  // namespace llm::semantic
