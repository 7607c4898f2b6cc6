#include "src/exchange/response.hpp"

#include <gtest/gtest.h>

#include "src/sse/parser.hpp"
#include "tests/deflate.hpp"

namespace llm::exchange {
namespace {

using api::Endpoint;

constexpr Bytes kAnswer =
    R"({"id":"chatcmpl-1","model":"gpt-4o-mini","choices":[{"index":0,)"
    R"("message":{"role":"assistant","content":"Hello there"},)"
    R"("finish_reason":"stop"}],"usage":{"prompt_tokens":3,)"
    R"("completion_tokens":2,"total_tokens":5}})";
constexpr Bytes kDelta =
    "data: {\"choices\":[{\"index\":0,"
    "\"delta\":{\"content\":\"Hello\"}}]}\n\n";
constexpr Bytes kStop =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},"
    "\"finish_reason\":\"stop\"}]}\n\n";
constexpr Bytes kDone = "data: [DONE]\n\n";

ResponseHead head_of(Bytes type, int status = 200) {
    ResponseHead head;
    head.status = status;
    head.content_type = type;
    return head;
}

Response begun(const ResponseHead& head, bool stream = false) {
    Response response(Endpoint::kChat);
    response.begin(head, true, stream, Response::kMostRead);
    return response;
}

void feed(Response& response, Bytes events) {
    sse::Parser parser(size_t{1} << 16);
    sse::Event event;
    response.receive(events.size());
    while (parser.next(events, event)) {
        if (event.has_data) {
            (void) response.on_event(event);
        }
    }
}

void end_json(Response& response, bool to_store = true) {
    json::Document document;
    response.finish(true);
    response.read_json(document, to_store);
}

void expect_answer(const Response& response) {
    ASSERT_TRUE(response.summary());
    EXPECT_EQ("", response.why_not_stored(1000));
    EXPECT_TRUE(response.is_writable());
    EXPECT_EQ("chatcmpl-1", response.id());
    EXPECT_EQ("gpt-4o-mini", response.model());
    EXPECT_EQ("stop", response.finish_reason());
    EXPECT_EQ(5, response.usage().input + response.usage().output);
    EXPECT_EQ(11u, response.generated(false).ascii_bytes);
    EXPECT_EQ("size", response.why_not_stored(20));
}

TEST(Response, JsonInOnePieceIsLookedAtWhereItStands) {
    ResponseHead head = head_of("application/json");
    head.content_length = static_cast<int64_t>(kAnswer.size());
    Response response = begun(head);
    EXPECT_EQ(Form::kJson, response.form());
    ASSERT_TRUE(response.add_json(response.decode(kAnswer)));
    EXPECT_EQ(kAnswer.data(), response.json().data());
    end_json(response);
    expect_answer(response);
    response.forget_piece();
    EXPECT_TRUE(response.json().empty());
}

TEST(Response, JsonInPieces) {
    Response response = begun(head_of("application/json"));
    for (char c : kAnswer) {
        ASSERT_FALSE(response.add_json(response.decode(Bytes(&c, 1))));
    }
    EXPECT_EQ(kAnswer, response.json());
    end_json(response);
    expect_answer(response);
}

Response begun_in_gzip(const std::string& sent) {
    ResponseHead head = head_of("application/json");
    head.content_encoding = "gzip";
    head.content_length = static_cast<int64_t>(sent.size());
    return begun(head);
}

TEST(Response, EncodedJsonIsReadButNotPlain) {
    std::string sent = deflated(kAnswer, kGzipBits);
    Response response = begun_in_gzip(sent);
    EXPECT_FALSE(response.is_plain());
    EXPECT_FALSE(response.add_json(response.decode(sent)));
    EXPECT_FALSE(response.ends_within_encoding());
    end_json(response);
    expect_answer(response);
}

TEST(Response, EncodingThatIsCutIsNoAnswer) {
    std::string sent = deflated(kAnswer, kGzipBits);
    Response response = begun_in_gzip(sent);
    sent.resize(sent.size() - 9);
    (void) response.add_json(response.decode(sent));
    EXPECT_TRUE(response.ends_within_encoding());
    end_json(response);
    EXPECT_FALSE(response.summary());
    EXPECT_EQ("malformed", response.why_not_stored(1000));
}

TEST(Response, EncodingThatNobodyReads) {
    ResponseHead head = head_of("application/json");
    head.content_encoding = "zstd";
    Response response = begun(head);
    EXPECT_EQ(Form::kIgnored, response.form());
    EXPECT_FALSE(response.is_no_answer());  // a model may have made it
    EXPECT_EQ("encoding", response.why_not_stored(1000));
}

TEST(Response, AnotherTypeIsWhatTheClientAskedFor) {
    Response json = begun(head_of("text/plain"), false);
    EXPECT_EQ(Form::kJson, json.form());
    EXPECT_FALSE(json.is_plain());
    Response stream = begun(head_of("text/plain"), true);
    EXPECT_EQ(Form::kStream, stream.form());
    feed(stream, "a captive portal\n\n");
    stream.finish(true);
    EXPECT_TRUE(stream.is_no_answer());
    Response events = begun(head_of("text/plain"), true);
    feed(events, kDelta);
    EXPECT_FALSE(events.is_no_answer());
}

TEST(Response, StatusesThatAreNoAnswers) {
    for (int status : {204, 304, 400, 500}) {
        Response response = begun(head_of("application/json", status));
        EXPECT_EQ(Form::kIgnored, response.form()) << status;
        EXPECT_FALSE(response.is_answer()) << status;
        EXPECT_FALSE(response.is_no_answer()) << status;
    }
    Response created = begun(head_of("application/json", 201));
    EXPECT_TRUE(created.is_answer());
    EXPECT_EQ("status", created.why_not_stored(1000));
}

TEST(Response, JsonWithDoublesIsReadButCannotBecomeAStream) {
    std::string doubled(kAnswer);
    doubled.insert(1, "\"id\":\"chatcmpl-1\",");
    Response response = begun(head_of("application/json"));
    (void) response.add_json(doubled);
    end_json(response);
    EXPECT_TRUE(response.summary());
    EXPECT_FALSE(response.is_writable());
    Response unwanted = begun(head_of("application/json"));
    (void) unwanted.add_json(doubled);
    end_json(unwanted, false);
    EXPECT_TRUE(unwanted.is_writable());
}

TEST(Response, StreamThatIsWhole) {
    Response response = begun(head_of("text/event-stream"));
    feed(response, kDelta);
    EXPECT_FALSE(response.all_finished());
    EXPECT_EQ("truncated", response.why_not_stored(1000));
    feed(response, kStop);
    EXPECT_TRUE(response.all_finished());
    EXPECT_FALSE(response.is_terminal());
    feed(response, kDone);
    EXPECT_TRUE(response.is_terminal());
    EXPECT_EQ("", response.why_not_stored(1000));
    EXPECT_EQ(5u, response.generated(false).ascii_bytes);
}

TEST(Response, ErrorInAStream) {
    Response response = begun(head_of("text/event-stream"));
    feed(response, kDelta);
    feed(response, "data: {\"error\":{\"message\":\"overloaded\"}}\n\n");
    EXPECT_TRUE(response.has_failed());
    EXPECT_EQ("error", response.why_not_stored(1000));
    ASSERT_TRUE(response.error());
    EXPECT_EQ("overloaded", response.error()->message);
}

// nginx brings to its end what it keeps: of what nobody has seen as much is
// text as of the rest.
TEST(Response, BytesThatWentPast) {
    Response response = begun(head_of("text/event-stream"));
    feed(response, kDelta);
    response.receive_in_all(3 * kDelta.size());
    EXPECT_TRUE(response.has_unseen());
    EXPECT_EQ(15u, response.generated(false).ascii_bytes);

    Response blind = begun(head_of("text/event-stream"));
    blind.receive_in_all(300);
    EXPECT_EQ(0u, blind.generated(false).ascii_bytes);
    EXPECT_EQ(300u, blind.generated(true).ascii_bytes);
}

// Who begins to send a whole answer has made it.
TEST(Response, JsonThatIsCutCostsItsLength) {
    ResponseHead head = head_of("application/json");
    head.content_length = 5000;
    Response response = begun(head);
    (void) response.add_json(kAnswer.substr(0, 40));
    EXPECT_TRUE(response.is_unread());
    EXPECT_EQ(5000u, response.generated(false).ascii_bytes);
}

TEST(Response, MoreThanIsReadIsUnderstoodAsTooLarge) {
    Response response = begun(head_of("application/json"));
    std::string part(size_t{1} << 20, ' ');
    for (int i = 0; i < 17; i++) {
        (void) response.add_json(part);
    }
    EXPECT_TRUE(response.is_understood());
    EXPECT_EQ("size", response.why_not_stored(Response::kMostRead * 2));
}

}  // namespace
}  // namespace llm::exchange
