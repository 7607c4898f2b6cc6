#include "src/tokens/media.hpp"

#include <gtest/gtest.h>

namespace llm::tokens {
namespace {

uint64_t of(std::string parts, Bytes model = "gpt-4o") {
    json::Document doc;
    std::string text = R"({"messages":[{"role":"user","content":[)" + parts
                       + "]}]}";
    EXPECT_TRUE(doc.parse(text).ok()) << text.substr(0, 200);
    return media_tokens(doc, model).all;
}

TEST(MediaTokens, OfEachKind) {
    EXPECT_EQ(of(""), 0u);
    EXPECT_EQ(of(R"({"type":"text","text":"image_url"})"), 0u);
    std::string image = R"({"type":"image_url","image_url":{"url":"u"}})";
    std::string low = R"({"type":"image_url","image_url":{"url":"u",)"
                      R"("detail":"low"}})";
    std::string high = R"({"type":"input_image","file_id":"f",)"
                       R"("detail":"high"})";
    EXPECT_EQ(of(image), 85u + 8 * 170);
    EXPECT_EQ(of(low), 85u);
    EXPECT_EQ(of(image + "," + low, "openai/gpt-4o-mini-2024-07-18"),
              48169u + 2833);
    EXPECT_EQ(of(image + "," + low, "claude-x"), 2u * 4784);
    EXPECT_EQ(of(low, "gpt-4.1-nano"), 3779u);
    EXPECT_EQ(of(image + "," + high, "gpt-5.4"), 14400u + 3779);
    EXPECT_EQ(of(R"({"type":"image\u005furl","image_url":{"url":"u"}})"),
              85u + 8 * 170);
    EXPECT_EQ(of(R"({"type":"file","file":{"file_id":"f"}})"), 8192u);
    EXPECT_EQ(of(R"({"type":"tool_result","content":[)"
                 R"({"type":"image","source":{"data":"A"}}]})",
                 "claude-x"),
              4784u);
    // What stands in a part is of that part.
    EXPECT_EQ(of(R"({"type":"document","source":{"type":"content",)"
                 R"("content":[)" + image + "]}}"),
              8192u);
}

TEST(MediaTokens, SoundIsToldApart) {
    json::Document doc;
    ASSERT_TRUE(doc.parse(R"([{"type":"input_audio","data":"A"},)"
                          R"({"type":"image"},{"type":"audio_url"}])")
                    .ok());
    MediaTokens tokens = media_tokens(doc, "claude-x");
    EXPECT_EQ(tokens.sound, 2u * 8192);
    EXPECT_EQ(tokens.all, 2u * 8192 + 4784);
}

TEST(MediaTokens, ByBytesWhereTheyAreThere) {
    auto big = [](Bytes type, size_t size) {
        return R"({"type":")" + std::string(type) + R"(","data":")"
               + std::string(size, 'A') + "\"}";
    };
    // A minute at 16 kbit/s in base64: 600 tokens at OpenAI.
    EXPECT_GE(of(big("input_audio", 60 * 2000 * 4 / 3)), 600u);
    EXPECT_LE(of(big("input_audio", 60 * 2000 * 4 / 3)), 700u);
    EXPECT_GE(of(big("input_file", 64 * 1024)), 4096u);
    EXPECT_LE(of(big("input_file", 64 * 1024)), 4200u);
}

}  // namespace
}  // namespace llm::tokens
