// A small random BERT for tests, as files would hold it: its configuration,
// its safetensors bytes and the same numbers as doubles.
#pragma once

#include <cmath>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "src/semantic/bert_config.hpp"
#include "src/semantic/tokenizer.hpp"

namespace llm::semantic::test {

struct TestTensor {
    std::vector<uint64_t> shape;
    std::vector<float> values;
};

using TestTensors = std::map<std::string, TestTensor>;

// An F32 safetensors file of them.
inline std::string safetensors_file(const TestTensors& tensors) {
    std::string header = "{\"__metadata__\":{\"format\":\"pt\"}";
    std::string data;
    for (const auto& [name, tensor] : tensors) {
        header += ",\"" + name + "\":{\"dtype\":\"F32\",\"shape\":[";
        for (size_t i = 0; i < tensor.shape.size(); i++) {
            header += (i > 0 ? "," : "") + std::to_string(tensor.shape[i]);
        }
        size_t bytes = tensor.values.size() * sizeof(float);
        header += "],\"data_offsets\":[" + std::to_string(data.size()) + ","
                  + std::to_string(data.size() + bytes) + "]}";
        data.append(reinterpret_cast<const char*>(tensor.values.data()),
                    bytes);
    }
    header += "}";
    uint64_t size = header.size();
    std::string out(sizeof(size), '\0');
    std::memcpy(out.data(), &size, sizeof(size));
    return out + header + data;
}

struct RandomModel {
    BertConfig config;
    TestTensors tensors;

    explicit RandomModel(const BertConfig& wanted, unsigned seed = 1)
        : config(wanted), random(seed) {
        uint64_t hidden = config.hidden;
        uint64_t inner = config.inner;
        add("embeddings.word_embeddings.weight",
            {config.vocabulary, hidden}, 0.5f);
        add("embeddings.position_embeddings.weight",
            {config.positions, hidden}, 0.2f);
        add("embeddings.token_type_embeddings.weight",
            {config.types, hidden}, 0.1f);
        add_norm("embeddings.LayerNorm");
        for (size_t i = 0; i < config.layers; i++) {
            std::string name = "encoder.layer." + std::to_string(i) + ".";
            for (const char* part : {"query", "key", "value"}) {
                add_linear(name + "attention.self." + part, hidden, hidden);
            }
            add_linear(name + "attention.output.dense", hidden, hidden);
            add_norm(name + "attention.output.LayerNorm");
            add_linear(name + "intermediate.dense", inner, hidden);
            add_linear(name + "output.dense", hidden, inner);
            add_norm(name + "output.LayerNorm");
        }
    }

    std::string file() const { return safetensors_file(tensors); }

private:
    void add(const std::string& name, std::vector<uint64_t> shape,
             float spread, float around = 0) {
        TestTensor tensor{std::move(shape), {}};
        uint64_t count = 1;
        for (uint64_t extent : tensor.shape) {
            count *= extent;
        }
        std::normal_distribution<float> normal(around, spread);
        for (uint64_t i = 0; i < count; i++) {
            tensor.values.push_back(normal(random));
        }
        tensors[name] = std::move(tensor);
    }
    void add_norm(const std::string& name) {
        add(name + ".weight", {config.hidden}, 0.1f, 1);
        add(name + ".bias", {config.hidden}, 0.1f);
    }
    void add_linear(const std::string& name, uint64_t outputs,
                    uint64_t inputs) {
        float spread = 1 / std::sqrt(static_cast<float>(inputs));
        add(name + ".weight", {outputs, inputs}, spread);
        add(name + ".bias", {outputs}, 0.1f);
    }

    std::mt19937 random;
};

// Ids 0 to 4 are BERT's special tokens, then come the given pieces.
inline TokenizerSpec small_vocabulary(const std::vector<std::string>& more) {
    TokenizerSpec spec;
    spec.pieces = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    spec.pieces.insert(spec.pieces.end(), more.begin(), more.end());
    spec.unknown = 1;
    spec.begin = 2;
    spec.end = 3;
    return spec;
}

inline double cosine(const std::vector<float>& a,
                     const std::vector<float>& b) {
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (size_t i = 0; i < a.size(); i++) {
        ab += static_cast<double>(a[i]) * b[i];
        aa += static_cast<double>(a[i]) * a[i];
        bb += static_cast<double>(b[i]) * b[i];
    }
    return ab / std::sqrt(aa * bb);
}

}  // namespace llm::semantic::test
