// BertModel::Loader: a BertModel out of a safetensors file: every tensor
// checked for its shape, padded to the kernels' widths, packed.
//
// For bert_model.cpp alone. Threads: belongs to one.
#pragma once

#include "src/semantic/bert_model.hpp"

namespace llm::semantic {

class BertModel::Loader {
public:
    Loader(const Safetensors& file, const BertConfig& config);

    Result<BertModel> load();

private:
    Result<void> embeddings();
    Result<void> layer(size_t index);
    Result<void> read_norm(const std::string& name, Norm& out);
    Result<void> read_linear(const std::string& name, size_t outputs,
                             size_t inputs, size_t width, Matrix& out);
    Result<void> read_heads(const std::string& name, size_t first,
                            DenseLayer& into);
    Result<void> read_attention_out(const std::string& name, Matrix& out);
    Result<void> read_rows(const std::string& name, size_t rows,
                           AlignedArray<float>& out);
    Result<void> read(const std::string& name,
                      const std::vector<uint64_t>& shape,
                      std::vector<float>& out);

    const Safetensors& file_;
    const BertConfig& config_;
    std::string prefix_;
    BertModel model_;
};

}  // namespace llm::semantic
