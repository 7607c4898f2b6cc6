#include "src/route/system_text.hpp"

#include <ctime>
#include <random>

#include "tests/route/body.hpp"

namespace llm::route {
namespace {

using api::Endpoint;

SystemText text_of(SystemMode mode, Bytes file) {
    auto made = system_text(mode, file);
    EXPECT_TRUE(made.ok()) << file;
    return made.ok() ? std::move(made).value() : SystemText();
}

struct Outcome {
    std::string body;
    std::string effective;
    std::string whole;
    std::string refused;
};

Outcome apply(Endpoint endpoint, Bytes body,
              const std::vector<SystemText>& texts) {
    Body b(endpoint, body);
    std::vector<const SystemText*> list;
    for (const SystemText& text : texts) {
        list.push_back(&text);
    }
    Outcome out;
    api::ApiError why;
    auto whole = apply_system(b.doc, b.request, list, b.edits,
                              &out.effective, &why);
    if (whole.ok()) {
        out.whole = *whole;
    } else {
        EXPECT_EQ(whole.error().code, Errc::kInvalid);
        EXPECT_EQ(why.status, 400);
        EXPECT_FALSE(why.message.empty());
        EXPECT_TRUE(b.edits.empty());
        out.refused = why.param;
    }
    out.body = b.after();
    return out;
}

std::string chat(SystemMode mode, Bytes body) {
    return apply(Endpoint::kChat, body, {text_of(mode, "Be kind.")}).body;
}

constexpr SystemMode kPrepend = SystemMode::kPrepend;
constexpr SystemMode kAppend = SystemMode::kAppend;
constexpr SystemMode kReplace = SystemMode::kReplace;

TEST(SystemText, OfAFile) {
    SystemText text = text_of(kPrepend, "\xef\xbb\xbfSay \"hi\".\nÄ\r\n\n");
    EXPECT_EQ(text.content, "Say \\\"hi\\\".\\nÄ");
    EXPECT_EQ(text.version().size(), 8u);
    EXPECT_EQ(text.digest, text_of(kAppend, "Say \"hi\".\nÄ").digest);
    EXPECT_NE(text.digest, text_of(kAppend, "Say \"hi\".\nA").digest);
    EXPECT_FALSE(system_text(kPrepend, "").ok());
    EXPECT_FALSE(system_text(kPrepend, " \n\t\r\n").ok());
    EXPECT_FALSE(system_text(kPrepend, "a\xff").ok());
    EXPECT_FALSE(system_text(kPrepend, Bytes("a\0b", 3)).ok());
    std::string large(SystemText::kMaxSize + 1, 'a');
    auto result = system_text(kPrepend, large);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, Errc::kTooLarge);
    EXPECT_EQ(system_mode_of("replace"), kReplace);
    EXPECT_EQ(system_mode_of("set"), std::nullopt);
}

TEST(SystemText, ChatWithoutOneGetsAMessage) {
    for (SystemMode mode : {kPrepend, kAppend, kReplace}) {
        EXPECT_EQ(chat(mode, R"({"messages":[ {"role":"user"}],"n":1})"),
                  R"({"messages":[{"role":"system","content":"Be kind."},)"
                  R"( {"role":"user"}],"n":1})");
        EXPECT_EQ(chat(mode, R"({"messages":[]})"),
                  R"({"messages":[{"role":"system","content":"Be kind."}]})");
    }
}

TEST(SystemText, ChatInsideTheClientsString) {
    Bytes body = R"({"messages":[{"role":"system","content": "a\u0062" },)"
                 R"({"role":"user","content":"x"}]})";
    EXPECT_EQ(chat(kPrepend, body),
              R"({"messages":[{"role":"system","content": )"
              R"("Be kind.\n\na\u0062" },{"role":"user","content":"x"}]})");
    EXPECT_EQ(chat(kAppend, body),
              R"({"messages":[{"role":"system","content": )"
              R"("a\u0062\n\nBe kind." },{"role":"user","content":"x"}]})");
    EXPECT_EQ(chat(kReplace, body),
              R"({"messages":[{"role":"system","content": "Be kind." },)"
              R"({"role":"user","content":"x"}]})");
    for (Bytes nothing : {R"("content":"")", R"("content":null)"}) {
        std::string empty = R"({"messages":[{"role":"developer",)"
                            + std::string(nothing) + "}]}";
        EXPECT_EQ(chat(kAppend, empty),
                  R"({"messages":[{"role":"developer",)"
                  R"("content":"Be kind."}]})");
    }
    EXPECT_EQ(chat(kPrepend, R"({"messages":[{"role":"system"}]})"),
              R"({"messages":[{"content":"Be kind.","role":"system"}]})");
}

TEST(SystemText, ChatBesideTheClientsParts) {
    Bytes body = R"({"messages":[{"role":"system","content":)"
                 R"([{"type":"text","text":"a"}]}]})";
    EXPECT_EQ(chat(kPrepend, body),
              R"({"messages":[{"role":"system","content":)"
              R"([{"type":"text","text":"Be kind."},)"
              R"({"type":"text","text":"a"}]}]})");
    EXPECT_EQ(chat(kAppend, body),
              R"({"messages":[{"role":"system","content":)"
              R"([{"type":"text","text":"a"},)"
              R"({"type":"text","text":"Be kind."}]}]})");
    Bytes none = R"({"messages":[{"role":"system","content":[ ]}]})";
    Outcome both = apply(Endpoint::kChat, none,
                         {text_of(kPrepend, "A"), text_of(kAppend, "B")});
    EXPECT_EQ(both.body,
              R"({"messages":[{"role":"system","content":)"
              R"([{"type":"text","text":"A"} ,)"
              R"({"type":"text","text":"B"}]}]})");
}

TEST(SystemText, ChatWithSeveralAtTheStart) {
    Bytes body = R"({"messages":[{"role":"system","content":"a"},)"
                 R"({"role":"developer","content":"b"},)"
                 R"({"role":"user","content":"x"},)"
                 R"({"role":"system","content":"c"}]})";
    Outcome both = apply(Endpoint::kChat, body,
                         {text_of(kPrepend, "A"), text_of(kAppend, "B")});
    EXPECT_EQ(both.body,
              R"({"messages":[{"role":"system","content":"A\n\na"},)"
              R"({"role":"developer","content":"b\n\nB"},)"
              R"({"role":"user","content":"x"},)"
              R"({"role":"system","content":"c"}]})");
    EXPECT_EQ(chat(kReplace, body),
              R"({"messages":[{"role":"system","content":"Be kind."},)"
              R"({"role":"user","content":"x"}]})");
}

TEST(SystemText, ReplaceTakesOutEveryOne) {
    EXPECT_EQ(chat(kReplace,
                   R"({"messages":[{"role":"user"} , {"role":"system"} ,)"
                   R"({"role":"developer"}, {"role":"user"}]})"),
              R"({"messages":[{"role":"system","content":"Be kind."},)"
              R"({"role":"user"}, {"role":"user"}]})");
    struct Case {
        const char* before;
        const char* after;
    };
    std::string system = R"({"role":"system","content":"x"})";
    for (Case c : {Case{"[S,U]", "[U]"}, {"[S, S ,U]", "[U]"},
                   {"[U,S]", "[U]"}, {"[ U , S , S ]", "[ U ]"},
                   {"[S,U,S,U,S]", "[U,U]"}, {"[S]", "[]"},
                   {"[ S,S ]", "[]"}, {"[]", "[]"}, {"[U]", "[U]"}}) {
        auto write = [&](Bytes form) {
            std::string out = R"({"instructions":"Be kind.","input":)";
            for (char letter : form) {
                out += letter == 'S'   ? system
                       : letter == 'U' ? R"({"role":"user"})"
                                       : std::string(1, letter);
            }
            return out + "}";
        };
        EXPECT_EQ(apply(Endpoint::kResponses, write(c.before),
                        {text_of(kReplace, "Be kind.")}).body,
                  write(c.after))
            << c.before;
    }
}

// CPU seconds of taking out every other one of so many messages, the least of
// a few tries.
double seconds_of(size_t messages) {
    std::string body = R"({"messages":[{"role":"user"})";
    while (messages-- > 0) {
        body += R"(,{"role":"system"},{"role":"user"})";
    }
    Body b(Endpoint::kChat, body + "]}");
    SystemText text = text_of(kReplace, "Be kind.");
    const SystemText* list[] = {&text};
    double least = 1e9;
    for (int i = 0; i < 5; i++) {
        b.edits.clear();
        clock_t from = clock();
        EXPECT_TRUE(
            apply_system(b.doc, b.request, list, b.edits, nullptr).ok());
        least = std::min(least, static_cast<double>(clock() - from)
                                    / CLOCKS_PER_SEC);
    }
    EXPECT_EQ(b.after().find("{\"role\":\"system\"}"), std::string::npos);
    return least;
}

// The number of messages is the client's choice.
TEST(SystemText, ReplaceIsLinearInTheMessages) {
    double few = seconds_of(5000);
    EXPECT_LT(seconds_of(40000), 24 * few) << few;
}

TEST(SystemText, ResponsesHaveInstructions) {
    auto run = [](SystemMode mode, Bytes body) {
        return apply(Endpoint::kResponses, body, {text_of(mode, "K")});
    };
    EXPECT_EQ(run(kPrepend, R"({"input":"x"})").body,
              R"({"instructions":"K","input":"x"})");
    EXPECT_EQ(run(kAppend, R"({"instructions":null})").body,
              R"({"instructions":"K"})");
    EXPECT_EQ(run(kPrepend, R"({"instructions":"a"})").body,
              R"({"instructions":"K\n\na"})");
    EXPECT_EQ(run(kAppend, R"({"instructions":"a"})").body,
              R"({"instructions":"a\n\nK"})");
    EXPECT_EQ(run(kPrepend, R"({"instructions":["a"]})").refused,
              "instructions");
    EXPECT_EQ(run(kPrepend, R"({"input":"x"})").whole, "");
}

TEST(SystemText, MessagesHaveSystem) {
    auto run = [](SystemMode mode, Bytes body) {
        return apply(Endpoint::kMessages, body, {text_of(mode, "K")});
    };
    Outcome out = run(kPrepend, R"({"messages":[]})");
    EXPECT_EQ(out.body, R"({"system":"K","messages":[]})");
    EXPECT_EQ(out.whole, "\"K\"");
    out = run(kPrepend, R"({"system":"a"})");
    EXPECT_EQ(out.body, R"({"system":"K\n\na"})");
    EXPECT_EQ(out.whole, "");
    // The client's marks stay where they are.
    Bytes blocks = R"({"system":[{"type":"text","text":"a",)"
                   R"("cache_control":{"type":"ephemeral"}}]})";
    EXPECT_EQ(run(kPrepend, blocks).body,
              R"({"system":[{"type":"text","text":"K"},)"
              R"({"type":"text","text":"a",)"
              R"("cache_control":{"type":"ephemeral"}}]})");
    EXPECT_EQ(run(kAppend, blocks).body,
              R"({"system":[{"type":"text","text":"a",)"
              R"("cache_control":{"type":"ephemeral"}},)"
              R"({"type":"text","text":"K"}]})");
    out = run(kReplace, blocks);
    EXPECT_EQ(out.body, R"({"system":"K"})");
    EXPECT_EQ(out.whole, "\"K\"");
    EXPECT_EQ(run(kPrepend, R"({"system":1})").refused, "system");
}

TEST(SystemText, OtherTypesAreTheClientsFault) {
    auto refused = [](Bytes body) {
        return apply(Endpoint::kChat, body, {text_of(kAppend, "K")}).refused;
    };
    EXPECT_EQ(refused(R"({"messages":{}})"), "messages");
    EXPECT_EQ(refused(R"({"messages":[{"role":"system","content":"a"},)"
                      R"({"role":"developer","content":{}}]})"),
              "messages[1].content");
    // What is not ours to judge passes.
    EXPECT_EQ(chat(kAppend, R"({"messages":[1]})"),
              R"({"messages":[{"role":"system","content":"Be kind."},1]})");
}

TEST(SystemText, SeveralInTheirOrder) {
    std::vector<SystemText> texts = {
        text_of(kPrepend, "gone"), text_of(kReplace, "R"),
        text_of(kPrepend, "P1"), text_of(kPrepend, "P2"),
        text_of(kAppend, "A1"), text_of(kAppend, "A2")};
    Outcome out =
        apply(Endpoint::kResponses, R"({"instructions":"x"})", texts);
    EXPECT_EQ(out.body,
              R"({"instructions":"P2\n\nP1\n\nR\n\nA1\n\nA2"})");
    EXPECT_EQ(std::count(out.effective.begin(), out.effective.end(), '\n'),
              6);
}

TEST(SystemText, WhatWasDoneIsTold) {
    SystemText text = text_of(kAppend, "K");
    EXPECT_EQ(apply(Endpoint::kChat, R"({"messages":[]})", {text}).effective,
              "system append=" + text.digest + "\n");
    EXPECT_EQ(apply(Endpoint::kChat, R"({"messages":[]})", {}).effective, "");
    for (Endpoint none : {Endpoint::kCompletions, Endpoint::kEmbeddings}) {
        Outcome out = apply(none, R"({"prompt":"x","input":"x"})", {text});
        EXPECT_EQ(out.effective, "");
        EXPECT_EQ(out.body, R"({"prompt":"x","input":"x"})");
    }
}

}  // namespace
}  // namespace llm::route
