#include "src/route/prefix.hpp"

#include <set>

#include "tests/route/body.hpp"

namespace llm::route {
namespace {

using api::Endpoint;

std::string name(Endpoint endpoint, Bytes body) {
    Body b(endpoint, body);
    return prefix_of(b.doc, b.request);
}

std::string chat(Bytes messages, Bytes more = {}) {
    return name(Endpoint::kChat, R"({"model":"m",)" + std::string(more)
                                     + R"("messages":[)"
                                     + std::string(messages) + "]}");
}

constexpr Bytes kFirst = R"({"role":"system","content":"Be kind."},)"
                         R"({"role":"user","content":"What is 2+2?"})";

TEST(Prefix, IsShortAndHexadecimal) {
    std::string value = chat(kFirst);
    EXPECT_EQ(value.size(), 16u);
    EXPECT_EQ(value.find_first_not_of("0123456789abcdef"), Bytes::npos);
}

TEST(Prefix, GrowingConversationsKeepIt) {
    std::string messages(kFirst);
    std::string value = chat(messages);
    for (int turn = 0; turn < 50; turn++) {
        messages += R"(,{"role":"assistant","content":"4"})";
        EXPECT_EQ(chat(messages), value);
        messages += R"(,{"role":"user","content":")" + std::to_string(turn)
                    + "\"}";
        EXPECT_EQ(chat(messages), value);
    }
    EXPECT_EQ(chat(kFirst, R"("temperature":1,"stream":true,)"), value);
}

TEST(Prefix, BeginningsThatDifferDoNot) {
    std::set<std::string> seen;
    seen.insert(chat(kFirst));
    seen.insert(chat(R"({"role":"system","content":"Be kind"},)"
                     R"({"role":"user","content":".What is 2+2?"})"));
    seen.insert(chat(R"({"role":"developer","content":"Be kind."},)"
                     R"({"role":"user","content":"What is 2+2?"})"));
    seen.insert(chat(R"({"role":"user","content":"What is 2+2?"})"));
    seen.insert(chat(kFirst, R"("tools":[{"type":"function"}],)"));
    seen.insert(chat(R"({"role":"user","content":[{"type":"image_url",)"
                     R"("image_url":{"url":"a"}}]})"));
    seen.insert(chat(R"({"role":"user","content":[{"type":"image_url",)"
                     R"("image_url":{"url":"b"}}]})"));
    seen.insert(chat(R"({"role":"user","content":[{"type":"text","text":"a"})"
                     R"(,{"type":"text","text":"b"}]})"));
    seen.insert(chat(R"({"role":"user","content":"ab"})"));
    seen.insert(chat(""));
    EXPECT_EQ(seen.size(), 10u);
}

TEST(Prefix, FormsOfOneTextAreOne) {
    std::string value = chat(kFirst);
    EXPECT_EQ(chat(R"({"role":"system","content":[{"type":"text","text":)"
                   R"("Be kind.","cache_control":{"type":"ephemeral"}}]},)"
                   R"({ "content" : "What is 2+2?", "role" : "user" })"),
              value);
    auto marked = [](Bytes mark) {
        return name(Endpoint::kMessages,
                    R"({"model":"m","tools":[{"name":"t")" + std::string(mark)
                        + R"(}],"system":[{"type":"text","text":"a")"
                        + std::string(mark)
                        + R"(}],"messages":[{"role":"user","content":[)"
                          R"({"type":"image","source":{})"
                        + std::string(mark) + "}]}]}");
    };
    EXPECT_EQ(marked(""), marked(R"(,"cache_control":{"type":"ephemeral"})"));
}

// A system text of any length does not hide the first question.
TEST(Prefix, LongTextsAreReadInPart) {
    auto with = [](size_t size, Bytes question) {
        return chat(R"({"role":"system","content":")" + std::string(size, 'a')
                    + R"("},{"role":"user","content":")"
                    + std::string(question) + "\"}");
    };
    EXPECT_NE(with(200000, "x"), with(200000, "y"));
    EXPECT_NE(with(200000, "x"), with(200001, "x"));
    EXPECT_NE(with(10, std::string(kPartMax + 1, 'q')),
              with(10, std::string(kPartMax + 2, 'q')));
}

TEST(Prefix, OfTheOtherProtocols) {
    auto responses = [](Bytes rest) {
        return name(Endpoint::kResponses,
                    R"({"model":"m",)" + std::string(rest) + "}");
    };
    // A string is a message of the user's.
    std::string value = responses(R"("instructions":"i","input":"hi")");
    EXPECT_EQ(responses(R"("instructions":"i","input":[{"role":"user",)"
                        R"("content":[{"type":"input_text","text":"hi"}]},)"
                        R"({"type":"function_call"}])"),
              value);
    EXPECT_NE(responses(R"("instructions":"j","input":"hi")"), value);
    EXPECT_NE(responses(R"("input":[{"type":"item_reference","id":"a"}])"),
              responses(R"("input":[{"type":"item_reference","id":"b"}])"));
    EXPECT_EQ(responses(R"("conversation":"c1","input":"a")"),
              responses(R"("conversation":"c1","input":"b")"));
    EXPECT_NE(responses(R"("conversation":"c1","input":"a")"),
              responses(R"("conversation":"c2","input":"a")"));

    auto prompt = [](Bytes text) {
        return name(Endpoint::kCompletions,
                    R"({"model":"m","prompt":)" + std::string(text) + "}");
    };
    std::string block(kPromptBlock, 'p');
    EXPECT_EQ(prompt('"' + block + "\""), prompt('"' + block + "more\""));
    EXPECT_EQ(prompt('"' + block + "\""), prompt("[\"" + block + "x\"]"));
    EXPECT_NE(prompt("\"a\""), prompt("\"b\""));
    EXPECT_NE(prompt("[1,2]"), prompt("[1,3]"));
    EXPECT_NE(prompt("[]"), prompt("\"b\""));
    EXPECT_NE(name(Endpoint::kEmbeddings, R"({"model":"m","input":"a"})"),
              name(Endpoint::kEmbeddings, R"({"model":"m","input":"b"})"));
}

// 10,000 conversations with one system text over 8 replicas: chi-square with
// 7 degrees of freedom is above 29.9 once in 10,000 times.
TEST(Prefix, SpreadsEvenly) {
    std::array<double, 8> replicas{};
    std::set<std::string> seen;
    for (int i = 0; i < 10000; i++) {
        std::string value =
            chat(R"({"role":"system","content":"Be kind."},{"role":"user",)"
                 R"("content":"Question )" + std::to_string(i) + "\"}");
        seen.insert(value);
        replicas[std::stoull(value, nullptr, 16) % 8]++;
    }
    EXPECT_EQ(seen.size(), 10000u);
    double chi = 0;
    for (double count : replicas) {
        chi += (count - 1250) * (count - 1250) / 1250;
    }
    EXPECT_LT(chi, 29.9);
}

}  // namespace
}  // namespace llm::route
