#include <gtest/gtest.h>

#include "tests/api/replay.hpp"
#include "tests/api/responses_cases.hpp"

namespace llm::api {
namespace {

using namespace responses_cases;
using replay::follow;
using replay::Followed;
using replay::json_of;
using replay::member;
using replay::value_of;

constexpr Endpoint kResponses = Endpoint::kResponses;

TEST(ResponsesJson, BodyGoesInAndOutWithoutLoss) {
    const Result<Answer> read = read_json(kResponses, kBody);
    ASSERT_TRUE(read);
    EXPECT_EQ(value_of(json_of(*read)), value_of(kBody));
    EXPECT_EQ(json_of(*read), read->document);
    EXPECT_TRUE(read->complete);
    EXPECT_TRUE(read->finished_well());
    EXPECT_FALSE(read->error);
}

TEST(ResponsesJson, FieldsOfTheAnswer) {
    const Result<Answer> read = read_json(kResponses, kBody);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->endpoint, kResponses);
    EXPECT_EQ(read->id, "resp_1");
    EXPECT_EQ(read->model, "gpt-x");
    EXPECT_EQ(read->object, "response");
    EXPECT_EQ(read->created, 1700000000);
    EXPECT_EQ(read->finish_reason(), "completed");
    EXPECT_EQ(read->usage.input, 36);
    EXPECT_EQ(read->usage.cached_input, 11);
    EXPECT_EQ(read->usage.output, 87);
    EXPECT_EQ(read->usage.reasoning, 64);
    EXPECT_EQ(member(read->usage_raw, "total_tokens"), "123");
}

TEST(ResponsesJson, StatusDecidesHowItFinished) {
    for (const char* status : {"incomplete", "failed", "cancelled", "queued",
                               "in_progress"}) {
        const Result<Answer> read =
            read_json(kResponses, document("[]", status));
        ASSERT_TRUE(read);
        EXPECT_EQ(read->finish_reason(), status);
        EXPECT_FALSE(read->finished_well());
        EXPECT_TRUE(read->usage.known());
    }
}

TEST(ResponsesJson, FailedResponseHoldsItsError) {
    const std::string body =
        R"({"object":"response","status":"failed","output":[],)"
        R"("error":{"code":"rate_limit_exceeded","message":"slow"}})";
    const Result<Answer> read = read_json(kResponses, body);
    ASSERT_TRUE(read);
    ASSERT_TRUE(read->error);
    EXPECT_EQ(read->error->code, "rate_limit_exceeded");
    EXPECT_EQ(read->error->message, "slow");
    EXPECT_EQ(read->error->status, 429);
    EXPECT_FALSE(read->finished_well());
    EXPECT_EQ(json_of(*read), body);
}

TEST(ResponsesJson, ErrorBody) {
    const Result<Answer> read = read_json(
        kResponses, R"({"error":{"message":"no such model","type":)"
                    R"("invalid_request_error","param":"model",)"
                    R"("code":"model_not_found"}})");
    ASSERT_TRUE(read);
    ASSERT_TRUE(read->error);
    EXPECT_EQ(read->error->message, "no such model");
    EXPECT_EQ(read->error->param, "model");
    EXPECT_EQ(read->error->code, "model_not_found");
    EXPECT_EQ(read->error->status, 400);
    EXPECT_FALSE(read->complete);
}

TEST(ResponsesJson, NotAResponse) {
    for (const char* body : {"", "{", "[]", "7", "null", "{}", "<html>",
                             R"({"output":"text"})", R"({"error":null})",
                             R"({"output":[],"output":[]})"}) {
        EXPECT_FALSE(read_json(kResponses, body)) << body;
    }
}

TEST(ResponsesJson, AbsurdUsageIsRejected) {
    const Result<Answer> read = read_json(
        kResponses, R"({"output":[],"usage":{"input_tokens":-4,)"
                    R"("output_tokens":1e18}})");
    ASSERT_TRUE(read);
    EXPECT_FALSE(read->usage.known());
    EXPECT_TRUE(read->usage.absurd);
}

TEST(ResponsesStream, TheFinalResponseIsTheDocument) {
    Followed f = follow(kResponses, kHead + end(document(kOutput)));
    EXPECT_TRUE(f.answer().complete);
    EXPECT_TRUE(f.answer().finished_well());
    EXPECT_EQ(f.answer().document, document(kOutput));
    EXPECT_EQ(f.answer().id, "resp_2");
    EXPECT_EQ(f.answer().model, "gpt-x-2026");
    EXPECT_EQ(f.answer().created, 5);
    EXPECT_EQ(f.answer().usage.input, 9);
    EXPECT_EQ(f.answer().usage.output, 4);
    EXPECT_EQ(f.reader->content_bytes(),
              std::string("Hello ☔get{}").size());
    EXPECT_EQ(f.count(&EventInfo::usage), 1);
    EXPECT_EQ(f.count(&EventInfo::terminal), 1);
    EXPECT_EQ(f.count(&EventInfo::content), 4);
    EXPECT_TRUE(f.infos[4].content);
    EXPECT_TRUE(f.infos.back().terminal);
}

TEST(ResponsesStream, AnySplitGivesTheSameAnswer) {
    const std::string stream = kHead + end(document(kOutput));
    for (size_t split = 0; split <= stream.size(); ++split) {
        Followed f = follow(kResponses, stream, split);
        ASSERT_TRUE(f.answer().complete) << split;
        ASSERT_EQ(f.answer().document, document(kOutput)) << split;
    }
}

TEST(ResponsesStream, OutputLeftOutOfTheFinalResponseIsPutBack) {
    for (const char* output : {"[]", "null", ""}) {
        Followed f = follow(kResponses, kHead + end(document(output)));
        EXPECT_TRUE(f.answer().complete);
        EXPECT_EQ(value_of(f.answer().document),
                  value_of(document(kOutput)));
    }
    Followed bare = follow(
        kResponses, kHead + end("{}", "response.completed"));
    EXPECT_EQ(value_of(bare.answer().document),
              value_of("{\"output\":" + kOutput + "}"));
    EXPECT_EQ(bare.answer().finish_reason(), "completed");
}

TEST(ResponsesStream, OutputThatNothingBringsBackIsLossy) {
    Followed f = follow(kResponses,
                        text_delta("Hello") + end(document("[]")));
    EXPECT_TRUE(f.reader->lossy());
    EXPECT_FALSE(f.answer().complete);
    EXPECT_EQ(f.answer().usage.output, 4);
    EXPECT_EQ(f.reader->content_bytes(), 5u);
    Followed nothing = follow(kResponses, end(document("[]")));
    EXPECT_TRUE(nothing.answer().complete);
}

TEST(ResponsesStream, CutOffIsNotComplete) {
    Followed f = follow(kResponses, kHead);
    EXPECT_FALSE(f.answer().complete);
    EXPECT_EQ(f.count(&EventInfo::terminal), 0);
    EXPECT_EQ(f.reader->content_bytes(),
              std::string("Hello ☔get{}").size());
    EXPECT_EQ(f.answer().id, "resp_2");
    EXPECT_EQ(f.answer().model, "gpt-x");
    EXPECT_FALSE(f.answer().usage.known());
}

TEST(ResponsesStream, UsageBeforeTheEndIsNoResult) {
    Followed f = follow(
        kResponses, "data: {\"type\":\"response.created\",\"response\":"
                    "{\"usage\":{\"input_tokens\":0,\"output_tokens\":0}}}"
                    "\n\n" + text_delta("x"));
    EXPECT_FALSE(f.answer().usage.known());
    EXPECT_EQ(f.count(&EventInfo::usage), 0);
}

TEST(ResponsesStream, IncompleteAndFailedEndItAndCarryUsage) {
    Followed cut = follow(kResponses,
                          kHead + end(document(kOutput, "incomplete"),
                                      "response.incomplete"));
    EXPECT_TRUE(cut.answer().complete);
    EXPECT_FALSE(cut.answer().finished_well());
    EXPECT_EQ(cut.answer().finish_reason(), "incomplete");
    EXPECT_EQ(cut.answer().usage.output, 4);
    Followed failed = follow(
        kResponses, kHead + end(R"({"status":"failed","error":{"code":)"
                                R"("server_error","message":"oops"},)"
                                R"("output":[],"usage":{"input_tokens":2,)"
                                R"("output_tokens":1}})",
                                "response.failed"));
    EXPECT_TRUE(failed.infos.back().error);
    EXPECT_TRUE(failed.infos.back().terminal);
    ASSERT_TRUE(failed.answer().error);
    EXPECT_EQ(failed.answer().error->message, "oops");
    EXPECT_EQ(failed.answer().usage.output, 1);
    EXPECT_FALSE(failed.answer().finished_well());
    EXPECT_FALSE(failed.answer().complete);
}

TEST(ResponsesStream, CompletedOneWithAnErrorIsNone) {
    Followed odd = follow(
        kResponses, kHead + end(R"({"status":"completed","error":{"code":)"
                                R"("server_error","message":"oops"},)"
                                R"("output":[]})",
                                "response.completed"));
    EXPECT_TRUE(odd.infos.back().error);
    EXPECT_FALSE(odd.answer().complete);
}

TEST(ResponsesStream, ErrorEventInItsShapes) {
    for (const char* data :
         {R"({"type":"error","code":"rate_limit_exceeded","message":"slow",)"
          R"("param":null,"sequence_number":3})",
          R"({"type":"error","error":{"type":"x","code":)"
          R"("rate_limit_exceeded","message":"slow"}})",
          R"({"error":{"code":"rate_limit_exceeded","message":"slow"}})"}) {
        Followed f = follow(kResponses,
                            kHead + "event: error\ndata: " + data + "\n\n");
        EXPECT_TRUE(f.infos.back().error) << data;
        EXPECT_FALSE(f.infos.back().terminal) << data;
        ASSERT_TRUE(f.answer().error) << data;
        EXPECT_EQ(f.answer().error->message, "slow");
        EXPECT_EQ(f.answer().error->code, "rate_limit_exceeded");
        EXPECT_EQ(f.answer().error->status, 429);
        EXPECT_FALSE(f.answer().complete);
    }
}

TEST(ResponsesStream, HalfAPairIsReadButNotComplete) {
    Followed f = follow(kResponses, kHead + text_delta("\\ude00") +
                                        end(document(kOutput)));
    EXPECT_EQ(f.count(&EventInfo::malformed), 0);
    EXPECT_EQ(f.count(&EventInfo::terminal), 1);
    EXPECT_TRUE(f.reader->lossy());
    EXPECT_FALSE(f.answer().complete);
    EXPECT_EQ(f.answer().usage.output, 4);
}

TEST(ResponsesStream, MalformedDataPassesButIsNotComplete) {
    Followed f = follow(kResponses, kHead + "data: {\"type\n\n" +
                                        end(document(kOutput)));
    EXPECT_EQ(f.count(&EventInfo::malformed), 1);
    EXPECT_TRUE(f.reader->lossy());
    EXPECT_FALSE(f.answer().complete);
    EXPECT_EQ(f.answer().usage.output, 4);
}

TEST(ResponsesStream, WhatComesAfterTheEndChangesUsageAlone) {
    Followed f = follow(
        kResponses, kHead + end(document(kOutput)) + "data: [DONE]\n\n" +
                        "data: nonsense\n\n" + text_delta("more") +
                        end(R"({"status":"failed","output":[],"usage":)"
                            R"({"input_tokens":1,"output_tokens":20}})"));
    EXPECT_TRUE(f.answer().complete);
    EXPECT_EQ(f.count(&EventInfo::malformed), 0);
    EXPECT_EQ(f.answer().document, document(kOutput));
    EXPECT_EQ(f.answer().finish_reason(), "completed");
    EXPECT_EQ(f.answer().usage.output, 20);
    EXPECT_EQ(f.reader->content_bytes(),
              std::string("Hello ☔get{}").size());
}

TEST(ResponsesStream, DoneInsideTextIsText) {
    Followed f = follow(kResponses, text_delta("[DONE]") + "data: [DONE]\n\n");
    EXPECT_EQ(f.count(&EventInfo::terminal), 0);
    EXPECT_EQ(f.reader->content_bytes(), 6u);
    EXPECT_FALSE(f.answer().complete);
}

TEST(ResponsesStream, OddShapesAreSurvived) {
    for (const char* data : {
             R"({"type":"response.created","response":7})",
             R"({"type":"response.output_item.added","item":[]})",
             R"({"type":"response.output_text.delta","delta":{"a":1}})",
             R"({"type":"response.output_text.delta"})",
             R"({"type":"response.audio.delta","delta":"AAAA"})",
             R"({"type":{"a":1}})", R"({"type":"keepalive"})", "{}",
         }) {
        Followed f = follow(kResponses, std::string("data: ") + data +
                                            "\n\n" + end(document(kOutput)));
        EXPECT_TRUE(f.answer().complete) << data;
        EXPECT_EQ(f.reader->content_bytes(), 0u) << data;
    }
    for (const char* data : {
             R"({"type":"response.output_item.done","item":7})",
             "[1]", "7", "\"text\"",
         }) {
        Followed f = follow(kResponses, std::string("data: ") + data +
                                            "\n\n" + end(document(kOutput)));
        EXPECT_FALSE(f.answer().complete) << data;
    }
    Followed f = follow(kResponses, end("null"));
    EXPECT_EQ(f.count(&EventInfo::terminal), 1);
    EXPECT_FALSE(f.answer().complete);
    EXPECT_EQ(json_of(f.answer()), "");
}

TEST(ResponsesStream, ItemsComeBackInTheirOrder) {
    const auto done = [](const std::string& index, const std::string& id) {
        return "data: {\"type\":\"response.output_item.done\","
               "\"output_index\":" + index + ",\"item\":{\"id\":\"" + id +
               "\"}}\n\n";
    };
    Followed f = follow(kResponses, done("1152921504606846976", "c") +
                                        done("1", "b") + done("-3", "a") +
                                        end("{\"output\":[]}"));
    EXPECT_EQ(f.answer().document,
              R"({"output":[{"id":"a"},{"id":"b"},{"id":"c"}]})");
}

TEST(ResponsesStream, OverflowStopsKeepingAndFollowsUsage) {
    std::string deltas;
    for (int i = 0; i < 100; ++i) {
        deltas += text_delta(std::string(100, 'a'));
    }
    Followed f = follow(kResponses, kHead + deltas + end(document(kOutput)),
                        std::string::npos, 4000);
    EXPECT_TRUE(f.reader->overflow());
    EXPECT_FALSE(f.answer().complete);
    EXPECT_EQ(f.answer().document, "");
    EXPECT_EQ(f.answer().usage.output, 4);
    EXPECT_GT(f.reader->content_bytes(), 10000u);
    Followed document_alone =
        follow(kResponses, end(document(kOutput)), std::string::npos, 100);
    EXPECT_TRUE(document_alone.reader->overflow());
    EXPECT_FALSE(document_alone.answer().complete);
    EXPECT_EQ(document_alone.answer().usage.output, 4);
}

}  // namespace
}  // namespace llm::api
