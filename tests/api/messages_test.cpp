#include <gtest/gtest.h>

#include "tests/api/messages_cases.hpp"
#include "tests/api/replay.hpp"

namespace llm::api {
namespace {

using namespace messages_cases;
using replay::follow;
using replay::Followed;
using replay::json_of;
using replay::value_of;

constexpr Endpoint kMessages = Endpoint::kMessages;

TEST(MessagesJson, BodyGoesInAndOutWithoutLoss) {
    const Result<Answer> read = read_json(kMessages, kBody);
    ASSERT_TRUE(read);
    EXPECT_EQ(value_of(json_of(*read)), value_of(kBody));
    EXPECT_TRUE(read->complete);
    EXPECT_TRUE(read->finished_well());
}

TEST(MessagesJson, FieldsOfTheAnswer) {
    const Result<Answer> read = read_json(kMessages, kBody);
    ASSERT_TRUE(read);
    const Answer& answer = *read;
    EXPECT_EQ(answer.endpoint, kMessages);
    EXPECT_EQ(answer.id, "msg_1");
    EXPECT_EQ(answer.model, "claude-x");
    EXPECT_EQ(answer.object, "message");
    ASSERT_EQ(answer.choices.size(), 1u);
    const std::vector<Block>& blocks = answer.choices[0].blocks;
    ASSERT_EQ(blocks.size(), 9u);
    EXPECT_EQ(blocks[0].kind, Block::Kind::kReasoning);
    EXPECT_EQ(blocks[0].text, "Let me \"see\"\n");
    EXPECT_EQ(blocks[0].signature, "c2ln");
    EXPECT_EQ(blocks[1].kind, Block::Kind::kOther);
    EXPECT_EQ(blocks[1].type, "redacted_thinking");
    EXPECT_EQ(blocks[2].text, "Grüße ☂\t");
    EXPECT_EQ(blocks[4].kind, Block::Kind::kToolCall);
    EXPECT_EQ(blocks[4].type, "server_tool_use");
    EXPECT_EQ(blocks[6].text, "{}");
    EXPECT_EQ(blocks[7].id, "toolu_2");
    EXPECT_EQ(blocks[7].name, "sum");
    EXPECT_EQ(blocks[7].text, R"({"a":1.0,"b":[12345678901234567890,-0]})");
    EXPECT_EQ(blocks[8].raw, R"({"type":"hologram","beams":{"n":3}})");
    EXPECT_EQ(answer.finish_reason(), "tool_use");
}

TEST(MessagesJson, UsageCountsCachedTokensAsInput) {
    const Result<Answer> read = read_json(kMessages, kBody);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->usage.input, 22);
    EXPECT_EQ(read->usage.cached_input, 5);
    EXPECT_EQ(read->usage.cache_write, 7);
    EXPECT_EQ(read->usage.cache_write_1h, 3);
    EXPECT_EQ(read->usage.output, 21);
    EXPECT_EQ(read->usage.reasoning, 6);
    EXPECT_FALSE(read->usage.absurd);
}

TEST(MessagesJson, NullEmptyAndAbsentStayThreeThings) {
    for (const char* body : {
             R"({"content":[]})",
             R"({"content":[],"id":"","role":null,"stop_reason":null})",
             R"({"content":[],"usage":null,"model":7,"type":false})",
             R"({"content":[{"type":"thinking","thinking":""}]})",
             R"({"content":[{"type":"thinking","thinking":"","signature":""}]})",
             R"({"content":[{"type":"text","text":"","citations":[]}]})",
             R"({"content":[{"type":"tool_use","id":null,"name":"",)"
             R"("input":{}}]})",
             R"({"content":[{"type":"tool_use","input":[1]},{"type":"text"},)"
             R"({"type":"text","text":null},7,null,"s",[]]})",
         }) {
        const Result<Answer> read = read_json(kMessages, body);
        ASSERT_TRUE(read) << body;
        EXPECT_EQ(value_of(json_of(*read)), value_of(body));
    }
}

TEST(MessagesJson, NotAMessage) {
    for (const char* body :
         {"", "   ", "{", "[]", "7", "null", R"({"input_tokens":42})",
          R"({"content":"text"})", R"({"content":[]}x)",
          R"({"content":[],"content":[]})", "<html>", "\xff"}) {
        EXPECT_FALSE(read_json(kMessages, body)) << body;
    }
}

TEST(MessagesJson, ErrorBody) {
    const Result<Answer> read = read_json(
        kMessages, R"({"type":"error","error":{"type":"overloaded_error",)"
                   R"("message":"busy"},"request_id":"req_1"})");
    ASSERT_TRUE(read);
    ASSERT_TRUE(read->error);
    EXPECT_EQ(read->error->status, 529);
    EXPECT_EQ(read->error->type, "overloaded_error");
    EXPECT_EQ(read->error->message, "busy");
    EXPECT_FALSE(read->complete);
    EXPECT_FALSE(read->finished_well());
}

TEST(MessagesUsage, MissingIsNotZero) {
    const auto usage = [](const std::string& json) {
        Result<Answer> read = read_json(
            kMessages, R"({"content":[],"usage":)" + json + "}");
        return read.value().usage;
    };
    EXPECT_EQ(usage("{}").input, Usage::kUnknown);
    EXPECT_EQ(usage("{}").output, Usage::kUnknown);
    EXPECT_EQ(usage(R"({"input_tokens":0,"output_tokens":0})").input, 0);
    EXPECT_TRUE(usage(R"({"input_tokens":0,"output_tokens":0})").known());
    EXPECT_EQ(usage(R"({"cache_read_input_tokens":9})").input,
              Usage::kUnknown);
    EXPECT_EQ(usage(R"({"input_tokens":1,"cache_read_input_tokens":null})")
                  .input, 1);
    EXPECT_EQ(usage(R"({"input_tokens":2,"cache_creation":)"
                    R"({"ephemeral_5m_input_tokens":1,)"
                    R"("ephemeral_1h_input_tokens":4}})").input, 7);
}

TEST(MessagesUsage, AbsurdNumbersAreRejected) {
    for (const char* number : {"-1", "1.5", "1e18", "\"7\"", "1e3", "true",
                               "99999999999999999999", "{}", "[]", "-0"}) {
        const Result<Answer> read = read_json(
            kMessages, std::string(R"({"content":[],"usage":)") +
                           R"({"input_tokens":5,"output_tokens":)" + number +
                           "}}");
        ASSERT_TRUE(read);
        EXPECT_EQ(read->usage.input, 5) << number;
        EXPECT_EQ(read->usage.output, Usage::kUnknown) << number;
        EXPECT_TRUE(read->usage.absurd) << number;
    }
}

TEST(MessagesUsage, AbsurdNumberInADeltaLowersNothing) {
    Followed f = follow(
        kMessages, start(R"({"input_tokens":30,"output_tokens":1})") +
                       event("message_delta",
                             R"(,"delta":{},"usage":{"output_tokens":9})") +
                       end(R"({"input_tokens":-30,"output_tokens":-1})"));
    EXPECT_EQ(f.answer().usage.input, 30);
    EXPECT_EQ(f.answer().usage.output, 9);
    EXPECT_TRUE(f.answer().usage.absurd);
}

TEST(MessagesUsage, RevisedInputOverwritesAndCacheCountsJoin) {
    Followed f = follow(
        kMessages,
        start(R"({"input_tokens":34824,"output_tokens":0})") +
            end(R"({"input_tokens":3883,"output_tokens":49,)"
                R"("cache_creation_input_tokens":0,)"
                R"("cache_read_input_tokens":30464})"));
    EXPECT_EQ(f.answer().usage.input, 34347);
    EXPECT_EQ(f.answer().usage.cached_input, 30464);
    EXPECT_EQ(f.answer().usage.output, 49);
    EXPECT_EQ(f.count(&EventInfo::usage), 2);
}

TEST(MessagesUsage, OutputOfMessageStartIsProvisional) {
    Followed f = follow(
        kMessages, start(R"({"input_tokens":12,"output_tokens":1})") +
                       block(0, kText) + text_delta(0, "hello"));
    EXPECT_EQ(f.answer().usage.input, 12);
    EXPECT_EQ(f.answer().usage.output, Usage::kUnknown);
    EXPECT_EQ(f.reader->content_bytes(), 5u);
    EXPECT_FALSE(f.answer().complete);
}

TEST(MessagesUsage, ReportAfterTheEndIsRead) {
    Followed f = follow(
        kMessages, start() + end() +
                       event("message_delta", R"(,"delta":{"stop_reason":"x"})"
                                              R"(,"usage":{"output_tokens":8})"));
    EXPECT_EQ(f.answer().usage.output, 8);
    EXPECT_EQ(f.answer().finish_reason(), "end_turn");
    EXPECT_TRUE(f.answer().complete);
}

// A summary of what became too long, and advice of another model, are paid
// for beside what the totals say; the answer's own steps are in them.
TEST(MessagesUsage, StepsBesideTheAnswersOwnAreAdded) {
    const std::string usage =
        R"({"input_tokens":23,"cache_read_input_tokens":5,)"
        R"("cache_creation_input_tokens":0,"output_tokens":10,"iterations":[)"
        R"({"type":"compaction","input_tokens":180,"output_tokens":35,)"
        R"("cache_creation_input_tokens":9,"cache_creation":)"
        R"({"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":7}},)"
        R"({"type":"message","input_tokens":23,"output_tokens":4},)"
        R"({"type":"advisor_message","model":"m","input_tokens":50,)"
        R"("output_tokens":-1},{"type":"fallback_message","input_tokens":9,)"
        R"("output_tokens":6},{"n":1},7,null]})";
    const Result<Answer> read =
        read_json(kMessages, R"({"content":[],"usage":)" + usage + "}");
    ASSERT_TRUE(read);
    Followed f = follow(
        kMessages, start(usage) +
                       event("message_delta",
                             R"(,"delta":{},"usage":)" + usage) +
                       end(usage));
    for (const Usage& got : {read->usage, f.answer().usage}) {
        EXPECT_EQ(got.input, 23 + 5 + 180 + 9 + 50);
        EXPECT_EQ(got.cached_input, 5);
        EXPECT_EQ(got.cache_write, 9);
        EXPECT_EQ(got.cache_write_1h, 7);
        EXPECT_EQ(got.output, 10 + 35);
        EXPECT_TRUE(got.absurd);
    }
}

}  // namespace
}  // namespace llm::api
