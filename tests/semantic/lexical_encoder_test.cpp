#include "src/semantic/lexical_encoder.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/semantic/random_model.hpp"

namespace llm::semantic {
namespace {

std::vector<float> encode(Bytes text) {
    LexicalEncoder encoder;
    Workspace space;
    std::vector<float> out(encoder.dims());
    auto done = encoder.encode(text, space, out);
    return done ? out : std::vector<float>();
}

double likeness(Bytes a, Bytes b) {
    return test::cosine(encode(a), encode(b));
}

TEST(LexicalEncoder, LengthIsOne) {
    for (Bytes text : {Bytes("hi"), Bytes("How do I reset my password?"),
                       Bytes("\u6771\u4eac"), Bytes("a\xff z")}) {
        auto vector = encode(text);
        ASSERT_EQ(vector.size(), 256u) << text;
        double squares = 0;
        for (float x : vector) {
            squares += double{x} * double{x};
        }
        EXPECT_NEAR(squares, 1, 1e-5) << text;
    }
}

TEST(LexicalEncoder, SpellingThatDoesNotMatter) {
    EXPECT_EQ(encode("How do I reset my password?"),
              encode("how DO i  reset my PASSWORD"));
    EXPECT_EQ(encode("caf\u00e9"), encode("cafe"));
}

TEST(LexicalEncoder, NearerWordingsAreNearer) {
    Bytes text = "How do I reset my password?";
    double near = likeness(text, "How can I reset the password?");
    double typo = likeness(text, "How do I reset my pasword?");
    double topic = likeness(text, "How do I change my address?");
    double far = likeness(text, "What is the capital of France?");
    EXPECT_GT(near, 0.75);
    EXPECT_GT(typo, 0.75);
    EXPECT_LT(topic, near - 0.2);
    EXPECT_LT(far, 0.35);
    EXPECT_LT(likeness("dog bites man", "man bites dog"), 0.98);
}

TEST(LexicalEncoder, NothingToCompareIsAnError) {
    for (Bytes text : {Bytes(""), Bytes(" \t"), Bytes("?!"), Bytes("\xff")}) {
        EXPECT_TRUE(encode(text).empty()) << text;
    }
}

TEST(LexicalEncoder, LongTexts) {
    std::string text;
    for (int i = 0; i < 512; i++) {
        text += "word" + std::to_string(i) + " ";
    }
    EXPECT_EQ(encode(text), encode(text + "more and more"));
    EXPECT_EQ(encode(std::string(1 << 20, 'x')).size(), 256u);
}

TEST(LexicalEncoder, IdIsItsOwn) {
    EXPECT_EQ(LexicalEncoder().id(), LexicalEncoder().id());
    EXPECT_NE(LexicalEncoder().id(), Digest{});
}

}  // namespace
}  // namespace llm::semantic
