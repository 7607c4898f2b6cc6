#include "src/semantic/bert_model.hpp"

#include <algorithm>
#include <cmath>

#include "src/semantic/bert_loader.hpp"

namespace llm::semantic {

struct BertModel::Observed {
    std::vector<std::vector<float>> most;
    size_t next = 0;

    void add(const float* rows, size_t count, size_t width) {
        std::vector<float>& to = most[next++];
        to.resize(width);
        for (size_t row = 0; row < count; row++) {
            for (size_t i = 0; i < width; i++) {
                to[i] = std::max(to[i], std::fabs(rows[row * width + i]));
            }
        }
    }
};

struct BertModel::Buffers {
    size_t tokens;
    float* now;   // the layer's input and, in the end, its output
    float* next;
    float* qkv;
    float* mixed;
    float* inner;
    float* scratch;
    ByteRows bytes;
    Observed* observed;
};

Result<BertModel> BertModel::load(const Safetensors& file,
                                  const BertConfig& config) {
    return Loader(file, config).load();
}

void BertModel::prepare(size_t tokens, Workspace& space) const {
    size_t widest = std::max({hidden_, section_, inner_});
    space.floats.grow(tokens * (2 * hidden_ + 4 * section_ + inner_ + 1)
                      + 64 + attention_scratch(tokens, head_));
    space.bytes.grow(tokens * widest);
    space.integers.grow(tokens);
}

BertModel::Buffers BertModel::buffers(size_t tokens,
                                      Workspace& space) const {
    prepare(tokens, space);
    Buffers at{};
    float* free = space.floats.data();
    auto take = [&](size_t count) {
        float* taken = free;
        free += round_up(count, 16);
        return taken;
    };
    at.tokens = tokens;
    at.now = take(tokens * hidden_);
    at.next = take(tokens * hidden_);
    at.qkv = take(tokens * 3 * section_);
    at.mixed = take(tokens * section_);
    at.inner = take(tokens * inner_);
    at.scratch = take(attention_scratch(tokens, head_));
    at.bytes = {space.bytes.data(), take(tokens), space.integers.data(),
                tokens, 0};
    // Attention leaves what lies behind the heads untouched.
    if (section_ != config_.heads * head_) {
        std::fill_n(at.mixed, tokens * section_, 0.0f);
    }
    return at;
}

NormSpec BertModel::norm(const Norm& norm) const {
    return {norm.gamma.data(), norm.beta.data(), hidden_, config_.hidden,
            config_.epsilon};
}

void BertModel::product(const Matrix& matrix, const Kernels& kernels,
                        const float* rows, const Buffers& at,
                        float* out) const {
    Weights weights = matrix.view();
    if (at.observed != nullptr) {
        at.observed->add(rows, at.tokens, weights.inputs);
    }
    if (precision_ == Precision::kFloat) {
        kernels.product_floats(rows, at.tokens, weights, out);
        return;
    }
    ByteRows bytes = at.bytes;
    bytes.width = weights.inputs;
    kernels.quantize(rows, weights.factor, bytes);
    kernels.product_bytes(bytes, weights, out);
}

void BertModel::run_layer(const Layer& layer, const Kernels& kernels,
                          Buffers& at) const {
    product(layer.qkv, kernels, at.now, at, at.qkv);
    AttentionSpec attention{
        at.qkv,  at.tokens,
        section_, config_.heads,
        head_,    1 / std::sqrt(static_cast<float>(config_.head())),
        at.scratch, at.mixed};
    kernels.attention(attention);
    product(layer.attention_out, kernels, at.mixed, at, at.next);
    kernels.add_norm(at.next, at.now, at.tokens, norm(layer.attention_norm));
    std::swap(at.now, at.next);
    product(layer.inner, kernels, at.now, at, at.inner);
    kernels.gelu(at.inner, at.tokens * inner_);
    product(layer.inner_out, kernels, at.inner, at, at.next);
    kernels.add_norm(at.next, at.now, at.tokens, norm(layer.inner_norm));
    std::swap(at.now, at.next);
}

void BertModel::run(std::span<const uint32_t> ids, const Kernels& kernels,
                    Buffers& at) const {
    for (size_t i = 0; i < ids.size(); i++) {
        std::copy_n(words_.data() + ids[i] * hidden_, hidden_,
                    at.now + i * hidden_);
    }
    kernels.add_norm(at.now, positions_.data(), ids.size(),
                     norm(embedding_norm_));
    for (const Layer& layer : layers_) {
        run_layer(layer, kernels, at);
    }
}

void BertModel::forward(std::span<const uint32_t> ids,
                        const Kernels& kernels, Workspace& space,
                        std::span<float> out) const {
    Buffers at = buffers(ids.size(), space);
    run(ids, kernels, at);
    std::fill(out.begin(), out.end(), 0.0f);
    for (size_t i = 0; i < ids.size(); i++) {
        const float* row = at.now + i * hidden_;
        for (size_t d = 0; d < out.size(); d++) {
            out[d] += row[d];
        }
    }
    float share = 1 / static_cast<float>(ids.size());
    for (float& x : out) {
        x *= share;
    }
}

void BertModel::to_bytes(std::span<const std::vector<uint32_t>> samples) {
    constexpr size_t kMatrices = 4;
    Workspace space;
    Observed observed;
    observed.most.resize(layers_.size() * kMatrices);
    for (const std::vector<uint32_t>& ids : samples) {
        Buffers at = buffers(ids.size(), space);
        observed.next = 0;
        at.observed = &observed;
        run(ids, *kernels().front(), at);
    }
    observed.next = 0;
    for (Layer& layer : layers_) {
        for (Matrix* matrix : {&layer.qkv, &layer.attention_out,
                               &layer.inner, &layer.inner_out}) {
            *matrix = Matrix(matrix->unpacked(), Precision::kInt8,
                             observed.most[observed.next++]);
        }
    }
    precision_ = Precision::kInt8;
}

size_t BertModel::memory() const {
    size_t bytes = 4 * (words_.size() + positions_.size());
    for (const Layer& layer : layers_) {
        for (const Matrix* matrix : {&layer.qkv, &layer.attention_out,
                                     &layer.inner, &layer.inner_out}) {
            bytes += matrix->memory();
        }
    }
    return bytes;
}

}  // namespace llm::semantic
