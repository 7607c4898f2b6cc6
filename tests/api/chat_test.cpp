// OpenAI chat completions: bodies, and bodies through streams.
#include <gtest/gtest.h>

#include "tests/api/chunks.hpp"

namespace llm::api {
namespace {

using namespace chunks;

const std::string kFull = R"({
  "id": "chatcmpl-1", "object": "chat.completion", "created": 1700000001,
  "model": "gpt-x-2026", "service_tier": "default",
  "system_fingerprint": "fp_1",
  "choices": [{
    "index": 0,
    "message": {
      "role": "assistant",
      "reasoning_content": "hm, \u00fcber\n",
      "content": "Gr\u00fc\u00dfe \ud83d\ude00 \"x\" \\ \u0000 / \/",
      "refusal": null,
      "annotations": [{"type": "url_citation",
                       "url_citation": {"start_index": 1, "url": "http://a"}}],
      "audio": {"id": "audio_1", "data": "AAAA", "expires_at": 17,
                "transcript": "t"},
      "tool_calls": [
        {"id": "call_1", "type": "function",
         "function": {"name": "f", "arguments": "{\"a\": 1.0}"}},
        {"id": "call_2", "type": "function",
         "function": {"name": "g", "arguments": "", "strict": true},
         "extra_content": {"google": {"thought_signature": "c2ln"}}},
        {"id": "call_3", "type": "custom",
         "custom": {"name": "h", "input": "free text"}}
      ]
    },
    "logprobs": {"content": [
      {"token": "a", "logprob": -0.10, "bytes": [97], "top_logprobs": []},
      {"token": "b", "logprob": -1e-07, "bytes": null, "top_logprobs": []}],
      "refusal": null},
    "finish_reason": "tool_calls",
    "content_filter_results": {"hate": {"filtered": false}},
    "stop_reason": 128009
  }],
  "usage": {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30,
            "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 1},
            "completion_tokens_details": {"reasoning_tokens": 4,
              "audio_tokens": 2, "accepted_prediction_tokens": 0,
              "rejected_prediction_tokens": 0},
            "cost": 0.00012300, "queue_time": 1e-3},
  "x_groq": {"id": "req_1"}, "provider": "P",
  "huge": 123456789012345678901234567890, "nested": [1.50, {"k": [ ]}, null]
})";

TEST(ChatBody, Fields) {
    auto answer = read_json(Endpoint::kChat, kFull);
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    EXPECT_TRUE(answer->complete);
    EXPECT_EQ(answer->id, "chatcmpl-1");
    EXPECT_EQ(answer->object, "chat.completion");
    EXPECT_EQ(answer->created, 1700000001);
    EXPECT_EQ(answer->model, "gpt-x-2026");
    EXPECT_EQ(answer->fingerprint, "fp_1");
    EXPECT_EQ(answer->finish_reason(), "tool_calls");
    EXPECT_TRUE(answer->finished_well());
    ASSERT_EQ(answer->choices.size(), 1u);
    const Choice& choice = answer->choices[0];
    EXPECT_EQ(choice.role, "assistant");
    ASSERT_EQ(choice.blocks.size(), 5u);
    EXPECT_EQ(choice.blocks[0].kind, Block::Kind::kReasoning);
    EXPECT_EQ(choice.blocks[0].type, "reasoning_content");
    EXPECT_EQ(choice.blocks[0].text, "hm, über\n");
    EXPECT_EQ(choice.blocks[1].kind, Block::Kind::kText);
    EXPECT_EQ(choice.blocks[1].text,
              std::string("Grüße 😀 \"x\" \\ \0 / /", 24));
    EXPECT_EQ(choice.blocks[2].name, "f");
    EXPECT_EQ(choice.blocks[2].text, "{\"a\": 1.0}");
    EXPECT_EQ(choice.blocks[3].index, 1);
    EXPECT_EQ(choice.blocks[4].type, "custom");
    EXPECT_EQ(answer->usage.input, 20);
    EXPECT_EQ(answer->usage.output, 10);
    EXPECT_EQ(answer->usage.cached_input, 8);
    EXPECT_EQ(answer->usage.reasoning, 4);
    EXPECT_EQ(answer->usage.audio_input, 1);
    EXPECT_EQ(answer->usage.audio_output, 2);
    EXPECT_FALSE(answer->usage.absurd);
}

TEST(ChatBody, SurvivesBothForms) {
    expect_body_survives(Endpoint::kChat, kFull);
}

// Fragments are joined in a stream alone: of a body each element is whole.
TEST(ChatBody, ElementsOfOneIndexStayApart) {
    const std::string details =
        R"([{"type":"t","index":0,"text":"a"},{"type":"t","index":0,"text":)"
        R"("b"}])";
    const std::string body =
        R"({"choices":[{"index":0,"message":{"role":"assistant",)"
        R"("content":"x","reasoning_details":)" + details +
        R"(},"finish_reason":"stop"}]})";
    auto answer = read_json(Endpoint::kChat, body);
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(value_of(json_of(*answer)), value_of(body));
    EXPECT_NE(sse_of(*answer).find(details), std::string::npos)
        << sse_of(*answer);
}

TEST(ChatBody, NumbersKeepTheirText) {
    auto answer = read_json(Endpoint::kChat, kFull);
    ASSERT_TRUE(answer.ok());
    const std::string body = json_of(*answer);
    for (const char* text : {"0.00012300", "1e-3", "-0.10", "-1e-07",
                             "123456789012345678901234567890", "1.50"}) {
        EXPECT_NE(body.find(text), std::string::npos) << text;
    }
}

// What stands around a message, from "choices":[ to the end.
std::string body_with(const std::string& choice) {
    return R"({"id":"c","object":"chat.completion","created":1,"model":"m",)"
           R"("choices":[)" + choice + "]}";
}

TEST(ChatBody, OddShapesSurvive) {
    const char* const choices[] = {
        R"({"index":0,"message":{"role":"assistant","content":null,
            "refusal":"no"},"finish_reason":"stop"})",
        R"({"index":0,"message":{"role":"assistant","content":""},
            "finish_reason":"stop"})",
        R"({"index":0,"message":{"role":"assistant"},"finish_reason":"stop"})",
        R"({"index":0,"message":{"role":"assistant","content":null,
            "tool_calls":[],"function_call":null,"reasoning":null,
            "reasoning_content":""},"logprobs":null,"finish_reason":null})",
        R"({"index":0,"message":{"role":"assistant","content":[
            {"type":"thinking","thinking":[{"type":"text","text":"a"}]},
            {"type":"text","text":"b"}]},"finish_reason":"stop"})",
        R"({"index":0,"message":{"role":"assistant","content":"x",
            "reasoning":"r","reasoning_details":[{"type":"reasoning.text",
            "text":"r","index":0,"format":"f"}]},"finish_reason":"stop",
            "native_finish_reason":"STOP"})",
        R"({"index":0,"message":{"role":"assistant","content":null,
            "function_call":{"name":"f","arguments":"{}"}},
            "finish_reason":"function_call"})",
        R"({"index":0,"message":{"role":"assistant","content":null,
            "tool_calls":[{"id":"a","type":"function","function":null}]},
            "finish_reason":"tool_calls"})",
        R"({"index":0,"message":{"role":"assistant","content":null,
            "tool_calls":[{"id":"a","type":"function","function":
            {"name":"f","arguments":{"x":1.0}}}]},
            "finish_reason":"tool_calls"})",
        R"({"index":0,"message":{"role":"assistant","content":null,
            "tool_calls":[{"id":"","type":null,"function":
            {"name":"f","arguments":"{}"}}]},
            "finish_reason":"tool_calls"})",
        R"({"index":0,"message":{"role":"assistant","content":"a"},
            "finish_reason":"stop"},
           {"index":1,"message":{"role":"assistant","content":"b"},
            "finish_reason":"length"},
           {"index":5,"message":{"role":"assistant","content":"c"},
            "finish_reason":"stop"})",
    };
    for (const char* choice : choices) {
        SCOPED_TRACE(choice);
        expect_body_survives(Endpoint::kChat, body_with(choice));
    }
}

TEST(ChatBody, OddTopLevelSurvives) {
    for (const char* body : {
             R"({"choices":[]})",
             R"({"id":"","object":null,"created":0,"model":7,
                 "system_fingerprint":null,"choices":[],"error":null})",
             R"({"id":"c","created":1.5,"choices":[],
                 "prompt_filter_results":[{"prompt_index":0}]})",
             R"({"id":"c","created":-4,"choices":[],"usage":{}})",
         }) {
        SCOPED_TRACE(body);
        expect_body_survives(Endpoint::kChat, body);
    }
}

TEST(ChatBody, IndexOfAToolCallIsKeptInABody) {
    const std::string calls[] = {
        R"([{"index":0,"id":"a"},{"index":1,"id":"b"}])",
        R"([{"index":0,"id":"a"},{"index":0,"id":"b"}])",
        R"([{"index":3,"id":"a"},{"index":7,"id":"b"},{"id":"c"}])",
        R"([{"index":-1,"id":"a"},{"index":"x","id":"b"},{"index":1e3}])",
        R"([{"index":9223372036854775808,"id":"a"}])",
    };
    for (const std::string& list : calls) {
        const std::string body = body_with(
            R"({"index":0,"message":{"role":"assistant","tool_calls":)" +
            list + R"(},"finish_reason":"tool_calls"})");
        auto answer = read_json(Endpoint::kChat, body);
        ASSERT_TRUE(answer.ok());
        EXPECT_TRUE(answer->complete);
        const std::string again = json_of(*answer);
        auto twice = read_json(Endpoint::kChat, again);
        ASSERT_TRUE(twice.ok());
        EXPECT_EQ(dump(*twice), dump(*answer)) << again;
    }
    expect_body_survives(
        Endpoint::kChat,
        body_with(R"({"index":0,"message":{"role":"assistant","tool_calls":[
            {"index":3,"id":"a"},{"index":7,"id":"b"}]},
            "finish_reason":"tool_calls"})"));
}

TEST(ChatBody, NullMessageIsKept) {
    const std::string body = body_with(
        R"({"index":0,"message":null,"finish_reason":"stop"})");
    auto answer = read_json(Endpoint::kChat, body);
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(value_of(json_of(*answer)), value_of(body));
}

TEST(ChatBody, UsageNullIsDropped) {
    auto answer = read_json(Endpoint::kChat,
                            R"({"choices":[],"usage":null})");
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(json_of(*answer), R"({"choices":[]})");
    EXPECT_FALSE(answer->usage.known());
}

TEST(ChatBody, NotAnAnswer) {
    for (const char* body :
         {"", "null", "[]", "{}", "{\"choices\":null}", "{\"choices\":{}}",
          "{\"choices\":[]", "<html>", "data: {}\n\n"}) {
        auto answer = read_json(Endpoint::kChat, body);
        ASSERT_FALSE(answer.ok()) << body;
        EXPECT_EQ(answer.error().code, Errc::kInvalid) << body;
    }
}

TEST(ChatBody, ErrorInsideA200) {
    auto answer = read_json(
        Endpoint::kChat,
        R"({"error":{"message":"slow down","type":"rate","param":null,
            "code":429},"user_id":"u"})");
    ASSERT_TRUE(answer.ok());
    ASSERT_TRUE(answer->error.has_value());
    EXPECT_EQ(answer->error->message, "slow down");
    EXPECT_EQ(answer->error->type, "rate");
    EXPECT_EQ(answer->error->code, "429");
    EXPECT_EQ(answer->error->status, 429);
    EXPECT_FALSE(answer->complete);
    EXPECT_EQ(value_of(json_of(*answer)),
              value_of(R"({"error":{"message":"slow down","type":"rate",
                  "param":null,"code":429},"user_id":"u"})"));

    answer = read_json(Endpoint::kChat, R"({"error":"out of memory"})");
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer->error->message, "out of memory");
    EXPECT_EQ(answer->error->status, 500);

    answer = read_json(Endpoint::kChat,
                       R"({"object":"error","message":"no","code":40303})");
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer->error->message, "no");
    EXPECT_EQ(answer->error->status, 500);
}

TEST(ChatBody, ChoicesThatAreNoObjectsAreLossy) {
    for (const char* body : {
             R"({"choices":[1]})",
             R"({"choices":[{"index":-1}]})",
             R"({"choices":[{"index":1152921504606846976}]})",
             R"({"choices":[{"index":0.5}]})",
             R"({"choices":[{"index":"0"}]})",
             R"({"choices":[{"index":0,"message":{"tool_calls":[1]}}]})",
         }) {
        auto answer = read_json(Endpoint::kChat, body);
        ASSERT_TRUE(answer.ok()) << body;
        EXPECT_FALSE(answer->complete) << body;
    }
}

TEST(ChatBody, ManyChoicesAreBounded) {
    std::string body = "{\"choices\":[";
    for (int i = 0; i < 2000; ++i) {
        body += (i == 0 ? "{\"index\":" : ",{\"index\":") +
                std::to_string(i) + "}";
    }
    auto answer = read_json(Endpoint::kChat, body + "]}");
    ASSERT_TRUE(answer.ok());
    EXPECT_FALSE(answer->complete);
    EXPECT_LE(answer->choices.size(), 256u);
}

TEST(ChatBody, FinishReasonIsTheWorst) {
    auto answer = read_json(
        Endpoint::kChat,
        body_with(R"({"index":0,"message":{},"finish_reason":"stop"},
                     {"index":1,"message":{},"finish_reason":"length"})"));
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer->finish_reason(), "length");
    EXPECT_FALSE(answer->finished_well());
}

}  // namespace
}  // namespace llm::api
