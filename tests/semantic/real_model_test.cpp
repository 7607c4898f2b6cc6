// all-MiniLM-L6-v2 itself, when ./run model has fetched it (or LLM_MINILM
// names its directory). Expected ids are those of Hugging Face's tokenizers
// 0.23, expected vectors those of a plain fp32 forward pass in NumPy.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "src/semantic/bert_encoder.hpp"
#include "tests/semantic/random_model.hpp"
#include "tests/semantic/sentences.hpp"

namespace llm::semantic {
namespace {

namespace fs = std::filesystem;

struct Case {
    std::string text;
    std::vector<uint32_t> ids;
    std::vector<float> begin;  // of the vector
};

std::vector<Case> cases() {
    return {
        {"When do you open on Saturdays?",
         {101, 2043, 2079, 2017, 2330, 2006, 18860, 1029, 102},
         {0.04118f, -0.06757f, -0.02022f, 0.01868f, -0.02735f, 0.06167f,
          -0.06759f, -0.07121f}},
        {"What time do you open on Saturday?",
         {101, 2054, 2051, 2079, 2017, 2330, 2006, 5095, 1029, 102},
         {0.03829f, -0.05115f, -0.02627f, 0.0058f, -0.01438f, 0.022f,
          -0.06096f, -0.05014f}},
        {"The Enterprise plan costs 40 \u20ac a month.",
         {101, 1996, 6960, 2933, 5366, 2871, 1574, 1037, 3204, 1012, 102},
         {0.08926f, 0.05256f, 0.01501f, -0.01395f, 0.01397f, 0.01645f,
          -0.02255f, 0.08947f}},
        {"\u00c7a va, \u0130stanbul? \u6771\u4eac \u2013 na\u00efve "
         "co-operation, \ud55c\uad6d\uc5b4!",
         {101,   6187,  12436, 1010,  9960,  1029,  1879,  1755,
          1516,  15743, 2522,  1011,  3169,  1010,  1469,  30006,
          30021, 29991, 30014, 30020, 29999, 30008, 999,   102},
         {0.05706f, 0.04412f, 0.04192f, -0.02967f, -0.10838f, -0.01627f,
          0.06112f, -0.0506f}},
        {"supercalifragilistic " + std::string(101, 'x')
             + " \U0001F600 antidisestablishmentarianism's",
         {101,  3565, 9289, 10128, 29181, 24411, 4588, 100,  100,  3424,
          10521, 4355, 7875, 13602, 3672, 12199, 2964, 1005, 1055, 102},
         {0.02965f, 0.01064f, 0.01469f, 0.01255f, -0.00198f, -0.01645f,
          0.04919f, -0.01995f}},
    };
}

fs::path root() {
    return fs::path(__FILE__).parent_path().parent_path().parent_path();
}

class RealModel : public testing::Test {
protected:
    void SetUp() override {
        const char* named = std::getenv("LLM_MINILM");
        path_ = named != nullptr ? fs::path(named)
                                 : root() / "models" / "all-MiniLM-L6-v2";
        std::error_code unreadable;
        if (!fs::exists(path_ / "model.safetensors", unreadable)) {
            GTEST_SKIP() << "no model in " << path_
                         << ": fetch it with ./run model";
        }
    }

    BertEncoder load(Precision precision) {
        auto made = BertEncoder::load(path_, precision);
        EXPECT_TRUE(made) << made.error().message;
        return std::move(*made);
    }

    fs::path path_;
};

TEST_F(RealModel, FloatVectorsAreTheReference) {
    BertEncoder encoder = load(Precision::kFloat);
    EXPECT_EQ(encoder.dims(), 384u);
    EXPECT_EQ(encoder.max_tokens(), 256u);
    Workspace space;
    std::vector<float> out(encoder.dims());
    for (const Case& each : cases()) {
        ASSERT_TRUE(encoder.encode(each.text, space, out));
        EXPECT_EQ(space.tokens.ids, each.ids) << each.text;
        for (size_t i = 0; i < each.begin.size(); i++) {
            EXPECT_NEAR(out[i], each.begin[i], 1e-5) << each.text << i;
        }
    }
}

TEST_F(RealModel, BytesAreNearTheFloats) {
    BertEncoder floats = load(Precision::kFloat);
    BertEncoder bytes = load(Precision::kInt8);
    EXPECT_NE(floats.id(), bytes.id());
    std::vector<std::string> texts;
    for (const Case& each : cases()) {
        texts.push_back(each.text);
    }
    std::ifstream more(root() / "../shared/data/banking77/test.csv");
    for (std::string line; texts.size() < 100 && std::getline(more, line);) {
        texts.push_back(line);
    }
    Workspace space;
    std::vector<float> expected(384);
    std::vector<std::vector<float>> vectors;
    for (const std::string& text : texts) {
        vectors.emplace_back(384);
        ASSERT_TRUE(floats.encode(text, space, expected));
        ASSERT_TRUE(bytes.encode(text, space, vectors.back()));
        EXPECT_GT(test::cosine(vectors.back(), expected), 0.99) << text;
    }
    // one question in two wordings, and another one
    EXPECT_NEAR(test::cosine(vectors[0], vectors[1]), 0.935, 0.01);
    EXPECT_NEAR(test::cosine(vectors[0], vectors[2]), 0.077, 0.02);
}

// The fewer the tokens, the more [CLS] and [SEP] count, with the loudest
// activations of all.
TEST_F(RealModel, BytesAreNearTheFloatsInShortTexts) {
    BertEncoder floats = load(Precision::kFloat);
    BertEncoder bytes = load(Precision::kInt8);
    Workspace space;
    std::vector<float> expected(384);
    std::vector<float> found(384);
    for (const char* text :
         {"thank you very much", "thank you", "thanks", "okay thanks",
          "thank you so much", "cheers", "hi", "yes", "?", "...", "42",
          "test", "good morning", "who are you", "\u8c22\u8c22",
          "\u0441\u043f\u0430\u0441\u0438\u0431\u043e", "merci",
          "mul\u021bumesc", "danke sch\u00f6n", "muchas gracias", "a"}) {
        ASSERT_TRUE(floats.encode(text, space, expected));
        ASSERT_TRUE(bytes.encode(text, space, found));
        EXPECT_GT(test::cosine(found, expected), 0.99) << text;
    }
}

std::vector<std::vector<float>> encode_all(
    const BertEncoder& encoder, const std::vector<test::Sentence>& texts) {
    Workspace space;
    std::vector<std::vector<float>> out;
    for (const test::Sentence& each : texts) {
        out.emplace_back(encoder.dims());
        EXPECT_TRUE(encoder.encode(each.text, space, out.back()));
    }
    return out;
}

// The share of (two of one intent, two of different ones) in which the
// former are nearer.
double ranking(const std::vector<test::Sentence>& texts,
               const std::vector<std::vector<float>>& vectors) {
    std::vector<std::pair<double, bool>> pairs;
    for (size_t i = 0; i < texts.size(); i++) {
        for (size_t j = i + 7; j < texts.size(); j += 29) {
            pairs.emplace_back(test::cosine(vectors[i], vectors[j]),
                               texts[i].intent == texts[j].intent);
        }
    }
    std::sort(pairs.begin(), pairs.end());
    double same = 0;
    double others = 0;
    double ordered = 0;
    for (const auto& [cosine, of_one_intent] : pairs) {
        (of_one_intent ? same : others)++;
        ordered += of_one_intent ? others : 0;
    }
    return ordered / (same * others);
}

TEST_F(RealModel, BytesRankAThousandSentencesAsTheFloatsDo) {
    auto texts = test::sentences();
    ASSERT_EQ(texts.size(), 1000u);
    auto floats = encode_all(load(Precision::kFloat), texts);
    auto bytes = encode_all(load(Precision::kInt8), texts);
    double mean = 0;
    for (size_t i = 0; i < texts.size(); i++) {
        double cosine = test::cosine(floats[i], bytes[i]);
        EXPECT_GT(cosine, 0.99) << texts[i].text;
        mean += cosine / static_cast<double>(texts.size());
    }
    EXPECT_GT(mean, 0.999);
    double expected = ranking(texts, floats);
    EXPECT_GT(expected, 0.95);
    double found = ranking(texts, bytes);
    EXPECT_NEAR(found, expected, 0.005);
    RecordProperty("mean_cosine", std::to_string(mean));
    RecordProperty("ranking_fp32", std::to_string(expected));
    RecordProperty("ranking_int8", std::to_string(found));
}

}  // namespace
}  // namespace llm::semantic
