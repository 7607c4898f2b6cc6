#include "src/semantic/static_encoder.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <utility>

#include "tests/semantic/random_model.hpp"

namespace llm::semantic {
namespace {

// Tokens 0 to 4 are special, "a" is 5, "b" 6, "c" 7.
TokenizerSpec vocabulary() {
    return test::small_vocabulary({"a", "b", "c"});
}

test::TestTensors table() {
    return {{"embeddings",
             {{8, 2}, {9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 1, 0, 0, 1, -1, 0}}}};
}

Result<StaticEncoder> make(const std::string& file) {
    auto weights = Safetensors::parse(file);
    if (!weights) {
        return weights.error();
    }
    return StaticEncoder::create(vocabulary(), *weights);
}

std::vector<float> encode(const StaticEncoder& encoder, Bytes text) {
    Workspace space;
    std::vector<float> out(encoder.dims());
    auto done = encoder.encode(text, space, out);
    return done ? out : std::vector<float>();
}

constexpr float kDiagonal = 0.70710678f;

TEST(StaticEncoder, MeanOfTheTokens) {
    auto encoder = make(test::safetensors_file(table()));
    ASSERT_TRUE(encoder) << encoder.error().message;
    EXPECT_EQ(encoder->dims(), 2u);
    EXPECT_EQ(encoder->kind(), "static");
    EXPECT_EQ(encode(*encoder, "a"), (std::vector<float>{1, 0}));
    EXPECT_EQ(encode(*encoder, "B q b"), (std::vector<float>{0, 1}));
    auto both = encode(*encoder, "a b");
    ASSERT_EQ(both.size(), 2u);
    EXPECT_FLOAT_EQ(both[0], kDiagonal);
    EXPECT_FLOAT_EQ(both[1], kDiagonal);
    EXPECT_EQ(both, encode(*encoder, "b a"));
}

TEST(StaticEncoder, NothingToCompareIsAnError) {
    auto encoder = make(test::safetensors_file(table()));
    ASSERT_TRUE(encoder);
    for (Bytes text : {Bytes(""), Bytes("q"), Bytes("\xff"), Bytes("a c")}) {
        EXPECT_TRUE(encode(*encoder, text).empty()) << text;
    }
}

TEST(StaticEncoder, WeightsAreByToken) {
    test::TestTensors tensors = table();
    tensors["weights"] = {{8}, {1, 1, 1, 1, 1, 3, 4, 1}};
    auto encoder = make(test::safetensors_file(tensors));
    ASSERT_TRUE(encoder);
    auto both = encode(*encoder, "a b");
    EXPECT_FLOAT_EQ(both[0], 0.6f);
    EXPECT_FLOAT_EQ(both[1], 0.8f);
}

// Rows [1 0], [0 1]; every token is of row 0 but "b".
std::string mapped(int64_t row_of_b) {
    std::string header =
        R"({"embeddings":{"dtype":"I8","shape":[2,2],)"
        R"("data_offsets":[0,4]},)"
        R"("mapping":{"dtype":"I64","shape":[8],"data_offsets":[4,68]}})";
    std::string file(8, '\0');
    uint64_t size = header.size();
    std::memcpy(file.data(), &size, sizeof(size));
    file += header;
    file += std::string("\x7f\0\0\x7f", 4);
    for (int64_t token = 0; token < 8; token++) {
        int64_t row = token == 6 ? row_of_b : 0;
        file.append(reinterpret_cast<const char*>(&row), sizeof(row));
    }
    return file;
}

TEST(StaticEncoder, MappingAndBytes) {
    auto encoder = make(mapped(1));
    ASSERT_TRUE(encoder) << encoder.error().message;
    EXPECT_EQ(encode(*encoder, "a c"), (std::vector<float>{1, 0}));
    EXPECT_EQ(encode(*encoder, "b"), (std::vector<float>{0, 1}));
    for (int64_t row : {int64_t{2}, int64_t{-1}}) {
        auto wrong = make(mapped(row));
        ASSERT_FALSE(wrong);
        EXPECT_EQ(wrong.error().message,
                  "tensor mapping: holds an index out of bounds");
    }
}

// A file of three tensors: rows of 6, `weights` and `mapping` by token.
std::string whole_model(size_t tokens) {
    std::string rows;
    auto append = [&](auto number) {
        rows.append(reinterpret_cast<const char*>(&number), sizeof(number));
    };
    for (int row = 0; row < 7; row++) {
        for (int d = 0; d < 6; d++) {
            append(static_cast<float>(std::sin(1 + row * 6 + d * (row + 2))));
        }
    }
    for (size_t token = 0; token < tokens; token++) {
        append(1 / static_cast<float>(1 + token));
    }
    for (size_t token = 0; token < tokens; token++) {
        append(static_cast<int64_t>(token * 5 % 7));
    }
    std::string count = std::to_string(tokens);
    std::string header =
        R"({"embeddings":{"dtype":"F32","shape":[7,6],)"
        R"("data_offsets":[0,168]},"weights":{"dtype":"F32","shape":[)"
        + count + R"(],"data_offsets":[168,)"
        + std::to_string(168 + tokens * 4)
        + R"(]},"mapping":{"dtype":"I64","shape":[)" + count
        + R"(],"data_offsets":[)" + std::to_string(168 + tokens * 4) + ","
        + std::to_string(168 + tokens * 12) + "]}}";
    uint64_t size = header.size();
    std::string file(sizeof(size), '\0');
    std::memcpy(file.data(), &size, sizeof(size));
    return file + header + rows;
}

// Expected: what model2vec 0.10 gives for this model.
TEST(StaticEncoder, VectorsAreThoseOfModel2vec) {
    TokenizerSpec spec = test::small_vocabulary(
        {"when", "do", "you", "open", "sat", "##ur", "##day", "##s", "?",
         "caf", "##e", "no"});
    std::string file = whole_model(spec.pieces.size());
    auto weights = Safetensors::parse(file);
    ASSERT_TRUE(weights) << weights.error().message;
    auto encoder = StaticEncoder::create(std::move(spec), *weights);
    ASSERT_TRUE(encoder) << encoder.error().message;
    const std::pair<Bytes, std::vector<float>> kCases[] = {
        {"When do you open Saturdays?",
         {0.3471676f, -0.8056493f, 0.0050657f, -0.2319866f, -0.3787384f,
          -0.1819827f}},
        {"open, open, CAF\xc3\x89 unknown you",
         {0.0857347f, 0.206591f, 0.1084161f, 0.7542707f, 0.4825608f,
          -0.3693595f}},
        {"no",
         {0.094941f, -0.5736464f, -0.4203846f, 0.335152f, 0.6105245f,
          0.0112134f}}};
    for (const auto& [text, expected] : kCases) {
        auto found = encode(*encoder, text);
        ASSERT_EQ(found.size(), expected.size()) << text;
        for (size_t i = 0; i < expected.size(); i++) {
            EXPECT_NEAR(found[i], expected[i], 2e-6) << text << ' ' << i;
        }
    }
}

TEST(StaticEncoder, ErrorsNameTheTensor) {
    auto error = [](const test::TestTensors& tensors) {
        auto made = make(test::safetensors_file(tensors));
        return made ? "made" : made.error().message;
    };
    EXPECT_EQ(error({{"other", {{1}, {1}}}}),
              "tensor embeddings: not in the file");
    EXPECT_EQ(error({{"embeddings", {{16}, std::vector<float>(16)}}}),
              "tensor embeddings: not a table of vectors");
    EXPECT_EQ(error({{"embeddings", {{4, 2}, std::vector<float>(8)}}}),
              "tensor embeddings: fewer rows than tokens");
    test::TestTensors tensors = table();
    tensors["weights"] = {{2}, {1, 1}};
    EXPECT_EQ(error(tensors),
              "tensor weights: not one number a token");
    tensors["weights"] = {{8}, {1, 1, 1, 1, 1, 1, 1, NAN}};
    EXPECT_EQ(error(tensors),
              "tensor weights: holds a value that is not finite");
    test::TestTensors renamed;
    renamed["embedding.weight"] = table()["embeddings"];
    EXPECT_EQ(error(renamed), "made");
}

TEST(StaticEncoder, CutsLongTexts) {
    auto encoder = make(test::safetensors_file(table()));
    ASSERT_TRUE(encoder);
    // The median piece has 5 code points ("[PAD]" ... "c" sorted), so at
    // most 2560 of a text are read, and of these 512 tokens.
    std::string text;
    for (int i = 0; i < 512; i++) {
        text += "a ";
    }
    EXPECT_EQ(encode(*encoder, text + "b b b"),
              (std::vector<float>{1, 0}));
    EXPECT_EQ(encode(*encoder, "a " + std::string(2558, ' ') + "b"),
              (std::vector<float>{1, 0}));
    EXPECT_NE(encode(*encoder, "a " + std::string(2557, ' ') + "b"),
              (std::vector<float>{1, 0}));
}

TEST(StaticEncoder, IdIsOfTheWeights) {
    auto first = make(test::safetensors_file(table()));
    test::TestTensors other = table();
    other["embeddings"].values[0] = 8;
    auto second = make(test::safetensors_file(other));
    auto again = make(test::safetensors_file(table()));
    EXPECT_EQ(first->id(), again->id());
    EXPECT_NE(first->id(), second->id());
}

}  // namespace
}  // namespace llm::semantic
