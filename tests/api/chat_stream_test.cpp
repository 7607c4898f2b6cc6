// OpenAI chat completions: streams.
#include <chrono>

#include <gtest/gtest.h>

#include "tests/api/chunks.hpp"

namespace llm::api {
namespace {

using namespace chunks;

const Block* find(const Answer& answer, Block::Kind kind, size_t choice = 0) {
    for (const Block& block : answer.choices.at(choice).blocks) {
        if (block.kind == kind) {
            return &block;
        }
    }
    return nullptr;
}

std::string text_of(const Answer& answer, size_t choice = 0) {
    const Block* block = find(answer, Block::Kind::kText, choice);
    return block == nullptr ? "(none)" : block->text;
}

// As OpenAI records it: role first, usage placeholders, padding.
const std::string kPlain = stream_of({
    R"({"id":"c1","object":"chat.completion.chunk","created":5,"model":"m",)"
    R"("service_tier":"default","system_fingerprint":null,"choices":[)"
    R"({"index":0,"delta":{"role":"assistant","content":"","refusal":null},)"
    R"("logprobs":null,"finish_reason":null}],"usage":null,)"
    R"("obfuscation":"a"})",
    R"({"id":"c1","object":"chat.completion.chunk","created":5,"model":"m",)"
    R"("service_tier":"default","system_fingerprint":null,"choices":[)"
    R"({"index":0,"delta":{"content":"Hi \ud83d\ude00"},"logprobs":null,)"
    R"("finish_reason":null}],"usage":null,"obfuscation":"bcd"})",
    R"({"id":"c1","object":"chat.completion.chunk","created":5,"model":"m",)"
    R"("service_tier":"default","system_fingerprint":null,"choices":[)"
    R"({"index":0,"delta":{"content":" [DONE]"},"logprobs":null,)"
    R"("finish_reason":null}],"usage":null,"obfuscation":"e"})",
    R"({"id":"c1","object":"chat.completion.chunk","created":5,"model":"m",)"
    R"("service_tier":"default","system_fingerprint":null,"choices":[)"
    R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],)"
    R"("usage":null,"obfuscation":"fghijk"})",
    R"({"id":"c1","object":"chat.completion.chunk","created":5,"model":"m",)"
    R"("service_tier":"default","system_fingerprint":null,"choices":[],)"
    R"("usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5},)"
    R"("obfuscation":""})",
});

TEST(ChatStream, Plain) {
    Followed got = follow(Endpoint::kChat, kPlain);
    const Answer& answer = got.answer();
    EXPECT_TRUE(answer.complete);
    EXPECT_EQ(answer.object, "chat.completion");
    EXPECT_EQ(answer.id, "c1");
    EXPECT_EQ(answer.created, 5);
    EXPECT_EQ(text_of(answer), "Hi 😀 [DONE]");
    EXPECT_EQ(answer.finish_reason(), "stop");
    EXPECT_TRUE(answer.finished_well());
    EXPECT_EQ(answer.usage.input, 3);
    EXPECT_EQ(answer.usage.output, 2);
    EXPECT_EQ(got.reader->content_bytes(), 14u);
    EXPECT_EQ(value_of(json_of(answer)), value_of(
        R"({"id":"c1","object":"chat.completion","created":5,"model":"m",
            "service_tier":"default","system_fingerprint":null,"choices":[{
            "index":0,"message":{"role":"assistant",
            "content":"Hi 😀 [DONE]","refusal":null},"logprobs":null,
            "finish_reason":"stop"}],"usage":{"prompt_tokens":3,
            "completion_tokens":2,"total_tokens":5}})"));
    expect_stream_survives(Endpoint::kChat, kPlain);
}

TEST(ChatStream, EventInfo) {
    const Followed got = follow(Endpoint::kChat, kPlain);
    ASSERT_EQ(got.infos.size(), 6u);
    for (size_t i = 0; i < 6; ++i) {
        EXPECT_EQ(got.infos[i].content, i == 1 || i == 2) << i;
        EXPECT_EQ(got.infos[i].usage, i == 4) << i;
        EXPECT_EQ(got.infos[i].usage_only, i == 4) << i;
        EXPECT_EQ(got.infos[i].terminal, i == 5) << i;
        EXPECT_FALSE(got.infos[i].error) << i;
        EXPECT_FALSE(got.infos[i].malformed) << i;
    }
}

TEST(ChatStream, ParallelToolCallsInFragments) {
    const std::string stream = stream_of({
        delta(R"("role":"assistant","content":null,"tool_calls":[{"index":0,
            "id":"a","type":"function","function":{"name":"f",
            "arguments":""}}])"),
        delta(R"("tool_calls":[{"index":0,"function":{"arguments":"{\"x"}}])"),
        delta(R"("tool_calls":[{"index":1,"id":"b","type":"function",
            "function":{"name":"g","arguments":""}}])"),
        delta(R"("tool_calls":[{"index":1,"function":{"arguments":"{}"}},
            {"index":0,"function":{"arguments":"\":1}"}}])"),
        delta("", "\"tool_calls\""),
    });
    Followed got = follow(Endpoint::kChat, stream);
    ASSERT_EQ(got.answer().choices.size(), 1u);
    const Choice& choice = got.answer().choices[0];
    EXPECT_TRUE(choice.content_null);
    ASSERT_EQ(choice.blocks.size(), 2u);
    EXPECT_EQ(choice.blocks[0].id, "a");
    EXPECT_EQ(choice.blocks[0].name, "f");
    EXPECT_EQ(choice.blocks[0].text, "{\"x\":1}");
    EXPECT_EQ(choice.blocks[1].id, "b");
    EXPECT_EQ(choice.blocks[1].text, "{}");
    EXPECT_TRUE(got.infos[0].content);
    EXPECT_TRUE(got.infos[1].content);
    expect_stream_survives(Endpoint::kChat, stream);
}

TEST(ChatStream, ToolCallsOutOfOrderAndSparse) {
    const std::string stream = stream_of({
        delta(R"("role":"assistant","tool_calls":[{"index":7,"id":"b"}])"),
        delta(R"("tool_calls":[{"index":2,"id":"a"}])"),
        delta(R"("content":"after")"),
        delta(R"("tool_calls":[{"index":9,"id":"c"}])", "\"tool_calls\""),
    });
    Followed got = follow(Endpoint::kChat, stream);
    const Choice& choice = got.answer().choices.at(0);
    ASSERT_EQ(choice.blocks.size(), 4u);
    EXPECT_EQ(choice.blocks[0].text, "after");
    EXPECT_EQ(choice.blocks[1].id, "a");
    EXPECT_EQ(choice.blocks[2].id, "b");
    EXPECT_EQ(choice.blocks[3].id, "c");
    expect_stream_survives(Endpoint::kChat, stream);
}

TEST(ChatStream, ToolCallsWithoutIndexFollowOneAnother) {
    const std::string stream = stream_of({
        delta(R"("role":"assistant","tool_calls":[{"id":"a","function":
            {"name":"f","arguments":"{"}}])"),
        delta(R"("tool_calls":[{"function":{"arguments":"}"}}])"),
        delta(R"("tool_calls":[{"id":"b","function":{"name":"g",
            "arguments":"[]"}}])", "\"tool_calls\""),
    });
    Followed got = follow(Endpoint::kChat, stream);
    const Choice& choice = got.answer().choices.at(0);
    ASSERT_EQ(choice.blocks.size(), 2u);
    EXPECT_EQ(choice.blocks[0].text, "{}");
    EXPECT_EQ(choice.blocks[1].text, "[]");
    expect_stream_survives(Endpoint::kChat, stream);
}

TEST(ChatStream, TwoCallsUnderOneIndexAreLossy) {
    Followed got = follow(Endpoint::kChat, stream_of({
        delta(R"("tool_calls":[{"index":0,"id":"a"}])"),
        delta(R"("tool_calls":[{"index":0,"id":"b"}])", "\"tool_calls\""),
    }));
    EXPECT_TRUE(got.reader->lossy());
    EXPECT_FALSE(got.answer().complete);
}

TEST(ChatStream, ReasoningRefusalAndLegacyCall) {
    for (const char* key : {"reasoning_content", "reasoning"}) {
        const std::string name = std::string("\"") + key + "\":";
        const std::string stream = stream_of({
            delta(R"("role":"assistant","content":null,)" + name + "\"\""),
            delta("\"content\":null," + name + "\"thin\""),
            delta(name + "\"king\""),
            delta("\"content\":\"an\"," + name + "null"),
            delta("\"content\":\"swer\""),
            delta("\"refusal\":\"no\""),
            delta(R"("function_call":{"name":"f","arguments":""})"),
            delta(R"("function_call":{"arguments":"{}"})",
                  "\"function_call\""),
        });
        Followed got = follow(Endpoint::kChat, stream);
        const Choice& choice = got.answer().choices.at(0);
        ASSERT_EQ(choice.blocks.size(), 4u);
        EXPECT_EQ(choice.blocks[0].kind, Block::Kind::kReasoning);
        EXPECT_EQ(choice.blocks[0].type, key);
        EXPECT_EQ(choice.blocks[0].text, "thinking");
        EXPECT_EQ(choice.blocks[1].text, "answer");
        EXPECT_EQ(choice.blocks[2].kind, Block::Kind::kRefusal);
        EXPECT_EQ(choice.blocks[2].text, "no");
        EXPECT_EQ(choice.blocks[3].type, "function_call");
        EXPECT_EQ(choice.blocks[3].name, "f");
        EXPECT_EQ(choice.blocks[3].text, "{}");
        EXPECT_FALSE(choice.content_null);
        EXPECT_EQ(got.count(&EventInfo::content), 7);
        expect_stream_survives(Endpoint::kChat, stream);
    }
}

TEST(ChatStream, ContentNullEmptyAndAbsentStayThree) {
    struct {
        const char* members;
        const char* message;
    } const cases[] = {
        {R"("role":"assistant","content":null)",
         R"({"role":"assistant","content":null})"},
        {R"("role":"assistant","content":"")",
         R"({"role":"assistant","content":""})"},
        {R"("role":"assistant")", R"({"role":"assistant"})"},
    };
    for (const auto& [members, message] : cases) {
        const std::string stream =
            stream_of({delta(members), delta("", "\"stop\"")});
        Followed got = follow(Endpoint::kChat, stream);
        EXPECT_NE(value_of(json_of(got.answer()))
                      .find("\"message\":" + value_of(message)),
                  std::string::npos)
            << json_of(got.answer());
        expect_stream_survives(Endpoint::kChat, stream);
    }
}

TEST(ChatStream, LogprobsAreJoined) {
    const std::string head = R"({"choices":[{"index":0,"delta":{)"
                             R"("role":"assistant","content":)";
    const std::string stream = stream_of({
        head + R"("a"},"logprobs":{"content":[{"token":"a","logprob":-1.50,
            "bytes":[97],"top_logprobs":[]}],"refusal":null}}]})",
        head + R"("b"},"logprobs":{"content":[{"token":"b","logprob":-0.0,
            "bytes":null,"top_logprobs":[]}],"refusal":[]}}]})",
        head + R"(""},"logprobs":null,"finish_reason":"stop"}]})",
    });
    Followed got = follow(Endpoint::kChat, stream);
    EXPECT_EQ(value_of(got.answer().choices.at(0).logprobs), value_of(
        R"({"content":[
            {"token":"a","logprob":-1.50,"bytes":[97],"top_logprobs":[]},
            {"token":"b","logprob":-0.0,"bytes":null,"top_logprobs":[]}],
            "refusal":[]})"));
    expect_stream_survives(Endpoint::kChat, stream);
}

TEST(ChatStream, ExtrasAreJoined) {
    const std::string stream = stream_of({
        R"({"provider":"P","x_groq":{"id":"r"},"citations":["u"],"choices":[
            {"index":0,"delta":{"role":"assistant","audio":{"id":"a1",
            "data":"AA","transcript":"x"},"annotations":[{"n":1}],
            "reasoning_details":[{"type":"reasoning.text","index":0,
            "format":"f","text":"one "}]},"native_finish_reason":null}]})",
        R"({"provider":"P","citations":["u"],"choices":[{"index":0,
            "delta":{"audio":{"data":"BB","expires_at":7,"transcript":"y"},
            "annotations":[{"n":2}],"reasoning_details":[
            {"type":"reasoning.text","index":0,"format":"f","text":"two"},
            {"type":"reasoning.encrypted","index":1,"data":"zz"}]},
            "native_finish_reason":"STOP","finish_reason":"stop"}]})",
        R"({"provider":"P","x_groq":{"usage":{"prompt_tokens":4,
            "completion_tokens":6,"total_tokens":10}},"choices":[]})",
    });
    Followed got = follow(Endpoint::kChat, stream);
    EXPECT_EQ(value_of(json_of(got.answer())), value_of(R"({
        "provider":"P","x_groq":{"id":"r","usage":{"prompt_tokens":4,
        "completion_tokens":6,"total_tokens":10}},"citations":["u"],
        "choices":[{"index":0,"message":{"role":"assistant",
        "audio":{"id":"a1","data":"AABB","transcript":"xy","expires_at":7},
        "annotations":[{"n":1},{"n":2}],"reasoning_details":[
        {"type":"reasoning.text","index":0,"format":"f","text":"one two"},
        {"type":"reasoning.encrypted","index":1,"data":"zz"}]},
        "native_finish_reason":"STOP","finish_reason":"stop"}]})"));
    EXPECT_EQ(got.answer().usage.input, 4);
    EXPECT_EQ(got.answer().usage.output, 6);
    EXPECT_TRUE(got.infos[2].usage);
    expect_stream_survives(Endpoint::kChat, stream);
}

TEST(ChatStream, ChoicesInterleaved) {
    const std::string stream = stream_of({
        R"({"choices":[{"index":1,"delta":{"role":"assistant",
            "content":"b"}},{"index":0,"delta":{"role":"assistant",
            "content":"a"}}]})",
        R"({"choices":[{"index":0,"delta":{"content":"A"}}]})",
        R"({"choices":[{"index":1,"delta":{"content":"B"}}]})",
        R"({"choices":[{"index":1,"delta":{},"finish_reason":"length"}]})",
        R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})",
    });
    Followed got = follow(Endpoint::kChat, stream);
    ASSERT_EQ(got.answer().choices.size(), 2u);
    EXPECT_EQ(text_of(got.answer(), 0), "aA");
    EXPECT_EQ(text_of(got.answer(), 1), "bB");
    EXPECT_EQ(got.answer().finish_reason(), "length");
    expect_stream_survives(Endpoint::kChat, stream);
}

TEST(ChatStream, AzureFilterChunkFirst) {
    const std::string stream = stream_of({
        R"({"id":"","object":"","created":0,"model":"","choices":[],
            "prompt_filter_results":[{"prompt_index":0}]})",
        delta(R"("role":"assistant","content":"x")", "\"stop\""),
    });
    Followed got = follow(Endpoint::kChat, stream);
    EXPECT_FALSE(got.infos[0].usage_only);
    EXPECT_EQ(got.answer().id, "c1");
    EXPECT_EQ(got.answer().created, 5);
    ASSERT_EQ(got.answer().extra.size(), 1u);
    EXPECT_EQ(got.answer().extra[0].key, "prompt_filter_results");
    expect_stream_survives(Endpoint::kChat, stream);
}

TEST(ChatStream, UsageWhereverItStands) {
    const std::string usage =
        R"("usage":{"prompt_tokens":9,"completion_tokens":4,)"
        R"("total_tokens":13})";
    const std::string text = delta(R"("role":"assistant","content":"x")");
    std::string last = delta("", "\"stop\"");
    last.pop_back();
    const std::string early =
        R"({"choices":[{"index":0,"delta":{}}],"usage":{"prompt_tokens":9,)"
        R"("completion_tokens":1,"total_tokens":10}})";
    struct {
        const char* name;
        std::string stream;
    } const cases[] = {
        {"with the last choice", stream_of({text, last + "," + usage + "}"})},
        {"alone", stream_of({text, last + "}", "{\"choices\":[]," + usage +
                                                  "}"})},
        {"on every chunk",
         stream_of({early, text, last + "," + usage + "}"})},
        {"twice", stream_of({text, last + "," + usage + "}",
                             "{\"choices\":[]," + usage + "}"})},
        {"before the finish",
         stream_of({text, "{\"choices\":[]," + usage + "}", last + "}"})},
        {"after the end", stream_of({text, last + "}"}) +
                              "data: {\"choices\":[]," + usage + "}\n\n"},
    };
    for (const auto& [name, stream] : cases) {
        SCOPED_TRACE(name);
        Followed got = follow(Endpoint::kChat, stream);
        EXPECT_EQ(got.answer().usage.input, 9);
        EXPECT_EQ(got.answer().usage.output, 4);
        EXPECT_TRUE(got.answer().complete);
        EXPECT_EQ(text_of(got.answer()), "x");
        EXPECT_GE(got.count(&EventInfo::usage), 1);
    }
}

TEST(ChatStream, DataAfterTheEndIsNotAnswer) {
    Followed got = follow(Endpoint::kChat,
                          kPlain + "data: " + delta(R"("content":"late")") +
                              "\n\ndata: [DONE]\n\n");
    EXPECT_EQ(text_of(got.answer()), "Hi 😀 [DONE]");
    EXPECT_TRUE(got.answer().complete);
    EXPECT_FALSE(got.infos[6].content);
}

TEST(ChatStream, BlanksBehindTheEndSayNothing) {
    for (const char* end : {"data: [DONE] \n\n", "data: [DONE]\t \n\n"}) {
        Followed got = follow(
            Endpoint::kChat,
            kPlain.substr(0, kPlain.find("data: [DONE]")) + end);
        EXPECT_TRUE(got.answer().complete) << end;
        EXPECT_EQ(got.count(&EventInfo::terminal), 1) << end;
        EXPECT_EQ(got.count(&EventInfo::malformed), 0) << end;
    }
}

TEST(ChatStream, NoTerminalEventNoCompleteAnswer) {
    Followed got = follow(Endpoint::kChat,
                          kPlain.substr(0, kPlain.find("data: [DONE]")));
    EXPECT_FALSE(got.answer().complete);
    EXPECT_EQ(got.count(&EventInfo::terminal), 0);
    EXPECT_EQ(got.answer().finish_reason(), "stop");
    EXPECT_EQ(got.answer().usage.output, 2);
}

TEST(ChatStream, MalformedDataIsToldAndNotComplete) {
    for (const char* data :
         {"this is no json", "{\"choices\":[", "[DONE]!", "[1]", "null",
          "{\"a\":\"\\ud80g\"}", "{\"a\":NaN}", "\xff"}) {
        Followed got = follow(
            Endpoint::kChat,
            stream_of({delta(R"("role":"assistant","content":"a")"), data,
                       delta(R"("content":"b")", "\"stop\"")}));
        EXPECT_EQ(got.count(&EventInfo::malformed), 1) << data;
        EXPECT_EQ(got.count(&EventInfo::terminal), 1) << data;
        EXPECT_TRUE(got.reader->lossy()) << data;
        EXPECT_FALSE(got.answer().complete) << data;
        EXPECT_EQ(text_of(got.answer()), "ab") << data;
    }
}

// A server that cuts by UTF-16 units writes an emoji in halves; the clients'
// JSON readers take each of them, and a member that stands twice.
TEST(ChatStream, WhatClientsReadIsReadButNotComplete) {
    for (const char* odd :
         {R"("content":"\ud83d")", R"("content":"\\ \uDE00\n")",
          R"("content":"x","x":1,"x":2)"}) {
        Followed got = follow(
            Endpoint::kChat,
            stream_of({delta(R"("role":"assistant","content":"a")"),
                       delta(odd), delta(R"("content":"b")", "\"stop\""),
                       R"({"choices":[],"usage":{"prompt_tokens":3,)"
                       R"("completion_tokens":2,"x":0,"x":1}})"}));
        EXPECT_EQ(got.count(&EventInfo::malformed), 0) << odd;
        EXPECT_EQ(got.count(&EventInfo::content), 3) << odd;
        EXPECT_EQ(got.count(&EventInfo::usage_only), 1) << odd;
        EXPECT_EQ(got.answer().usage.output, 2) << odd;
        EXPECT_TRUE(got.reader->lossy()) << odd;
        EXPECT_FALSE(got.answer().complete) << odd;
    }
}

TEST(ChatStream, EventsWithoutDataMeanNothing) {
    const std::string noise =
        ": PROCESSING\n\ndata: \n\nevent: ping\ndata: {}\n\n\n";
    Followed got = follow(Endpoint::kChat, noise + kPlain);
    EXPECT_TRUE(got.answer().complete);
    EXPECT_EQ(dump(got.answer()),
              dump(follow(Endpoint::kChat, kPlain).answer()));
}

TEST(ChatStream, ErrorEvents) {
    const std::string text = delta(R"("role":"assistant","content":"a")");
    for (const std::string& event : {
             std::string(R"(data: {"error":{"message":"boom","code":502}})"),
             std::string("event: error\n"
                         R"(data: {"error":{"message":"boom","code":502}})"),
             std::string("event: error\n"
                         R"(data: {"message":"boom","code":502})"),
             std::string(R"(data: {"object":"error","message":"boom",)"
                         R"("code":502})"),
             std::string(R"(data: {"error":{"message":"boom","code":502},)"
                         R"("choices":[{"index":0,"delta":{"content":""},)"
                         R"("finish_reason":"error"}]})"),
         }) {
        Followed got = follow(Endpoint::kChat,
                              stream_of({text}, false) + event + "\n\n" +
                                  "data: [DONE]\n\n");
        ASSERT_EQ(got.infos.size(), 3u);
        EXPECT_TRUE(got.infos[1].error) << event;
        ASSERT_TRUE(got.answer().error.has_value()) << event;
        EXPECT_EQ(got.answer().error->message, "boom") << event;
        EXPECT_EQ(got.answer().error->status, 502) << event;
        EXPECT_FALSE(got.answer().complete) << event;
    }
    Followed got = follow(Endpoint::kChat,
                          stream_of({R"({"error":null,"choices":[]})"}));
    EXPECT_EQ(got.count(&EventInfo::error), 0);
}

TEST(ChatStream, OddShapesNeverCrashAndAreLossy) {
    for (const char* chunk : {
             R"({"choices":7})",
             R"({"choices":[null]})",
             R"({"choices":[{"index":-1,"delta":{"content":"x"}}]})",
             R"({"choices":[{"index":1152921504606846976,"delta":{}}]})",
             R"({"choices":[{"index":1e9,"delta":{}}]})",
             R"({"choices":[{"index":0,"delta":"x"}]})",
             R"({"choices":[{"index":0,"delta":{"tool_calls":[null]}}]})",
             R"({"choices":[{"index":0,"delta":{"tool_calls":"x"}}]})",
             R"({"choices":[{"index":0,"delta":{"tool_calls":[
                 {"index":1152921504606846976,"id":"a"}]}}]})",
             R"({"choices":[{"index":0,"delta":{"tool_calls":[
                 {"index":-1,"id":"a"}]}}]})",
             R"({"choices":[{"index":0,"message":{"content":"x"}}]})",
         }) {
        Followed got = follow(Endpoint::kChat, stream_of({chunk}));
        EXPECT_TRUE(got.reader->lossy()) << chunk;
        EXPECT_FALSE(got.answer().complete) << chunk;
    }
    for (const char* chunk : {
             R"({})",
             R"({"choices":null})",
             R"({"choices":[{}]})",
             R"({"choices":[{"index":0,"delta":null}]})",
             R"({"choices":[{"index":0,"message":null}]})",
             R"({"choices":[{"delta":{"content":"no index"}}]})",
         }) {
        Followed got = follow(Endpoint::kChat, stream_of({chunk}));
        EXPECT_TRUE(got.answer().complete) << chunk;
    }
}

TEST(ChatStream, OverflowStopsKeepingButNotFollowing) {
    std::vector<std::string> deltas;
    for (int i = 0; i < 100; ++i) {
        deltas.push_back(delta(R"("content":")" + std::string(100, 'x') +
                               "\""));
    }
    deltas.push_back(delta("", "\"stop\""));
    deltas.push_back(R"({"choices":[],"usage":{"prompt_tokens":1,)"
                     R"("completion_tokens":2}})");
    Followed got = follow(Endpoint::kChat, stream_of(deltas),
                          std::string::npos, 4000);
    EXPECT_TRUE(got.reader->overflow());
    EXPECT_FALSE(got.answer().complete);
    EXPECT_EQ(got.answer().usage.output, 2);
    EXPECT_EQ(got.answer().finish_reason(), "stop");
    EXPECT_EQ(got.reader->content_bytes(), 10000u);
    EXPECT_EQ(got.count(&EventInfo::content), 100);
    EXPECT_TRUE(got.answer().choices.at(0).blocks.empty());
}

TEST(ChatStream, EverythingThatGrowsIsBounded) {
    const std::string filler(100, 'x');
    auto number = [](int i) { return std::to_string(i); };
    for (int kind = 0; kind < 5; ++kind) {
        std::vector<std::string> deltas;
        for (int i = 0; i < 500; ++i) {
            const std::string chunks[] = {
                delta("\"k" + number(i) + "\":\"" + filler + "\""),
                delta("\"unknown\":[\"" + filler + "\"]"),
                "{\"t" + number(i) + "\":\"" + filler + "\"}",
                delta("\"tool_calls\":[{\"index\":" + number(i) +
                      ",\"id\":\"" + filler + number(i) + "\"}]"),
                delta("\"tool_calls\":[{\"index\":0,\"k" + number(i) +
                      "\":\"" + filler + "\"}]"),
            };
            deltas.push_back(chunks[kind]);
        }
        Followed got = follow(Endpoint::kChat, stream_of(deltas),
                              std::string::npos, 20000);
        EXPECT_TRUE(got.reader->overflow()) << kind;
        EXPECT_FALSE(got.answer().complete) << kind;
    }
}

// Repeated members are not held again and again.
TEST(ChatStream, RepeatedMembersDoNotOverflow) {
    std::vector<std::string> chunks;
    for (int i = 0; i < 2000; ++i) {
        chunks.push_back(
            R"({"id":"c","provider":"P","service_tier":"t","x":{"y":[1,2]},)"
            R"("choices":[{"index":0,"delta":{"role":"assistant",)"
            R"("content":"x"},"native_finish_reason":null,"n":[]}]})");
    }
    Followed got = follow(Endpoint::kChat, stream_of(chunks),
                          std::string::npos, 8000);
    EXPECT_FALSE(got.reader->overflow());
    EXPECT_TRUE(got.answer().complete);
}

// Some servers say each piece a second time beside its delta.
TEST(ChatStream, TextBesideDeltasIsJoined) {
    Followed got = follow(Endpoint::kChat, stream_of({
        R"({"choices":[{"index":0,"text":"a","delta":{"content":"a"}}]})",
        R"({"choices":[{"index":0,"text":"b","delta":{"content":"b"}}]})",
        R"({"choices":[{"index":0,"text":"","delta":{},
            "finish_reason":"stop"}]})",
    }));
    EXPECT_EQ(value_of(json_of(got.answer())), value_of(
        R"({"choices":[{"index":0,"message":{"content":"ab"},
            "finish_reason":"stop","text":"ab"}]})"));
}

// Pieces of base64 that end in padding each are not one text together.
TEST(ChatStream, SoundIsJoinedOnlyWhereItCanBe) {
    auto complete = [](std::initializer_list<const char*> pieces) {
        std::vector<std::string> chunks;
        for (const char* piece : pieces) {
            chunks.push_back(delta(R"("audio":{"id":"a","data":")" +
                                   std::string(piece) + "\"}"));
        }
        chunks.push_back(delta(R"("audio":{"expires_at":1})", R"("stop")"));
        return follow(Endpoint::kChat, stream_of(chunks)).answer().complete;
    };
    EXPECT_TRUE(complete({"QUJD", "REVG"}));
    EXPECT_TRUE(complete({"QUJD", "RA==", ""}));
    EXPECT_FALSE(complete({"QQ==", "Qg=="}));
    EXPECT_FALSE(complete({"QUI=", "", "QUJD"}));
}

TEST(ChatStream, LinearInTheNumberOfEvents) {
    const auto begin = std::chrono::steady_clock::now();
    const std::string chunk =
        R"({"choices":[{"index":0,"delta":{"content":"x","reasoning_details":)"
        R"([{"index":0,"type":"t","text":"abc"}]},"logprobs":{"content":)"
        R"([{"token":"x","logprob":-1}]}}]})";
    std::string stream;
    for (int i = 0; i < 50000; ++i) {
        stream += "data: " + chunk + "\n\n";
    }
    Followed got = follow(Endpoint::kChat, stream + "data: [DONE]\n\n");
    EXPECT_TRUE(got.answer().complete);
    EXPECT_EQ(text_of(got.answer()).size(), 50000u);
    const std::chrono::duration<double> took =
        std::chrono::steady_clock::now() - begin;
    EXPECT_LT(took.count(), 4.0);
}

}  // namespace
}  // namespace llm::api
