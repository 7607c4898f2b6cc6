// What the official clients need from a replayed chat stream, and where a
// stream may have its usage.
#include <gtest/gtest.h>

#include "tests/api/chunks.hpp"

namespace llm::api {
namespace {

using namespace chunks;

const std::string kBody = R"({
  "id": "c1", "object": "chat.completion", "created": 5, "model": "m",
  "system_fingerprint": "fp", "service_tier": "default", "provider": "P",
  "choices": [
    {"index": 0, "message": {"role": "assistant", "reasoning": "r",
      "content": "a\nb", "refusal": null,
      "tool_calls": [{"id": "t", "type": "function",
                      "function": {"name": "f", "arguments": "{}"}}]},
     "logprobs": {"content": [{"token": "a"}]}, "finish_reason": "tool_calls"},
    {"index": 1, "message": {"role": "assistant", "content": null},
     "logprobs": null, "finish_reason": "stop"}],
  "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
})";

std::vector<std::string> data_of(const std::string& stream) {
    std::vector<std::string> data;
    for (const auto& event : replay::events_of(stream)) {
        EXPECT_EQ(event.type, "");
        EXPECT_NE(event.data, "");
        data.push_back(event.data);
    }
    return data;
}

std::string replayed(const std::string& body, bool usage) {
    auto answer = read_json(Endpoint::kChat, body);
    EXPECT_TRUE(answer.ok());
    return sse_of(*answer, usage);
}

const std::string kHead =
    R"("id":"c1","object":"chat.completion.chunk","created":5,"model":"m",)"
    R"("system_fingerprint":"fp","service_tier":"default")";

std::string chunk(const std::string& choice, const std::string& more = "") {
    return "{" + kHead + more + ",\"choices\":[" + choice + "]}";
}

TEST(ChatReplay, EveryEventInOrder) {
    const std::vector<std::string> expected{
        chunk(R"({"index":0,"delta":{"role":"assistant","content":"",)"
              R"("refusal":null},"finish_reason":null})",
              R"(,"provider":"P")"),
        chunk(R"({"index":0,"delta":{"reasoning":"r"},"finish_reason":null})"),
        chunk(R"({"index":0,"delta":{"content":"a\nb"},)"
              R"("logprobs":{"content":[{"token":"a"}]},)"
              R"("finish_reason":null})"),
        chunk(R"({"index":0,"delta":{"tool_calls":[{"index":0,"id":"t",)"
              R"("type":"function","function":{"name":"f",)"
              R"("arguments":"{}"}}]},"finish_reason":null})"),
        chunk(R"({"index":0,"delta":{},"finish_reason":"tool_calls"})"),
        chunk(R"({"index":1,"delta":{"role":"assistant","content":null},)"
              R"("finish_reason":null})"),
        chunk(R"({"index":1,"delta":{},"logprobs":null,)"
              R"("finish_reason":"stop"})"),
        "[DONE]",
    };
    EXPECT_EQ(data_of(replayed(kBody, false)), expected);
}

TEST(ChatReplay, ExactBytes) {
    const std::string stream = replayed(kBody, true);
    EXPECT_EQ(stream.substr(0, 7), "data: {");
    const std::string end = "\n\ndata: [DONE]\n\n";
    ASSERT_GT(stream.size(), end.size());
    EXPECT_EQ(stream.substr(stream.size() - end.size()), end);
    EXPECT_EQ(stream.find('\r'), std::string::npos);
    EXPECT_EQ(stream.find("event:"), std::string::npos);
    EXPECT_EQ(stream.find("obfuscation"), std::string::npos);
    EXPECT_EQ(stream.find("\n\n\n"), std::string::npos);
}

TEST(ChatReplay, UsageOnlyWhenAskedAndKnown) {
    EXPECT_EQ(replayed(kBody, false).find("usage"), std::string::npos);

    const auto asked = data_of(replayed(kBody, true));
    ASSERT_EQ(asked.size(), 9u);
    for (size_t i = 0; i < 7; ++i) {
        EXPECT_NE(asked[i].find(",\"usage\":null}"), std::string::npos);
    }
    EXPECT_EQ(asked[7], "{" + kHead +
                            R"(,"choices":[],"usage":{"prompt_tokens":1,)"
                            R"("completion_tokens":2,"total_tokens":3}})");

    std::string unknown = kBody.substr(0, kBody.find(",\n  \"usage\"")) + "}";
    EXPECT_EQ(replayed(unknown, true).find("usage"), std::string::npos);
}

TEST(ChatReplay, FirstDeltaAlwaysHasARole) {
    for (const char* message :
         {R"({"content":"x"})", R"({"role":null,"content":"x"})",
          R"({"role":"","content":"x"})", "{}", "null"}) {
        const std::string body =
            R"({"choices":[{"index":0,"finish_reason":"stop","message":)" +
            std::string(message) + "}]}";
        const auto data = data_of(replayed(body, false));
        ASSERT_GE(data.size(), 2u);
        EXPECT_EQ(data[0].find(R"({"choices":[{"index":0,"delta":{)"
                               R"("role":"assistant")"),
                  0u)
            << data[0];
    }
}

TEST(ChatReplay, AnswerWithoutChoices) {
    EXPECT_EQ(replayed(R"({"id":"c","choices":[],"x":1})", false),
              "data: {\"id\":\"c\",\"x\":1,\"choices\":[]}\n\n"
              "data: [DONE]\n\n");
}

// A stream whose JSON was spread over several data lines becomes one line.
TEST(ChatReplay, RawMembersFitIntoOneLine) {
    Followed got = follow(Endpoint::kChat,
                          "data: {\"x\": [1,\ndata: 2], \"choices\":[\n"
                          "data: {\"index\":0,\"delta\":{\"role\":\"a\",\n"
                          "data: \"y\":{\"z\":[ [\ndata: ] ]}}}]}\n\n"
                          "data: [DONE]\n\n");
    EXPECT_TRUE(got.answer().complete);
    EXPECT_EQ(data_of(sse_of(got.answer()))[0],
              R"({"x":[1,2],"choices":[{"index":0,"delta":{"role":"a",)"
              R"("y":{"z":[[]]}},"finish_reason":null}]})");
}

// Moonshot's streams have it in the choice.
TEST(ChatStream, UsageOfAChoiceCountsWhereTheChunkHasNone) {
    const std::string last =
        R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{
            "prompt_tokens":4,"completion_tokens":6,"total_tokens":10}}])";
    Followed got = follow(Endpoint::kChat, stream_of({
        R"({"choices":[{"index":0,"delta":{"content":"a"},"usage":null}]})",
        last + "}",
    }));
    EXPECT_EQ(got.answer().usage.input, 4);
    EXPECT_EQ(got.answer().usage.output, 6);
    EXPECT_TRUE(got.infos[1].usage);
    EXPECT_FALSE(got.infos[1].usage_only);
    got = follow(Endpoint::kChat, stream_of({last + R"(,"usage":{
        "prompt_tokens":5,"completion_tokens":7,"total_tokens":12}})"}));
    EXPECT_EQ(got.answer().usage.input, 5);
    EXPECT_EQ(got.answer().usage.output, 7);
    got = follow(Endpoint::kChat, stream_of({R"({"usage":{"prompt_tokens":5,
        "completion_tokens":7,"total_tokens":12},)" + last.substr(1) + "}"}));
    EXPECT_EQ(got.answer().usage.input, 5);
    EXPECT_EQ(got.answer().usage.output, 7);
}

}  // namespace
}  // namespace llm::api
