// Streams that are ended at any of their content events: what follows makes
// them whole again for whoever reads them.
#include "src/api/stream_cut.hpp"

#include <gtest/gtest.h>

#include "tests/api/replay.hpp"

namespace llm::api {
namespace {

using replay::follow;
using replay::Followed;

std::string event(const std::string& type, const std::string& data) {
    std::string out = type.empty() ? "" : "event: " + type + "\n";
    return out + "data: " + data + "\n\n";
}

std::string typed(const std::string& type, const std::string& members) {
    return event(type, "{\"type\":\"" + type + "\"" + members + "}");
}

// The stream up to its event number `at`, and that one replaced by the end;
// "" where that is no content.
std::string cut_at(Endpoint endpoint, Bytes stream, size_t at) {
    auto reader = make_stream_reader(endpoint, 1 << 20);
    sse::Parser parser(1 << 20);
    sse::Event event;
    std::string out;
    for (size_t count = 0; parser.next(stream, event); count++) {
        EventInfo info = reader->on_event(event);
        if (count < at) {
            out += event.raw;
            continue;
        }
        if (!info.content || info.terminal) {
            return "";
        }
        Usage usage;
        usage.input = 5;
        usage.output = 7;
        write_cut(*reader, event.data, usage, true, out);
        return out;
    }
    return "";
}

// Cuts at every event; `check` gets what a client reads.
template <typename F>
int cut_everywhere(Endpoint endpoint, const std::string& stream, F&& check) {
    int cuts = 0;
    for (size_t at = 0; at < 40; at++) {
        std::string text = cut_at(endpoint, stream, at);
        if (text.empty()) {
            continue;
        }
        cuts++;
        SCOPED_TRACE(text);
        Followed followed = follow(endpoint, text);
        EXPECT_TRUE(followed.infos.back().terminal);
        EXPECT_TRUE(followed.answer().complete);
        EXPECT_FALSE(followed.answer().finished_well());
        EXPECT_EQ(followed.answer().usage.output, 7);
        check(followed.answer(), text);
    }
    return cuts;
}

std::string chunk(const std::string& choices) {
    return event("", R"({"id":"c1","object":"chat.completion.chunk",)"
                     R"("created":5,"model":"m","choices":[)"
                         + choices + "]}");
}

TEST(StreamCut, Chat) {
    std::string stream =
        chunk(R"({"index":0,"delta":{"role":"assistant","content":"a"},)"
              R"("finish_reason":null})")
        + chunk(R"({"index":1,"delta":{"content":"b"},"finish_reason":null})")
        + chunk(R"({"index":0,"delta":{},"finish_reason":"stop"})")
        + chunk(R"({"index":1,"delta":{"content":"c"},"finish_reason":null})")
        + chunk(R"({"index":1,"delta":{},"finish_reason":"stop"})")
        + "data: [DONE]\n\n";
    int cuts = cut_everywhere(
        Endpoint::kChat, stream, [](const Answer& answer, Bytes text) {
            EXPECT_TRUE(text.ends_with("data: [DONE]\n\n"));
            EXPECT_EQ(answer.id, "c1");
            EXPECT_EQ(answer.choices.back().finish_reason, "length");
            for (const Choice& choice : answer.choices) {
                EXPECT_FALSE(choice.finish_reason.empty());
            }
        });
    EXPECT_EQ(cuts, 3);
}

TEST(StreamCut, AnEndedChoiceKeepsItsReason) {
    std::string stream =
        chunk(R"({"index":0,"delta":{"content":"a"},"finish_reason":"stop"})")
        + chunk(R"({"index":1,"delta":{"content":"b"},"finish_reason":null})");
    std::string text = cut_at(Endpoint::kChat, stream, 1);
    Followed followed = follow(Endpoint::kChat, text);
    ASSERT_EQ(followed.answer().choices.size(), 2u);
    EXPECT_EQ(followed.answer().choices[0].finish_reason, "stop");
    EXPECT_EQ(followed.answer().choices[1].finish_reason, "length");
}

TEST(StreamCut, UsageOnlyForWhoAskedForIt) {
    auto reader = make_stream_reader(Endpoint::kChat, 1 << 20);
    std::string stream =
        chunk(R"({"index":0,"delta":{"content":"a"},"finish_reason":null})");
    Bytes rest = stream;
    sse::Parser parser(1 << 20);
    sse::Event first;
    ASSERT_TRUE(parser.next(rest, first));
    (void) reader->on_event(first);
    std::string out;
    write_cut(*reader, first.data, {}, false, out);
    EXPECT_EQ(out.find("usage"), std::string::npos);
    EXPECT_TRUE(out.ends_with("data: [DONE]\n\n"));
}

TEST(StreamCut, Completions) {
    std::string stream;
    for (const char* text : {"a", "b", "c"}) {
        stream += event("", std::string(R"({"id":"t1","object":)"
                                        R"("text_completion","created":5,)"
                                        R"("model":"m","choices":[{"index":0,)"
                                        R"("text":")")
                                + text
                                + R"(","logprobs":null,)"
                                  R"("finish_reason":null}]})");
    }
    int cuts = cut_everywhere(
        Endpoint::kCompletions, stream, [](const Answer& answer, Bytes) {
            EXPECT_EQ(answer.choices.back().finish_reason, "length");
        });
    EXPECT_EQ(cuts, 3);
}

std::string block_start(int index, const std::string& block) {
    return typed("content_block_start", ",\"index\":" + std::to_string(index)
                                            + ",\"content_block\":" + block);
}

std::string block_delta(int index, const std::string& delta) {
    return typed("content_block_delta", ",\"index\":" + std::to_string(index)
                                            + ",\"delta\":" + delta);
}

std::string block_stop(int index) {
    return typed("content_block_stop",
                 ",\"index\":" + std::to_string(index));
}

size_t count_of(Bytes text, Bytes what) {
    size_t count = 0;
    for (size_t at = text.find(what); at != Bytes::npos;
         at = text.find(what, at + 1)) {
        count++;
    }
    return count;
}

TEST(StreamCut, Messages) {
    std::string stream =
        typed("message_start",
              R"(,"message":{"id":"m1","type":"message","role":"assistant",)"
              R"("model":"m","content":[],"stop_reason":null,)"
              R"("stop_sequence":null,"usage":{"input_tokens":5,)"
              R"("output_tokens":1}})")
        + block_start(0, R"({"type":"text","text":""})")
        + block_delta(0, R"({"type":"text_delta","text":"a"})")
        + block_delta(0, R"({"type":"text_delta","text":"b"})")
        + block_stop(0)
        + block_start(1, R"({"type":"tool_use","id":"t","name":"weather",)"
                         R"("input":{}})")
        + block_delta(1, R"({"type":"input_json_delta","partial_json":"{"})")
        + block_stop(1)
        + block_start(2, R"({"type":"text","text":"at once"})");
    int cuts = cut_everywhere(
        Endpoint::kMessages, stream, [](const Answer& answer, Bytes text) {
            EXPECT_EQ(count_of(text, "event: content_block_start"),
                      count_of(text, "event: content_block_stop"));
            EXPECT_EQ(answer.id, "m1");
            EXPECT_NE(text.find(R"("stop_reason":"max_tokens")"),
                      Bytes::npos);
        });
    EXPECT_GE(cuts, 3);
}

TEST(StreamCut, Responses) {
    std::string response = R"({"id":"r1","object":"response","created_at":5,)"
                           R"("status":"in_progress","model":"m",)"
                           R"("output":[]})";
    std::string item = R"({"id":"i","type":"message","status":"in_progress",)"
                       R"("role":"assistant","content":[]})";
    auto delta = [](int number, const char* text) {
        return typed("response.output_text.delta",
                     ",\"sequence_number\":" + std::to_string(number)
                         + R"(,"item_id":"i","output_index":0,)"
                           R"("content_index":0,"delta":")"
                         + text + "\"");
    };
    std::string stream =
        typed("response.created",
              R"(,"sequence_number":0,"response":)" + response)
        + typed("response.output_item.added",
                R"(,"sequence_number":1,"output_index":0,"item":)" + item)
        + typed("response.content_part.added",
                R"(,"sequence_number":2,"item_id":"i","output_index":0,)"
                R"("content_index":0,"part":{"type":"output_text","text":"",)"
                R"("annotations":[]})")
        + delta(3, "a") + delta(4, "b");
    int cuts = 0;
    for (size_t at = 0; at < 5; at++) {
        std::string text = cut_at(Endpoint::kResponses, stream, at);
        if (text.empty()) {
            continue;
        }
        cuts++;
        Followed followed = follow(Endpoint::kResponses, text);
        EXPECT_TRUE(followed.infos.back().terminal);
        EXPECT_EQ(followed.answer().usage.output, 7);
        std::string number = "\"sequence_number\":" + std::to_string(at);
        size_t last = text.rfind("event: response.incomplete\n");
        ASSERT_NE(last, std::string::npos);
        EXPECT_NE(text.find(number, last), std::string::npos);
    }
    EXPECT_EQ(cuts, 2);
}

TEST(StreamCut, WithoutAnEventOfItsOwn) {
    for (Endpoint endpoint : {Endpoint::kChat, Endpoint::kMessages,
                              Endpoint::kResponses}) {
        auto reader = make_stream_reader(endpoint, 1 << 20);
        std::string out;
        write_cut(*reader, "", {}, true, out);
        EXPECT_TRUE(follow(endpoint, out).infos.back().terminal);
        out.clear();
        write_cut(*reader, "{", {}, true, out);
        EXPECT_TRUE(follow(endpoint, out).infos.back().terminal);
    }
}

}  // namespace
}  // namespace llm::api
