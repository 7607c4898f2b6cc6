#include "src/cache/frame.hpp"

#include <gtest/gtest.h>

#include <random>

namespace llm::cache {
namespace {

std::string pack(Bytes document) {
    std::string out;
    append_packed(document, out);
    return out;
}

std::string back(Bytes packed, size_t size) {
    std::string out(size, '?');
    return expand(packed, out.data(), size) ? out : "(broken)";
}

std::string chat(Bytes text) {
    std::string out =
        R"({"id":"chatcmpl-8XTChN3iG76bsbn3eYHsURkHW4dZ5","object":)"
        R"("chat.completion","created":1725134567,"model":"gpt-4o",)"
        R"("choices":[{"index":0,"message":{"role":"assistant","content":")";
    out += text;
    out += R"(","refusal":null},"logprobs":null,"finish_reason":"stop"}],)"
           R"("usage":{"prompt_tokens":19,"completion_tokens":7,)"
           R"("total_tokens":26}})";
    return out;
}

TEST(Frame, ComesBackAsItWas) {
    for (const std::string& document :
         {std::string(), std::string("x"), std::string("{}"), chat("Nine."),
          chat(std::string(8000, 'a')), chat(chat(chat("in it"))),
          std::string(5000, '\0'), std::string("\"role\":\"assistant\""),
          chat("").substr(0, 40)}) {
        EXPECT_EQ(back(pack(document), document.size()), document);
    }
}

TEST(Frame, RandomCutsOfDocumentsComeBack) {
    std::mt19937 random(1);
    for (int n = 0; n < 3000; n++) {
        std::string document;
        for (uint32_t parts = random() % 6; parts > 0; parts--) {
            std::string part = chat(std::string(random() % 2000, 'z'));
            size_t from = random() % part.size();
            document += part.substr(from, random() % part.size());
        }
        ASSERT_EQ(back(pack(document), document.size()), document);
    }
}

TEST(Frame, TakesMostOfWhatAllHaveInCommon) {
    std::string document = chat("Nine.");
    EXPECT_LT(pack(document).size(), document.size() - 200);
}

TEST(Frame, AnythingElseCostsAFewBytes) {
    std::string document(4000, 'q');
    EXPECT_LE(pack(document).size(), document.size() + 4);
}

TEST(Frame, WhatIsNoFormIsRefused) {
    std::string document = chat("Nine.");
    std::string packed = pack(document);
    for (size_t size = 0; size < packed.size(); size++) {
        std::string part(packed, 0, size);
        part.shrink_to_fit();
        EXPECT_EQ(back(part, document.size()), "(broken)") << size;
    }
    EXPECT_EQ(back(packed + "x", document.size()), "(broken)");
    EXPECT_EQ(back(packed, document.size() + 1), "(broken)");
    EXPECT_EQ(back(packed, document.size() - 1), "(broken)");
    std::mt19937 random(2);
    for (int n = 0; n < 20000; n++) {
        std::string other = packed;
        other[random() % other.size()] = static_cast<char>(random());
        other.shrink_to_fit();
        (void) back(other, document.size());
    }
}

}  // namespace
}  // namespace llm::cache
