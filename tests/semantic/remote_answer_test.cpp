#include "src/semantic/remote_answer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "src/semantic/remote_request.hpp"

namespace llm::semantic {
namespace {

std::string base64(const std::vector<float>& values) {
    constexpr Bytes kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes(reinterpret_cast<const char*>(values.data()),
                      values.size() * sizeof(float));
    std::string out;
    for (size_t i = 0; i < bytes.size(); i += 3) {
        uint32_t group = 0;
        size_t have = std::min<size_t>(3, bytes.size() - i);
        for (size_t j = 0; j < 3; j++) {
            group = group << 8
                    | (j < have ? static_cast<unsigned char>(bytes[i + j])
                                : 0u);
        }
        for (size_t j = 0; j < 4; j++) {
            out += j <= have ? kAlphabet[group >> (18 - 6 * j) & 63] : '=';
        }
    }
    return out;
}

std::string one(const std::string& embedding) {
    return "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\","
           "\"index\":0,\"embedding\":"
           + embedding
           + "}],\"model\":\"m\",\"usage\":{\"prompt_tokens\":3,"
             "\"total_tokens\":3}}";
}

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

void expect_vector(std::span<const float> vector,
                   const std::vector<float>& expected) {
    ASSERT_EQ(vector.size(), expected.size());
    for (size_t i = 0; i < expected.size(); i++) {
        EXPECT_NEAR(vector[i], expected[i], 1e-6) << i;
    }
}

void expect_error(const std::string& answer, size_t count, size_t dims,
                  const std::string& message,
                  Errc code = Errc::kInvalid) {
    auto read = RemoteVectors::parse(answer, count, dims);
    ASSERT_FALSE(read) << answer;
    EXPECT_EQ(read.error().message, "embeddings: " + message) << answer;
    EXPECT_EQ(read.error().code, code) << answer;
}

TEST(RemoteAnswer, NumbersBecomeAVectorOfLengthOne) {
    auto read = RemoteVectors::parse(one("[3, -4.0e0]"), 1, 2);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->count(), 1u);
    EXPECT_EQ(read->dims(), 2u);
    expect_vector((*read)[0], {0.6f, -0.8f});
}

TEST(RemoteAnswer, Base64IsReadAsFloat32LeastByteFirst) {
    // 1.0f is 00 00 80 3f
    auto read = RemoteVectors::parse(one("\"AACAPwAAgD8=\""), 1, 2);
    ASSERT_TRUE(read) << read.error().message;
    expect_vector((*read)[0], {std::sqrt(0.5f), std::sqrt(0.5f)});
    for (size_t dims : {1, 2, 3, 4, 383, 384, 1536}) {
        std::vector<float> values(dims, 0.0f);
        for (size_t i = 0; i < dims; i++) {
            values[i] = std::sin(static_cast<float>(i) + 1);
        }
        auto other = RemoteVectors::parse(one(quoted(base64(values))), 1, 0);
        ASSERT_TRUE(other) << other.error().message;
        ASSERT_EQ(other->dims(), dims);
        float factor = (*other)[0][0] / values[0];
        for (size_t i = 0; i < dims; i++) {
            EXPECT_NEAR((*other)[0][i], values[i] * factor, 1e-6);
        }
    }
}

TEST(RemoteAnswer, SlashesOfBase64MayBeEscaped) {
    // 0xffff... would be no number: -1.9999999f is ff ff ff bf
    auto read = RemoteVectors::parse(one("\"\\/\\/\\/\\/vw==\""), 1, 1);
    ASSERT_TRUE(read) << read.error().message;
    expect_vector((*read)[0], {-1});
}

TEST(RemoteAnswer, TheIndexSaysWhichTextAVectorIsOf) {
    auto read = RemoteVectors::parse(
        "{\"data\":[{\"embedding\":[0,0,2],\"index\":2},"
        "{\"index\":0,\"embedding\":[5,0,0]},"
        "{\"embedding\":[0,-1,0],\"index\":1}]}",
        3, 0);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->count(), 3u);
    expect_vector((*read)[0], {1, 0, 0});
    expect_vector((*read)[1], {0, -1, 0});
    expect_vector((*read)[2], {0, 0, 1});
}

TEST(RemoteAnswer, WithoutAnIndexItIsThePlace) {
    auto read = RemoteVectors::parse(
        "{\"data\":[{\"embedding\":[1,0]},{\"embedding\":\"AAAAAAAAgD8=\"}]}",
        2, 2);
    ASSERT_TRUE(read) << read.error().message;
    expect_vector((*read)[0], {1, 0});
    expect_vector((*read)[1], {0, 1});
}

TEST(RemoteAnswer, IsAboutAsManyTextsAsWereSent) {
    expect_error("{\"data\":[]}", 1, 0, "0 vectors for 1 texts");
    expect_error(one("[1]"), 2, 1, "1 vectors for 2 texts");
    expect_error("{\"data\":[{\"index\":0,\"embedding\":[1]},"
                 "{\"index\":0,\"embedding\":[1]}]}",
                 2, 1, "data[1] has the index of another one");
    for (const char* index : {"1", "-1", "0.0", "1e0", "\"0\"", "null",
                              "18446744073709551616"}) {
        expect_error(std::string("{\"data\":[{\"index\":") + index
                         + ",\"embedding\":[1]}]}",
                     1, 1, "data[0] has an index out of range");
    }
}

// Fault case 79, here and below.
TEST(RemoteAnswer, AnotherNumberOfDimsIsRefused) {
    expect_error(one("[1,2,3]"), 1, 4, "data[0] has 3 dimensions, not 4");
    expect_error(one("\"AACAPwAAgD8=\""), 1, 4,
                 "data[0] has 2 dimensions, not 4");
    expect_error(one("[]"), 1, 4, "data[0] has 0 dimensions, not 4");
    expect_error(one("[]"), 1, 0, "data[0] has 0 dimensions");
    expect_error(one("\"\""), 1, 0, "data[0] has 0 dimensions");
    expect_error("{\"data\":[{\"embedding\":[1,2]},{\"embedding\":[1]}]}",
                 2, 0, "data[1] has 1 dimensions, not 2");
    std::string many = "[1";
    for (size_t i = 0; i < RemoteVectors::kMaxDims; i++) {
        many += ",1";
    }
    expect_error(one(many + "]"), 1, 0,
                 "data[0] has more dimensions than any vector may have",
                 Errc::kTooLarge);
}

TEST(RemoteAnswer, WhatIsNoFiniteNumberIsRefused) {
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
    constexpr float kInf = std::numeric_limits<float>::infinity();
    for (float strange : {kNan, kInf, -kInf}) {
        expect_error(one(quoted(base64({1, strange}))), 1, 2,
                     "data[0] is zero or not finite");
    }
    expect_error(one("[1,1e39]"), 1, 2,
                 "data[0] holds a number that no float has");
    expect_error(one("[1,-1e999]"), 1, 2,
                 "data[0] holds a number that no float has");
    for (const char* strange : {"null", "\"1\"", "[1]", "true"}) {
        expect_error(one(std::string("[1,") + strange + "]"), 1,
                     0, "data[0] holds what is no number");
    }
    EXPECT_FALSE(RemoteVectors::parse(one("[1,NaN]"), 1, 2));
}

TEST(RemoteAnswer, AVectorWithoutLengthIsRefused) {
    expect_error(one("[0,0,-0.0]"), 1, 3, "data[0] is zero or not finite");
    expect_error(one("[1e-300,0]"), 1, 2, "data[0] is zero or not finite");
    expect_error(one("\"AAAAAAAAAAA=\""), 1, 2,
                 "data[0] is zero or not finite");
    // tiny, but a direction
    EXPECT_TRUE(RemoteVectors::parse(one("[1e-10,0]"), 1, 2));
}

TEST(RemoteAnswer, TheLargestFloatsHaveADirection) {
    auto read = RemoteVectors::parse(one("[3.4e38,-3.4e38]"), 1, 2);
    ASSERT_TRUE(read) << read.error().message;
    expect_vector((*read)[0], {std::sqrt(0.5f), -std::sqrt(0.5f)});
}

TEST(RemoteAnswer, WhatIsNotBase64IsRefused) {
    for (const char* text :
         {"AACAP", "AACAPw", "AACAPw=", "=", "====", "AA==AAAA", "AACA Pw=",
          "AACAPw==\\n", "AACAPw=\\u0000", "AACA-w==", "AACAP_==",
          "AACAPwAA", "AAA="}) {
        expect_error(one(quoted(text)), 1, 0,
                     "data[0] is not base64 of float32");
    }
}

TEST(RemoteAnswer, AnErrorOrAnotherShapeIsRefused) {
    expect_error("{\"error\":{\"message\":\"no such model\"}}", 1, 0,
                 "the answer has no data");
    expect_error("[]", 1, 0, "the answer has no data");
    expect_error("{\"data\":{\"embedding\":[1]}}", 1, 0,
                 "the answer has no data");
    expect_error("{\"data\":[[1,2]]}", 1, 0, "data[0] has no embedding");
    expect_error("{\"data\":[null]}", 1, 0, "data[0] has no embedding");
    expect_error(one("{\"0\":1}"), 1, 0, "data[0] has no embedding");
    for (const char* text : {"", "<html>", "{\"data\":[", "\xff"}) {
        auto read = RemoteVectors::parse(text, 1, 0);
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().message.find(
                      "embeddings: the answer is not JSON: "),
                  0u);
    }
}

TEST(RemoteAnswer, ItsSizeIsBounded) {
    std::string large = one("[1]");
    large.append(RemoteVectors::max_size(1, 1), ' ');
    expect_error(large, 1, 1, "the answer is too large", Errc::kTooLarge);
    // the most that 1024 numbers in full can need fits
    std::string numbers = "[-1.2345678901234567e-308";
    for (int i = 1; i < 1024; i++) {
        numbers += ", -1.2345678901234567e-01";
    }
    EXPECT_TRUE(RemoteVectors::parse(one(numbers + "]"), 1, 1024));
}

TEST(RemoteRequest, NamesModelTextsAndForm) {
    std::vector<Bytes> texts = {"When do you \"open\"?\n", "caf\xc3\xa9"};
    EXPECT_EQ(remote_request({"http://e/v1", "all-minilm", 0}, texts),
              "{\"model\":\"all-minilm\",\"input\":[\"When do you "
              "\\\"open\\\"?\\n\",\"caf\xc3\xa9\"],"
              "\"encoding_format\":\"base64\"}");
    EXPECT_EQ(remote_request({"http://e/v1", "m", 256}, {texts.data(), 0}),
              "{\"model\":\"m\",\"input\":[],\"encoding_format\":\"base64\","
              "\"dimensions\":256}");
}

TEST(RemoteRequest, AnIdIsOfEndpointModelAndDims) {
    Digest id = remote_id({"http://a", "m", 0}, 384);
    EXPECT_EQ(id, remote_id({"http://a", "m", 384}, 384));
    EXPECT_NE(id, remote_id({"http://b", "m", 0}, 384));
    EXPECT_NE(id, remote_id({"http://a", "n", 0}, 384));
    EXPECT_NE(id, remote_id({"http://a", "m", 0}, 256));
    EXPECT_NE(remote_id({"a b", "c", 0}, 1), remote_id({"a", "b c", 0}, 1));
}

}  // namespace
}  // namespace llm::semantic
