// OpenAI completions: bodies and streams.
#include <gtest/gtest.h>

#include "tests/api/chunks.hpp"

namespace llm::api {
namespace {

using namespace chunks;

const std::string kBody = R"({
  "id": "cmpl-1", "object": "text_completion", "created": 1700000001,
  "model": "m", "system_fingerprint": "fp",
  "choices": [
    {"text": "one\n", "index": 0, "finish_reason": "stop",
     "logprobs": {"tokens": ["one", "\n"], "token_logprobs": [-0.10, null],
                  "top_logprobs": [{"one": -0.10}, null],
                  "text_offset": [0, 3]}},
    {"text": "", "index": 1, "logprobs": null, "finish_reason": "length",
     "stop_reason": null, "prompt_logprobs": [null]}],
  "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
})";

const std::string kStream = stream_of({
    R"({"id":"cmpl-1","object":"text_completion","created":5,"choices":[
        {"text":"4","index":0,"logprobs":{"tokens":["4"],
        "token_logprobs":[-1.0],"top_logprobs":null,"text_offset":[0]},
        "finish_reason":null}],"model":"m","usage":null})",
    R"({"id":"cmpl-1","object":"text_completion","created":5,"choices":[
        {"text":"2","index":0,"logprobs":{"tokens":["2"],
        "token_logprobs":[-2.0],"top_logprobs":null,"text_offset":[1]},
        "finish_reason":null}],"model":"m","usage":null})",
    R"({"id":"cmpl-1","object":"text_completion","created":5,"choices":[
        {"text":"","index":0,"logprobs":null,"finish_reason":"stop"}],
        "model":"m","usage":null})",
    R"({"id":"cmpl-1","object":"text_completion","created":5,"choices":[],
        "model":"m","usage":{"prompt_tokens":3,"completion_tokens":2,
        "total_tokens":5}})",
});

TEST(Completions, BodySurvivesBothForms) {
    auto answer = read_json(Endpoint::kCompletions, kBody);
    ASSERT_TRUE(answer.ok());
    ASSERT_EQ(answer->choices.size(), 2u);
    EXPECT_EQ(answer->choices[0].blocks.at(0).text, "one\n");
    EXPECT_EQ(answer->choices[1].blocks.at(0).text, "");
    EXPECT_EQ(answer->finish_reason(), "length");
    EXPECT_EQ(answer->usage.input, 5);
    expect_body_survives(Endpoint::kCompletions, kBody);
}

TEST(Completions, Stream) {
    Followed got = follow(Endpoint::kCompletions, kStream);
    EXPECT_EQ(value_of(json_of(got.answer())), value_of(
        R"({"id":"cmpl-1","object":"text_completion","created":5,"model":"m",
            "choices":[{"text":"42","index":0,"finish_reason":"stop",
            "logprobs":{"tokens":["4","2"],"token_logprobs":[-1.0,-2.0],
            "top_logprobs":null,"text_offset":[0,1]}}],
            "usage":{"prompt_tokens":3,"completion_tokens":2,
            "total_tokens":5}})"));
    EXPECT_EQ(got.count(&EventInfo::content), 2);
    EXPECT_EQ(got.count(&EventInfo::usage_only), 1);
    EXPECT_EQ(got.count(&EventInfo::terminal), 1);
    expect_stream_survives(Endpoint::kCompletions, kStream);
}

// A token may be called "index", and its probability be 1: what is said of two
// tokens is never one element.
TEST(Completions, TokensCalledIndexStayApart) {
    const std::string stream = stream_of({
        R"({"choices":[{"text":"a","index":0,"logprobs":{"tokens":["index"],
            "token_logprobs":[0],"top_logprobs":[{"index":0,"the":-9}]}}]})",
        R"({"choices":[{"text":"b","index":0,"logprobs":{"tokens":["index"],
            "token_logprobs":[0],"top_logprobs":[{"index":0,"a":-8}]},
            "finish_reason":"stop"}]})",
    });
    Followed got = follow(Endpoint::kCompletions, stream);
    const char* const wanted =
        R"({"choices":[{"text":"ab","index":0,"logprobs":{
            "tokens":["index","index"],"token_logprobs":[0,0],
            "top_logprobs":[{"index":0,"the":-9},{"index":0,"a":-8}]},
            "finish_reason":"stop"}]})";
    EXPECT_EQ(value_of(json_of(got.answer())), value_of(wanted));
    expect_stream_survives(Endpoint::kCompletions, stream);
    expect_body_survives(Endpoint::kCompletions, wanted);
}

TEST(Completions, ReplayHasNoRoleAndEndsWithItsReason) {
    auto answer = read_json(Endpoint::kCompletions, kBody);
    ASSERT_TRUE(answer.ok());
    const auto events = replay::events_of(sse_of(*answer, false));
    ASSERT_EQ(events.size(), 4u);
    for (const auto& event : events) {
        EXPECT_EQ(event.type, "");
        EXPECT_EQ(event.data.find("role"), std::string::npos);
        EXPECT_EQ(event.data.find("usage"), std::string::npos);
    }
    EXPECT_NE(events[1].data.find("\"finish_reason\":\"stop\""),
              std::string::npos);
    EXPECT_EQ(events[3].data, "[DONE]");
}

TEST(Completions, OddShapes) {
    for (const char* choice : {
             R"({"index":0,"text":null,"finish_reason":"stop"})",
             R"({"index":0,"text":7,"finish_reason":null})",
             R"({"index":0,"text":"x","token_ids":[1,2],
                 "finish_reason":"stop"})",
         }) {
        SCOPED_TRACE(choice);
        expect_body_survives(
            Endpoint::kCompletions,
            R"({"object":"text_completion","choices":[)" +
                std::string(choice) + "]}");
    }
    EXPECT_FALSE(read_json(Endpoint::kCompletions, "{}").ok());
    auto error = read_json(Endpoint::kCompletions, R"({"error":{}})");
    ASSERT_TRUE(error.ok());
    EXPECT_TRUE(error->error.has_value());
}

// /v1/fim/completions answers with chat's messages.
const std::string kMiddle = stream_of({
    delta(R"("role":"assistant","content":"")"),
    delta(R"("content":"def ")"),
    delta(R"("content":"f():")"),
    delta(R"("content":" pass")", R"("stop")"),
});

TEST(Completions, MessagesAreReadAndWrittenAsChats) {
    Followed got = follow(Endpoint::kCompletions, kMiddle);
    EXPECT_EQ(got.count(&EventInfo::content), 3);
    const std::string body =
        R"({"id":"c1","object":"chat.completion","created":5,"model":"m",
            "choices":[{"index":0,"message":{"role":"assistant",
            "content":"def f(): pass"},"finish_reason":"stop"}]})";
    EXPECT_EQ(value_of(json_of(got.answer())), value_of(body));
    expect_stream_survives(Endpoint::kCompletions, kMiddle);
    expect_body_survives(Endpoint::kCompletions, body);
    auto answer = read_json(Endpoint::kCompletions, body);
    ASSERT_TRUE(answer.ok());
    auto as_chat = read_json(Endpoint::kChat, body);
    EXPECT_EQ(sse_of(*answer), sse_of(*as_chat));
}

// Some servers say the same in a text and in a delta.
TEST(Completions, TextComesBeforeADelta) {
    const std::string stream = stream_of({
        R"({"choices":[{"index":0,"delta":{"content":"a"},"text":"a"}]})",
        R"({"choices":[{"index":0,"text":"b","delta":{"content":"b"},
            "finish_reason":"stop"}]})",
    });
    Followed got = follow(Endpoint::kCompletions, stream);
    EXPECT_TRUE(got.answer().complete);
    EXPECT_FALSE(got.answer().has_messages());
    ASSERT_EQ(got.answer().choices.at(0).blocks.size(), 1u);
    EXPECT_EQ(got.answer().choices[0].blocks[0].text, "ab");
    EXPECT_EQ(got.count(&EventInfo::content), 2);
    // Who reads the deltas gets all of it, too.
    EXPECT_NE(sse_of(got.answer()).find(R"("delta":{"content":"ab"})"),
              std::string::npos);
}

TEST(Completions, MalformedEventIsLossy) {
    Followed got = follow(
        Endpoint::kCompletions,
        stream_of({R"({"choices":[{"index":0,"text":"a"}]})", "oops"}));
    EXPECT_EQ(got.count(&EventInfo::malformed), 1);
    EXPECT_FALSE(got.answer().complete);
}

}  // namespace
}  // namespace llm::api
