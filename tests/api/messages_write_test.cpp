#include <gtest/gtest.h>

#include "tests/api/messages_cases.hpp"
#include "tests/api/replay.hpp"

namespace llm::api {
namespace {

using namespace messages_cases;
using replay::follow;
using replay::Followed;
using replay::json_of;
using replay::member;
using replay::sse_of;
using replay::value_of;

constexpr Endpoint kMessages = Endpoint::kMessages;

TEST(MessagesWrite, StreamOfABodyReadsBackAsTheBody) {
    const Result<Answer> read = read_json(kMessages, kBody);
    ASSERT_TRUE(read);
    const std::string stream = sse_of(*read);
    replay::expect_well_formed(stream);
    Followed f = follow(kMessages, stream);
    EXPECT_TRUE(f.answer().complete);
    EXPECT_EQ(value_of(json_of(f.answer())), value_of(kBody));
    EXPECT_EQ(f.answer().usage.input, 22);
    EXPECT_EQ(f.answer().usage.output, 21);
    EXPECT_EQ(f.answer().usage.cache_write_1h, 3);
    EXPECT_EQ(sse_of(f.answer()), stream);
}

TEST(MessagesWrite, SequenceOfEvents) {
    Followed f = follow(kMessages, kStream);
    const std::string stream = sse_of(f.answer());
    std::string types;
    for (const replay::Sent& sent : replay::events_of(stream)) {
        types += sent.type + ' ';
    }
    EXPECT_EQ(types,
              "message_start "
              "content_block_start content_block_delta content_block_delta "
              "content_block_stop "
              "content_block_start content_block_delta content_block_delta "
              "content_block_delta content_block_stop "
              "content_block_start content_block_delta content_block_stop "
              "message_delta message_stop ");
    EXPECT_EQ(stream.substr(stream.rfind("event: ")),
              "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
}

TEST(MessagesWrite, WhatTheEventsHold) {
    Followed f = follow(kMessages, kStream);
    const auto events = replay::events_of(sse_of(f.answer()));
    const std::string message = member(events[0].data, "message");
    EXPECT_EQ(member(message, "content"), "[]");
    EXPECT_EQ(member(message, "stop_reason"), "null");
    EXPECT_EQ(member(message, "stop_sequence"), "null");
    EXPECT_EQ(member(member(message, "usage"), "output_tokens"), "1");
    EXPECT_EQ(member(member(message, "usage"), "input_tokens"), "61");
    EXPECT_EQ(member(events[1].data, "content_block"),
              R"({"signature":"","thinking":"","type":"thinking"})");
    EXPECT_EQ(member(events[10].data, "content_block"),
              R"({"caller":{"type":"direct"},"id":"toolu_1","input":{},)"
              R"("name":"get","type":"tool_use"})");
    const replay::Sent& last = events[events.size() - 2];
    EXPECT_EQ(member(last.data, "delta"),
              R"({"container":{"id":"c1"},"stop_reason":"tool_use",)"
              R"("stop_sequence":null})");
    EXPECT_EQ(member(last.data, "usage"),
              R"({"cache_read_input_tokens":0,"input_tokens":61,)"
              R"("iterations":[{"n":1}],"output_tokens":124})");
    EXPECT_EQ(member(last.data, "context_management"),
              R"({"applied_edits":[]})");
}

TEST(MessagesWrite, AnAnswerWithoutUsageStreamsWithCounts) {
    Result<Answer> read = read_json(
        kMessages, R"({"id":"m","type":"message","role":"assistant",)"
                   R"("content":[],"stop_reason":"end_turn"})");
    ASSERT_TRUE(read);
    auto events = replay::events_of(sse_of(*read));
    EXPECT_EQ(member(events[1].data, "usage"),
              R"({"input_tokens":0,"output_tokens":0})");
    read->usage = {.input = 7, .output = 9, .estimated = true};
    events = replay::events_of(sse_of(*read));
    EXPECT_EQ(member(member(events[0].data, "message"), "usage"),
              R"({"input_tokens":7,"output_tokens":1})");
    EXPECT_EQ(member(events[1].data, "usage"),
              R"({"input_tokens":7,"output_tokens":9})");
}

TEST(MessagesWrite, NothingIsWrittenOverSeveralLines) {
    const Result<Answer> read = read_json(
        kMessages, "{\n\"content\": [\n{\"type\": \"x\",\r\n\"a\": [1,\n2]}],"
                   "\n\"more\":\t{\n\"b\": \"c\\nd\"}}");
    ASSERT_TRUE(read);
    replay::expect_well_formed(sse_of(*read));
}

// Every recorded stream and body, if the folder is there.
TEST(MessagesFixtures, KeepTheirValuesInBothForms) {
    const std::string gateway =
        "agentgateway/crates/llm/src/tests/response/anthropic/";
    const std::string python =
        "anthropic-sdk-python/tests/lib/streaming/fixtures/";
    const std::string fable = "anthropic-sdk-python/tests/fixtures/"
                              "fable-fallback/";
    const std::string typescript = "anthropic-sdk-typescript/tests/lib/"
                                   "fixtures/";
    const std::string apisix = "apache-apisix/t/fixtures/";
    const std::string streams[] = {
        gateway + "stream_basic.json",
        gateway + "stream_thinking.json",
        gateway + "stream_tool.json",
        gateway + "stream_tool_empty_args.json",
        gateway + "stream_message_delta_usage.json",
        python + "basic_response.txt",
        python + "compaction_response.txt",
        python + "fallback_credit_response.txt",
        python + "fallback_response.txt",
        python + "incomplete_partial_json_response.txt",
        python + "refusal_response.txt",
        python + "tool_use_response.txt",
        typescript + "basic_response.txt",
        typescript + "incomplete_partial_json_response.txt",
        typescript + "tool_use_response.txt",
        fable + "stream-a-refusal.sse",
        fable + "stream-a-toolrefusal.sse",
        fable + "stream-b-fallback.sse",
        apisix + "anthropic/messages-streaming.sse",
        apisix + "anthropic/messages-streaming-with-cache.sse",
        apisix + "anthropic/messages-streaming-with-tool-use.sse",
        apisix + "protocol-conversion/anthropic-mismatch.sse",
    };
    const std::string bodies[] = {
        gateway + "basic.json",
        gateway + "multiple_text_blocks.json",
        gateway + "thinking.json",
        gateway + "tool.json",
        apisix + "anthropic/messages-basic.json",
        apisix + "anthropic/messages-with-cache.json",
    };
    if (replay::fixture(streams[0]).empty()) {
        GTEST_SKIP() << "no recorded traffic in " << replay::fixtures();
    }
    for (const std::string& path : streams) {
        SCOPED_TRACE(path);
        const std::string recorded = replay::fixture(path);
        ASSERT_FALSE(recorded.empty());
        Followed first = follow(kMessages, recorded);
        EXPECT_TRUE(first.answer().complete);
        EXPECT_EQ(first.count(&EventInfo::malformed), 0);
        const std::string body = json_of(first.answer());
        const std::string again = sse_of(first.answer());
        replay::expect_well_formed(again);
        Followed second = follow(kMessages, again);
        EXPECT_TRUE(second.answer().complete);
        EXPECT_EQ(value_of(json_of(second.answer())), value_of(body));
        const Result<Answer> third = read_json(kMessages, body);
        ASSERT_TRUE(third);
        EXPECT_EQ(value_of(json_of(*third)), value_of(body));
        EXPECT_EQ(third->usage.input, first.answer().usage.input);
        EXPECT_EQ(third->usage.output, first.answer().usage.output);
        const size_t step = recorded.size() / 200 + 1;
        for (size_t split = 0; split < recorded.size(); split += step) {
            Followed part = follow(kMessages, recorded, split);
            ASSERT_EQ(json_of(part.answer()), body) << split;
        }
    }
    for (const std::string& path : bodies) {
        SCOPED_TRACE(path);
        const std::string recorded = replay::fixture(path);
        const Result<Answer> first = read_json(kMessages, recorded);
        ASSERT_TRUE(first);
        EXPECT_EQ(value_of(json_of(*first)), value_of(recorded));
        Followed second = follow(kMessages, sse_of(*first));
        EXPECT_TRUE(second.answer().complete);
        EXPECT_EQ(value_of(json_of(second.answer())), value_of(recorded));
    }
}

TEST(MessagesFixtures, UsageOfRecordedStreams) {
    const std::string path = "agentgateway/crates/llm/src/tests/response/"
                             "anthropic/stream_message_delta_usage.json";
    const std::string recorded = replay::fixture(path);
    if (recorded.empty()) {
        GTEST_SKIP() << "no recorded traffic in " << replay::fixtures();
    }
    Followed f = follow(kMessages, recorded);
    EXPECT_EQ(f.answer().usage.input, 3883 + 30464);
    EXPECT_EQ(f.answer().usage.cached_input, 30464);
    EXPECT_EQ(f.answer().usage.output, 49);
}

}  // namespace
}  // namespace llm::api
