// What of two answers is compared, and how.
#include "src/exchange/audit.hpp"

#include <gtest/gtest.h>

#include "src/api/reader.hpp"

namespace llm::exchange {
namespace {

std::string text_of(api::Endpoint endpoint, Bytes body) {
    Result<api::Answer> answer = api::read_json(endpoint, body);
    EXPECT_TRUE(answer.ok()) << body;
    return answer.ok() ? audit_text(*answer) : "unread";
}

std::string chat(Bytes message) {
    return R"({"id":"c","object":"chat.completion","model":"m","choices":[{)"
           R"("index":0,"finish_reason":"stop","message":)"
           + std::string(message) + "}]}";
}

std::string response(Bytes output) {
    return R"({"id":"r","object":"response","model":"m",)"
           R"("status":"completed","output":)"
           + std::string(output) + "}";
}

TEST(Audit, TheTextOfAnAnswer) {
    using api::Endpoint;
    EXPECT_EQ(text_of(Endpoint::kChat, chat(R"({"content":"four"})")), "four");
    EXPECT_EQ(text_of(Endpoint::kChat,
                      chat(R"({"content":"four","tool_calls":[{"id":"t",)"
                           R"("type":"function","function":{"name":"f",)"
                           R"("arguments":"{}"}}]})")),
              "");
    EXPECT_EQ(text_of(Endpoint::kMessages,
                      R"({"id":"a","type":"message","role":"assistant",)"
                      R"("model":"m","stop_reason":"end_turn","content":[)"
                      R"({"type":"text","text":"fo"},)"
                      R"({"type":"text","text":"ur"}]})"),
              "four");
    EXPECT_EQ(text_of(Endpoint::kCompletions,
                      R"({"id":"c","object":"text_completion","model":"m",)"
                      R"("choices":[{"index":0,"text":"four",)"
                      R"("finish_reason":"stop"}]})"),
              "four");
}

TEST(Audit, TheTextOfAResponse) {
    auto text = [](Bytes output) {
        return text_of(api::Endpoint::kResponses, response(output));
    };
    EXPECT_EQ(text(R"([{"type":"reasoning","summary":[]},)"
                   R"({"type":"message","role":"assistant","content":[)"
                   R"({"type":"output_text","text":"fo","annotations":[]},)"
                   R"({"type":"output_text","text":"u\u0072"}]}])"),
              "four");
    EXPECT_EQ(text(R"([{"type":"message","content":[)"
                   R"({"type":"refusal","refusal":"no"}]}])"),
              "");
    EXPECT_EQ(text(R"([{"type":"message","content":[)"
                   R"({"type":"output_text","text":"four"}]},)"
                   R"({"type":"function_call","name":"f","arguments":""}])"),
              "");
    EXPECT_EQ(text("[]"), "");
    EXPECT_EQ(text("null"), "");
    EXPECT_EQ(text(R"([1,{},{"type":"message"},)"
                   R"({"type":"message","content":[2,{"type":"x"}]}])"),
              "");
}

TEST(Audit, ALongTextIsCutBetweenCharacters) {
    for (size_t before = 0; before < 4; before++) {
        std::string start(kAuditText - before, 'x');
        std::string text = text_of(
            api::Endpoint::kChat,
            chat(R"({"content":")" + start + "\xe2\x82\xac\xe2\x82\xac\"}"));
        EXPECT_EQ(text, start + (before == 3 ? "\xe2\x82\xac" : ""));
    }
    std::string whole(kAuditText, 'x');
    EXPECT_EQ(text_of(api::Endpoint::kChat,
                      chat(R"({"content":")" + whole + "\"}")),
              whole);
}

TEST(Audit, WhatCannotBeComparedIsUnknown) {
    semantic::JudgeOptions options;
    options.vetoes = kAuditVetoes;
    auto made = semantic::Judge::create(options);
    ASSERT_TRUE(made.ok());
    auto kind = semantic::EncoderKind::kMinilm;
    auto by = [&](Bytes stored, Bytes fresh, float cosine) {
        return compare(*made, stored, fresh, cosine, kind);
    };
    EXPECT_EQ(by("", "four", 1), Agreed::kUnknown);
    EXPECT_EQ(by("four", "", 1), Agreed::kUnknown);
    EXPECT_EQ(by("four", "four", -1), Agreed::kYes);
    EXPECT_EQ(by("It is late.", "It is rather late.", -1), Agreed::kUnknown);
    EXPECT_EQ(by("It is late.", "It is rather late.", 0.9F), Agreed::kYes);
    EXPECT_EQ(by("It is late.", "It is rather late.", 0.7F),
              Agreed::kUnknown);
    EXPECT_EQ(by("It is late.", "It is rather late.", 0.1F), Agreed::kNo);
    EXPECT_EQ(by("It costs 20 USD.", "It costs 25 USD.", 0.99F), Agreed::kNo);

    semantic::Code none{};
    EXPECT_EQ(cosine_of(none, none), -1);
}

}  // namespace
}  // namespace llm::exchange
