// A small random model through every kernel and both precisions, held
// against plain loops in doubles.
#include "src/semantic/bert_encoder.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/semantic/naive_bert.hpp"
#include "tests/semantic/random_model.hpp"

namespace llm::semantic {
namespace {

namespace fs = std::filesystem;

// Widths that are no multiples of anything: 5 heads of 26.
BertConfig odd_config() {
    BertConfig config;
    config.hidden = 130;
    config.layers = 2;
    config.heads = 5;
    config.inner = 270;
    config.vocabulary = 40;
    config.positions = 70;
    config.types = 2;
    return config;
}

BertConfig even_config() {
    BertConfig config = odd_config();
    config.hidden = 96;
    config.heads = 3;
    config.inner = 192;
    return config;
}

TokenizerSpec vocabulary() {
    std::vector<std::string> pieces;
    for (char c = 'a'; c <= 'z'; c++) {
        pieces.push_back(std::string(1, c));
    }
    return test::small_vocabulary(pieces);
}

BertEncoder encoder(const test::RandomModel& model, Precision precision) {
    std::string file = model.file();
    auto weights = Safetensors::parse(file);
    EXPECT_TRUE(weights);
    auto made = BertEncoder::create(model.config, vocabulary(), *weights,
                                    precision);
    EXPECT_TRUE(made) << made.error().message;
    return std::move(*made);
}

std::string words(size_t count) {
    std::string text;
    for (size_t i = 0; i < count; i++) {
        text += static_cast<char>('a' + i * 7 % 26);
        text += ' ';
    }
    return text;
}

class Models : public testing::TestWithParam<bool> {
protected:
    BertConfig config() { return GetParam() ? odd_config() : even_config(); }
};

TEST_P(Models, EveryKernelAgainstDoubles) {
    test::RandomModel model(config());
    test::NaiveBert naive(model.config, [&](const std::string& name)
                              -> const std::vector<float>& {
        return model.tensors.at(name).values;
    });
    for (Precision precision : {Precision::kFloat, Precision::kInt8}) {
        BertEncoder subject = encoder(model, precision);
        Workspace space;
        std::vector<float> out(subject.dims());
        for (size_t count : {1, 2, 5, 6, 7, 8, 9, 14, 15, 31, 68}) {
            std::string text = words(count);
            TokenSpace tokens;
            subject.tokenizer().tokenize(text, {}, tokens);
            ASSERT_EQ(tokens.ids.size(), count + 2);
            std::vector<float> expected = naive.encode(tokens.ids);
            for (const Kernels* kernel : kernels()) {
                subject.use(*kernel);
                ASSERT_TRUE(subject.encode(text, space, out));
                double least =
                    precision == Precision::kFloat ? 0.9999999 : 0.999;
                EXPECT_GT(test::cosine(out, expected), least)
                    << kernel->name << ' ' << count;
                EXPECT_NEAR(test::cosine(out, out), 1, 1e-6);
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Widths, Models, testing::Bool());

TEST(BertEncoder, OneTextAlwaysGivesTheSameVector) {
    test::RandomModel model(odd_config());
    BertEncoder subject = encoder(model, Precision::kInt8);
    Workspace space;
    std::vector<float> first(subject.dims());
    std::vector<float> again(subject.dims());
    ASSERT_TRUE(subject.encode("a b c", space, first));
    ASSERT_TRUE(subject.encode(words(60), space, again));
    ASSERT_TRUE(subject.encode("A  B\tC", space, again));
    EXPECT_EQ(first, again);
    Workspace other;
    ASSERT_TRUE(subject.encode("a b c", other, again));
    EXPECT_EQ(first, again);
    ASSERT_TRUE(subject.encode("c b a", space, again));
    EXPECT_LT(test::cosine(first, again), 0.9999);
}

TEST(BertEncoder, NothingIsAllocatedAfterPrepare) {
    test::RandomModel model(odd_config());
    BertEncoder subject = encoder(model, Precision::kInt8);
    Workspace space;
    subject.prepare(space);
    const float* floats = space.floats.data();
    const uint8_t* bytes = space.bytes.data();
    const uint32_t* ids = space.tokens.ids.data();
    std::vector<float> out(subject.dims());
    for (size_t count : {3, 30, 68, 500}) {
        ASSERT_TRUE(subject.encode(words(count), space, out));
        EXPECT_EQ(space.floats.data(), floats);
        EXPECT_EQ(space.bytes.data(), bytes);
        EXPECT_EQ(space.tokens.ids.data(), ids);
    }
}

TEST(BertEncoder, LongTextsAreCut) {
    BertConfig config = odd_config();
    config.max_tokens = 6;
    test::RandomModel model(config);
    BertEncoder subject = encoder(model, Precision::kFloat);
    EXPECT_EQ(subject.max_tokens(), 6u);
    Workspace space;
    std::vector<float> four(subject.dims());
    std::vector<float> many(subject.dims());
    ASSERT_TRUE(subject.encode("a b c d", space, four));
    ASSERT_TRUE(subject.encode("a b c d e f g", space, many));
    EXPECT_EQ(four, many);
}

TEST(BertEncoder, TextsWithoutTokensAreNoVectors) {
    test::RandomModel model(even_config());
    BertEncoder subject = encoder(model, Precision::kInt8);
    Workspace space;
    std::vector<float> out(subject.dims());
    for (Bytes text : {Bytes(""), Bytes(" \n"), Bytes("\xff\xfe"),
                       Bytes("\0", 1)}) {
        auto done = subject.encode(text, space, out);
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().message, "no tokens");
    }
}

TEST(BertEncoder, IdIsOfAllThatDecidesAVector) {
    test::RandomModel model(even_config());
    Digest id = encoder(model, Precision::kInt8).id();
    EXPECT_EQ(id, encoder(model, Precision::kInt8).id());
    EXPECT_NE(id, encoder(model, Precision::kFloat).id());
    test::RandomModel other(even_config(), 2);
    EXPECT_NE(id, encoder(other, Precision::kInt8).id());
    test::RandomModel shorter = model;
    shorter.config.max_tokens = 20;
    EXPECT_NE(id, encoder(shorter, Precision::kInt8).id());
    std::string file = model.file();
    auto weights = Safetensors::parse(file);
    TokenizerSpec swapped = vocabulary();
    std::swap(swapped.pieces[5], swapped.pieces[6]);
    auto made = BertEncoder::create(model.config, swapped, *weights,
                                    Precision::kInt8);
    ASSERT_TRUE(made);
    EXPECT_NE(id, made->id());
}

std::string load_error(test::RandomModel model) {
    std::string file = model.file();
    auto weights = Safetensors::parse(file);
    auto made = BertEncoder::create(model.config, vocabulary(), *weights,
                                    Precision::kInt8);
    return made ? "loaded" : made.error().message;
}

TEST(BertEncoder, ErrorsNameTheTensor) {
    test::RandomModel model(even_config());
    EXPECT_EQ(load_error(model), "loaded");
    for (const auto& [name, tensor] : model.tensors) {
        test::RandomModel missing = model;
        missing.tensors.erase(name);
        EXPECT_EQ(load_error(missing),
                  "tensor " + name + ": not in the file");
        test::RandomModel shaped = model;
        shaped.tensors[name].shape.push_back(1);
        EXPECT_EQ(load_error(shaped).find("tensor " + name + ": shape ["),
                  0u);
        test::RandomModel poisoned = model;
        poisoned.tensors[name].values.back() = NAN;
        EXPECT_EQ(load_error(poisoned),
                  "tensor " + name + ": holds a value that is not finite");
    }
    test::RandomModel small = model;
    small.config.vocabulary = 20;
    EXPECT_EQ(load_error(small),
              "tokenizer: more pieces than the model's vocab_size");
}

TEST(BertEncoder, NamesWithAPrefix) {
    test::RandomModel model(even_config());
    test::RandomModel prefixed = model;
    prefixed.tensors.clear();
    for (const auto& [name, tensor] : model.tensors) {
        prefixed.tensors["bert." + name] = tensor;
    }
    EXPECT_EQ(load_error(prefixed), "loaded");
}

class Directory : public testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/llm_bert_test_XXXXXX";
        ASSERT_NE(mkdtemp(name), nullptr);
        path_ = name;
        write("config.json",
              R"({"model_type":"bert","hidden_act":"gelu","hidden_size":96,)"
              R"("num_hidden_layers":2,"num_attention_heads":3,)"
              R"("intermediate_size":192,"vocab_size":40,)"
              R"("max_position_embeddings":70,"type_vocab_size":2,)"
              R"("layer_norm_eps":1e-12})");
        std::string vocabulary_text;
        for (const std::string& piece : vocabulary().pieces) {
            vocabulary_text += piece + "\n";
        }
        write("vocab.txt", vocabulary_text);
        write("model.safetensors", model_.file());
    }
    void TearDown() override { fs::remove_all(path_); }

    void write(const std::string& name, const std::string& bytes) {
        fs::create_directories(fs::path(path_ + "/" + name).parent_path());
        std::ofstream(path_ + "/" + name, std::ios::binary) << bytes;
    }
    // What follows the directory in the message.
    std::string error() {
        auto made = BertEncoder::load(path_, Precision::kInt8);
        if (made) {
            return "loaded";
        }
        std::string message = made.error().message;
        EXPECT_EQ(message.find(path_), 0u) << message;
        return message.substr(path_.size());
    }

    test::RandomModel model_{even_config()};
    std::string path_;
};

TEST_F(Directory, LoadsWhatCreateGives) {
    auto made = BertEncoder::load(path_, Precision::kInt8);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->id(), encoder(model_, Precision::kInt8).id());
    EXPECT_EQ(made->max_tokens(), 70u);
    EXPECT_EQ(made->kind(), "minilm");
    write("sentence_bert_config.json", R"({"max_seq_length":20})");
    made = BertEncoder::load(path_, Precision::kInt8);
    ASSERT_TRUE(made);
    EXPECT_EQ(made->max_tokens(), 20u);
    // the files may go or shrink: the encoder does not need them
    fs::resize_file(path_ + "/model.safetensors", 0);
    Workspace space;
    std::vector<float> out(made->dims());
    EXPECT_TRUE(made->encode("a b", space, out));
}

TEST_F(Directory, BrokenFiles) {
    fs::resize_file(path_ + "/model.safetensors",
                    fs::file_size(path_ + "/model.safetensors") - 4);
    EXPECT_EQ(error().find("/model.safetensors: tensor "), 0u) << error();
    fs::resize_file(path_ + "/model.safetensors", 3);
    EXPECT_EQ(error(), "/model.safetensors: not a safetensors file: "
                       "too short");
    fs::remove(path_ + "/model.safetensors");
    EXPECT_EQ(error(), "/model.safetensors: No such file or directory");
    fs::create_directory(path_ + "/model.safetensors");
    EXPECT_EQ(error(), "/model.safetensors: not a regular file");
    fs::remove(path_ + "/vocab.txt");
    EXPECT_EQ(error().find(": no tokenizer.json, and "), 0u) << error();
    write("tokenizer.json", "{}");
    EXPECT_EQ(error(), ": tokenizer.json: a normalizer of type (none) is "
                       "not supported");
}

TEST_F(Directory, OtherArchitectures) {
    write("1_Pooling/config.json",
          R"({"word_embedding_dimension":96,"pooling_mode_cls_token":true,)"
          R"("pooling_mode_mean_tokens":false})");
    EXPECT_EQ(error(), "/1_Pooling/config.json: only "
                       "pooling_mode_mean_tokens is supported");
    fs::remove_all(path_ + "/1_Pooling");
    write("sentence_bert_config.json", R"({"max_seq_length":71})");
    EXPECT_EQ(error(), "/sentence_bert_config.json: max_seq_length: out of "
                       "bounds");
    write("config.json", R"({"model_type":"roberta"})");
    EXPECT_EQ(error(), "/config.json: hidden_size: missing or out of bounds");
}

TEST(BertConfigFile, OnlyWhatIsComputed) {
    auto read = [](const std::string& more) {
        auto config = read_bert_config(
            R"({"hidden_size":96,"num_hidden_layers":2,)"
            R"("num_attention_heads":3,"intermediate_size":192,)"
            R"("vocab_size":40,"max_position_embeddings":70,)"
            R"("type_vocab_size":2)" + more + "}");
        return config ? "read" : config.error().message;
    };
    EXPECT_EQ(read(""), "read");
    EXPECT_EQ(read(R"(,"model_type":"roberta")"),
              "model_type: only bert is supported");
    EXPECT_EQ(read(R"(,"hidden_act":"relu")"),
              "hidden_act: only gelu is supported");
    EXPECT_EQ(read(R"(,"position_embedding_type":"relative_key")"),
              "position_embedding_type: only absolute is supported");
    EXPECT_EQ(read(R"(,"layer_norm_eps":2)"),
              "layer_norm_eps: out of bounds");
}

}  // namespace
}  // namespace llm::semantic
