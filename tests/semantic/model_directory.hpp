// A temporary directory with the files of a small random model.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/semantic/random_model.hpp"

namespace llm::semantic::test {

class ModelDirectory {
public:
    ModelDirectory() {
        std::string name =
            (std::filesystem::temp_directory_path() / "llm_model_XXXXXX")
                .string();
        if (mkdtemp(name.data()) != nullptr) {
            path_ = name;
        }
    }
    ModelDirectory(const ModelDirectory&) = delete;
    ModelDirectory& operator=(const ModelDirectory&) = delete;
    ~ModelDirectory() {
        if (!path_.empty()) {
            std::filesystem::remove_all(path_);
        }
    }

    const std::string& path() const { return path_; }

    void write(const std::string& name, const std::string& bytes) const {
        std::ofstream(path_ + "/" + name, std::ios::binary) << bytes;
    }

    static BertConfig bert_config() {
        BertConfig config;
        config.hidden = 96;
        config.layers = 2;
        config.heads = 3;
        config.inner = 192;
        config.vocabulary = 40;
        config.positions = 70;
        config.types = 2;
        return config;
    }

    void write_bert() const {
        write("config.json",
              R"({"model_type":"bert","hidden_act":"gelu","hidden_size":96,)"
              R"("num_hidden_layers":2,"num_attention_heads":3,)"
              R"("intermediate_size":192,"vocab_size":40,)"
              R"("max_position_embeddings":70,"type_vocab_size":2,)"
              R"("layer_norm_eps":1e-12})");
        write_letters();
        write("model.safetensors", RandomModel(bert_config()).file());
    }

    void write_static() const {
        write_letters();
        TestTensor table{{31, 16}, {}};
        std::mt19937 random(2);
        std::normal_distribution<float> normal;
        for (int i = 0; i < 31 * 16; i++) {
            table.values.push_back(normal(random));
        }
        write("model.safetensors",
              safetensors_file({{"embeddings", table}}));
    }

private:
    void write_letters() const {
        std::string lines = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
        for (char c = 'a'; c <= 'z'; c++) {
            lines += std::string(1, c) + "\n";
        }
        write("vocab.txt", lines);
    }

    std::string path_;
};

}  // namespace llm::semantic::test
