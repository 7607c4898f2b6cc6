#include "src/semantic/bert_loader.hpp"

#include <algorithm>

namespace llm::semantic {

namespace {

constexpr size_t kHeadUnit = 16;  // AttentionSpec::head

}  // namespace

BertModel::Loader::Loader(const Safetensors& file,
                          const BertConfig& config)
    : file_(file), config_(config) {
    model_.config_ = config;
    model_.hidden_ = round_up(config.hidden, kLane);
    model_.head_ = round_up(config.head(), kHeadUnit);
    model_.section_ = round_up(model_.head_ * config.heads, kLane);
    model_.inner_ = round_up(config.inner, kLane);
    // BertModel writes bare names, models with a head of their own "bert.".
    if (file.find("embeddings.word_embeddings.weight") == nullptr
        && file.find("bert.embeddings.word_embeddings.weight") != nullptr) {
        prefix_ = "bert.";
    }
}

Result<BertModel> BertModel::Loader::load() {
    if (auto done = embeddings(); !done) {
        return done.error();
    }
    for (size_t i = 0; i < config_.layers; i++) {
        if (auto done = layer(i); !done) {
            return done.error();
        }
    }
    return std::move(model_);
}

Result<void> BertModel::Loader::read(const std::string& name,
                                     const std::vector<uint64_t>& shape,
                                     std::vector<float>& out) {
    auto tensor = file_.find(prefix_ + name, shape);
    if (!tensor) {
        return tensor.error();
    }
    uint64_t count = (*tensor)->elements();
    out.resize(count);
    return read_floats(**tensor, 0, count, out.data());
}

// A table, row by row: it is too large to stand in memory twice.
Result<void> BertModel::Loader::read_rows(const std::string& name,
                                          size_t rows,
                                          AlignedArray<float>& out) {
    auto tensor = file_.find(prefix_ + name, {rows, config_.hidden});
    if (!tensor) {
        return tensor.error();
    }
    out.grow(rows * model_.hidden_);
    for (size_t row = 0; row < rows; row++) {
        auto done = read_floats(**tensor, row * config_.hidden,
                                config_.hidden,
                                out.data() + row * model_.hidden_);
        if (!done) {
            return done;
        }
    }
    return {};
}

Result<void> BertModel::Loader::embeddings() {
    AlignedArray<float> types;
    if (auto done = read_rows("embeddings.word_embeddings.weight",
                              config_.vocabulary, model_.words_);
        !done) {
        return done;
    }
    if (auto done = read_rows("embeddings.position_embeddings.weight",
                              config_.positions, model_.positions_);
        !done) {
        return done;
    }
    if (auto done = read_rows("embeddings.token_type_embeddings.weight",
                              config_.types, types);
        !done) {
        return done;
    }
    for (size_t i = 0; i < model_.positions_.size(); i++) {
        model_.positions_[i] += types[i % model_.hidden_];
    }
    return read_norm("embeddings.LayerNorm", model_.embedding_norm_);
}

Result<void> BertModel::Loader::read_norm(const std::string& name,
                                          Norm& out) {
    std::vector<float> values;
    for (bool gamma : {true, false}) {
        auto done = read(name + (gamma ? ".weight" : ".bias"),
                         {config_.hidden}, values);
        if (!done) {
            return done;
        }
        AlignedArray<float>& to = gamma ? out.gamma : out.beta;
        to.grow(model_.hidden_);
        std::copy(values.begin(), values.end(), to.data());
    }
    return {};
}

Result<void> BertModel::Loader::read_linear(const std::string& name,
                                            size_t outputs, size_t inputs,
                                            size_t width, Matrix& out) {
    std::vector<float> values;
    DenseLayer dense(round_up(outputs, kLane), width);
    if (auto done = read(name + ".weight", {outputs, inputs}, values);
        !done) {
        return done;
    }
    for (size_t row = 0; row < outputs; row++) {
        std::copy_n(values.data() + row * inputs, inputs,
                    dense.weights.data() + row * width);
    }
    if (auto done = read(name + ".bias", {outputs}, values); !done) {
        return done;
    }
    std::copy(values.begin(), values.end(), dense.bias.begin());
    out = Matrix(dense, Precision::kFloat);
    return {};
}

// Queries, keys or values: outputs from `first` on, each head by itself
// padded to the width that attention works in.
Result<void> BertModel::Loader::read_heads(const std::string& name,
                                           size_t first, DenseLayer& into) {
    std::vector<float> weights;
    std::vector<float> bias;
    size_t hidden = config_.hidden;
    if (auto done = read(name + ".weight", {hidden, hidden}, weights);
        !done) {
        return done;
    }
    if (auto done = read(name + ".bias", {hidden}, bias); !done) {
        return done;
    }
    for (size_t row = 0; row < hidden; row++) {
        size_t to = first + row / config_.head() * model_.head_
                    + row % config_.head();
        std::copy_n(weights.data() + row * hidden, hidden,
                    into.weights.data() + to * into.inputs);
        into.bias[to] = bias[row];
    }
    return {};
}

// Takes what attention gives: its inputs are padded in the same way.
Result<void> BertModel::Loader::read_attention_out(const std::string& name,
                                                   Matrix& out) {
    std::vector<float> values;
    size_t hidden = config_.hidden;
    DenseLayer dense(model_.hidden_, model_.section_);
    if (auto done = read(name + ".weight", {hidden, hidden}, values);
        !done) {
        return done;
    }
    size_t head = config_.head();
    for (size_t row = 0; row < hidden; row++) {
        for (size_t in = 0; in < hidden; in += head) {
            std::copy_n(values.data() + row * hidden + in, head,
                        dense.weights.data() + row * dense.inputs
                            + in / head * model_.head_);
        }
    }
    if (auto done = read(name + ".bias", {hidden}, values); !done) {
        return done;
    }
    std::copy(values.begin(), values.end(), dense.bias.begin());
    out = Matrix(dense, Precision::kFloat);
    return {};
}

Result<void> BertModel::Loader::layer(size_t index) {
    Layer layer;
    std::string name = "encoder.layer." + std::to_string(index) + ".";
    size_t section = model_.section_;
    DenseLayer qkv(3 * section, model_.hidden_);
    size_t first = 0;
    for (const char* part : {"query", "key", "value"}) {
        auto done =
            read_heads(name + "attention.self." + part, first, qkv);
        if (!done) {
            return done;
        }
        first += section;
    }
    layer.qkv = Matrix(qkv, Precision::kFloat);
    if (auto done = read_attention_out(name + "attention.output.dense",
                                       layer.attention_out);
        !done) {
        return done;
    }
    if (auto done = read_norm(name + "attention.output.LayerNorm",
                              layer.attention_norm);
        !done) {
        return done;
    }
    if (auto done = read_linear(name + "intermediate.dense", config_.inner,
                                config_.hidden, model_.hidden_, layer.inner);
        !done) {
        return done;
    }
    if (auto done = read_linear(name + "output.dense", config_.hidden,
                                config_.inner, model_.inner_,
                                layer.inner_out);
        !done) {
        return done;
    }
    if (auto done = read_norm(name + "output.LayerNorm", layer.inner_norm);
        !done) {
        return done;
    }
    model_.layers_.push_back(std::move(layer));
    return {};
}

}  // namespace llm::semantic
