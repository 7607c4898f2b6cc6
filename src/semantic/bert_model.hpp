// BertModel: token ids into one vector, by a BERT-type transformer: word and
// position embeddings, then in each layer attention, feed-forward with GELU
// and two layer norms; the mean over all tokens, not yet of length 1.
//
// As loaded: fp32 throughout, the reference. After to_bytes() the products
// take bytes, weights with one scale for each output, activations with scale
// and zero point of each row, loud inputs evened out (matrix.hpp); all else
// is fp32.
//
// Ownership: owns its weights, packed once; the safetensors file is not
// needed after load(). Threads: immutable but for to_bytes(); each caller
// brings a Workspace.
// Source: Devlin et al. 2018; tensor names as Hugging Face writes them.
#pragma once

#include <span>
#include <vector>

#include "src/base/result.hpp"
#include "src/semantic/bert_config.hpp"
#include "src/semantic/matrix.hpp"
#include "src/semantic/safetensors.hpp"
#include "src/semantic/workspace.hpp"

namespace llm::semantic {

class BertModel {
public:
    // Errors name the tensor: kNotFound, kInvalid (shape, not finite),
    // kUnsupported (type).
    static Result<BertModel> load(const Safetensors& file,
                                  const BertConfig& config);

    // Goes over to bytes. `samples` are texts as ids, each as forward()
    // takes it, that show how loud each input of a layer becomes.
    void to_bytes(std::span<const std::vector<uint32_t>> samples);

    // What forward() needs for so many tokens.
    void prepare(size_t tokens, Workspace& space) const;

    // Preconditions: 1 <= ids.size() <= config.positions; each id is below
    // config.vocabulary; out.size() == config.hidden.
    void forward(std::span<const uint32_t> ids, const Kernels& kernels,
                 Workspace& space, std::span<float> out) const;

    const BertConfig& config() const { return config_; }
    size_t memory() const;  // bytes of weights

private:
    struct Norm {
        AlignedArray<float> gamma;
        AlignedArray<float> beta;
    };
    struct Layer {
        Matrix qkv;
        Matrix attention_out;
        Norm attention_norm;
        Matrix inner;
        Matrix inner_out;
        Norm inner_norm;
    };
    // One call's memory, within a Workspace.
    struct Buffers;
    // The loudness of the inputs of all matrices, in the order of use.
    struct Observed;
    class Loader;

    BertModel() = default;

    void run(std::span<const uint32_t> ids, const Kernels& kernels,
             Buffers& at) const;
    Buffers buffers(size_t tokens, Workspace& space) const;
    void run_layer(const Layer& layer, const Kernels& kernels,
                   Buffers& at) const;
    void product(const Matrix& matrix, const Kernels& kernels,
                 const float* rows, const Buffers& at, float* out) const;
    NormSpec norm(const Norm& norm) const;

    BertConfig config_;
    Precision precision_ = Precision::kFloat;
    size_t hidden_ = 0;   // padded widths
    size_t section_ = 0;  // all heads
    size_t head_ = 0;
    size_t inner_ = 0;
    AlignedArray<float> words_;      // rows of hidden_
    AlignedArray<float> positions_;  // the same, type 0 added
    Norm embedding_norm_;
    std::vector<Layer> layers_;
};

}  // namespace llm::semantic
