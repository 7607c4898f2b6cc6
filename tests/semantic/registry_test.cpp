#include "src/semantic/registry.hpp"

#include <gtest/gtest.h>

#include "tests/semantic/model_directory.hpp"

namespace llm::semantic {
namespace {

constexpr Precision kBytes = Precision::kInt8;

TEST(OpenEncoder, EachKind) {
    test::ModelDirectory directory;
    directory.write_bert();
    auto opened = open_encoder(kMinilm, directory.path(), kBytes);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ((*opened)->kind(), kMinilm);
    EXPECT_EQ((*opened)->dims(), 96u);
    EXPECT_EQ((*opened)->max_tokens(), 70u);

    directory.write_static();
    opened = open_encoder(kStatic, directory.path(), kBytes);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ((*opened)->kind(), kStatic);
    EXPECT_EQ((*opened)->dims(), 16u);
    EXPECT_EQ((*opened)->max_tokens(), 512u);

    opened = open_encoder(kLexical, "", kBytes);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ((*opened)->kind(), kLexical);
}

TEST(OpenEncoder, ErrorsSayWhereToLook) {
    auto message = [](Bytes kind, const std::string& path) {
        auto opened = open_encoder(kind, path, kBytes);
        return opened ? "opened" : opened.error().message;
    };
    EXPECT_EQ(message("bert", "/m"),
              "no such encoder: it is lexical, minilm, static, or an "
              "endpoint by url=");
    EXPECT_EQ(message("remote", "/m"), message("", ""));
    EXPECT_EQ(message(kLexical, "/m"), "a lexical encoder has no files");
    EXPECT_EQ(message(kStatic, ""),
              "the encoder needs the directory of its model");
    EXPECT_EQ(message(kMinilm, "/no/such"),
              "/no/such/config.json: No such file or directory");

    test::ModelDirectory directory;
    directory.write_static();
    directory.write("model.safetensors", test::safetensors_file({}));
    EXPECT_EQ(message(kStatic, directory.path()),
              directory.path()
                  + "/model.safetensors: tensor embeddings: not in the "
                    "file");
    directory.write_bert();
    test::RandomModel model(test::ModelDirectory::bert_config());
    model.tensors["encoder.layer.1.output.dense.weight"].shape = {192, 96};
    directory.write("model.safetensors", model.file());
    EXPECT_EQ(message(kMinilm, directory.path()),
              directory.path()
                  + "/model.safetensors: tensor "
                    "encoder.layer.1.output.dense.weight: shape [192,96] "
                    "where the configuration wants [96,192]");
    // the tokenizer's faults are not the weights'
    directory.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\n"
                                     + std::string(200, '\n'));
    EXPECT_EQ(message(kMinilm, directory.path()).find("safetensors"),
              std::string::npos)
        << message(kMinilm, directory.path());
}

TEST(OpenEncoder, TraitsOfEachKind) {
    for (Bytes kind : {kMinilm, kStatic, kLexical, kRemote}) {
        EXPECT_GT(traits_of(kind).floor, 0.5f) << kind;
        EXPECT_LE(traits_of(kind).floor, traits_of("other").floor) << kind;
    }
    EXPECT_TRUE(traits_of(kLexical).immediate);
    EXPECT_TRUE(traits_of(kStatic).immediate);
    EXPECT_FALSE(traits_of(kMinilm).immediate);
    EXPECT_FALSE(traits_of("other").immediate);
}

}  // namespace
}  // namespace llm::semantic
