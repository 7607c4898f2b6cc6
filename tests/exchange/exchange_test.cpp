// One exchange, stop by stop; see exchange_stops.hpp.
#include "tests/exchange/exchange_stops.hpp"

namespace llm::exchange {
namespace {

TEST_F(ExchangeTest, JsonIsStoredAndComesBackInBothForms) {
    store();
    auto json = begin(false);
    ASSERT_EQ(step_, Step::kReply);
    EXPECT_EQ(json->reply().body, json_answer());
    EXPECT_EQ(json->usage().output, 12);
    auto stream = begin(true);
    ASSERT_EQ(step_, Step::kReply);
    EXPECT_TRUE(stream->reply().body.ends_with(kDone));
    EXPECT_EQ(stream->reply().body.find("usage\":{"), Bytes::npos);
}

// The second hit is not parsed, and is the same in all it says.
TEST_F(ExchangeTest, ABodyThatIsKnownIsReadAsBefore) {
    store();
    auto first = begin(false);
    ASSERT_EQ(step_, Step::kReply);
    EXPECT_GT(services_.readings.bytes(), 0u);
    auto second = begin(false);
    ASSERT_EQ(step_, Step::kReply);
    EXPECT_EQ(second->key(), first->key());
    EXPECT_EQ(second->reply().body, json_answer());
    EXPECT_EQ(second->request().model, "m");
    EXPECT_EQ(second->request().messages, 1u);
    EXPECT_EQ(second->request().ascii_bytes, first->request().ascii_bytes);
    policy_.version = "2";  // another key for the same bytes
    auto other = begin(false);
    EXPECT_EQ(step_, Step::kForward);
    EXPECT_NE(other->key(), first->key());
}

// What the store gave for a body is given again as long as the entry stands, a
// stream as it was written.
TEST_F(ExchangeTest, WhatWasGivenIsGivenAgainAsLongAsItsEntryStands) {
    store();
    std::string stream(begin(true)->reply().body);
    size_t first = services_.readings.bytes();
    EXPECT_EQ(begin(true)->reply().body, stream);
    EXPECT_GT(services_.readings.bytes(), first + stream.size());
    size_t asked = memory_.size();
    auto again = begin(true);
    ASSERT_EQ(step_, Step::kReply);
    EXPECT_EQ(memory_.size(), asked);  // nothing was copied
    EXPECT_EQ(again->reply().body, stream);
    EXPECT_EQ(again->reply().content_type,
              "text/event-stream; charset=utf-8");
    EXPECT_EQ(again->reply().ttl_s, 60);
    EXPECT_TRUE(services_.store->parse_id(again->reply().entry_id).ok());
    EXPECT_EQ(again->served_model(), "m-1");
    EXPECT_EQ(again->finish_reason(), "stop");
    EXPECT_EQ(again->cache_reason(), "exact");
    again->end(End::kComplete, at(1.4));
    EXPECT_EQ(total(metrics::kSavedTokens), 42u);
    ASSERT_TRUE(services_.store->purge(cache::PurgeBy::kModel, "m-1").ok());
    (void) begin(true);
    EXPECT_EQ(step_, Step::kForward);
    EXPECT_EQ(again->reply().body, stream);  // it may still be under way
}

TEST_F(ExchangeTest, AnotherEntryOfTheSameKeyIsGivenInstead) {
    store();
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(begin(false)->reply().body, json_answer());
        EXPECT_NE(begin(true)->reply().body.find("Hello"), Bytes::npos);
    }
    policy_.bypass = true;
    auto other = begin(false);
    head(*other, "application/json");
    std::string answer = json_answer();
    answer.replace(answer.find("Hello"), 5, "Howdy");
    other->on_json(answer, at(1.5));
    other->on_eof(true, End::kComplete, at(1.5));
    policy_.bypass = false;
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(begin(false)->reply().body, answer);
        EXPECT_NE(begin(true)->reply().body.find("Howdy"), Bytes::npos);
    }
}

TEST_F(ExchangeTest, WhatWasGivenIsNotGivenToWhoWantsItFresher) {
    store();
    for (int i = 0; i < 3; i++) {
        (void) begin(false);
        ASSERT_EQ(step_, Step::kReply);
    }
    policy_.control.min_fresh_s = 1000;
    (void) begin(false);
    EXPECT_EQ(step_, Step::kForward);
}

// A body by its Content-Length is settled before the bytes go.
TEST_F(ExchangeTest, AnAnswerInOnePieceIsStoredFromWhereItStands) {
    auto exchange = begin(false);
    std::string answer = json_answer();
    exchange->on_head({200, "application/json", "",
                       static_cast<int64_t>(answer.size())},
                      at(1.1));
    exchange->on_json(answer, at(1.2));
    EXPECT_TRUE(exchange->ended());
    answer.assign(answer.size(), 'x');
    exchange->on_eof(true, End::kComplete, at(1.3));
    exchange.reset();
    auto hit = begin(false);
    ASSERT_EQ(step_, Step::kReply);
    EXPECT_EQ(hit->reply().body, json_answer());
}

TEST_F(ExchangeTest, ABodyThatIsKnownIsParsedWhenItMustGoOn) {
    store();
    (void) begin(true);
    ASSERT_EQ(step_, Step::kReply);
    policy_.bypass = true;
    auto exchange = begin(true);
    ASSERT_EQ(step_, Step::kForward);
    EXPECT_GT(edits_, 0u);  // include_usage went in
    EXPECT_FALSE(exchange->has_document());
}

TEST_F(ExchangeTest, AHitSavesAndBuysNothing) {
    store();
    uint64_t bought = total(metrics::kTokenUsage);
    auto hit = begin(false);
    hit->end(End::kComplete, at(2));
    EXPECT_EQ(total(metrics::kSavedTokens), 42u);
    EXPECT_EQ(total(metrics::kTokenUsage), bought);
}

TEST_F(ExchangeTest, UsageIsAskedForAndItsChunkWithheld) {
    auto exchange = begin(true);
    EXPECT_GT(edits_, 0u);
    head(*exchange, "text/event-stream");
    std::string hello = chunk(R"({"role":"assistant","content":"Hello"})");
    std::string stop = chunk("{}", "\"stop\"");
    EXPECT_EQ(feed(*exchange, hello + stop + usage_chunk()), hello + stop);
    EXPECT_FALSE(exchange->ended());
    EXPECT_EQ(feed(*exchange, kDone), kDone);
    EXPECT_TRUE(exchange->ended());
    EXPECT_EQ(exchange->usage().input, 30);
    EXPECT_FALSE(exchange->usage().estimated);
    auto again = begin(false);
    EXPECT_EQ(again->cache_status(), CacheStatus::kHit);
}

TEST_F(ExchangeTest, AClientThatAsksSeesTheChunk) {
    auto exchange =
        begin(true, false, R"(,"stream_options":{"include_usage":true})");
    EXPECT_EQ(edits_, 0u);
    head(*exchange, "text/event-stream");
    EXPECT_EQ(feed(*exchange, usage_chunk()), usage_chunk());
}

TEST_F(ExchangeTest, NothingFollowsTheTerminalEvent) {
    auto exchange = begin(true);
    head(*exchange, "text/event-stream");
    std::string stop = chunk(R"({"content":"x"})", "\"stop\"");
    feed(*exchange, stop);
    EXPECT_EQ(feed(*exchange, std::string(kDone) + usage_chunk()), kDone);
    EXPECT_EQ(exchange->usage().output, 12);
}

TEST_F(ExchangeTest, AMalformedChunkIsSkipped) {
    const std::string bad = "data: {\"half\n\ndata: \n\n";
    const std::string hello = chunk(R"({"content":"Hello"})");
    const std::string rest = chunk("{}", "\"stop\"") + std::string(kDone);
    for (bool observe : {false, true}) {
        auto exchange = begin(true, observe);
        head(*exchange, "text/event-stream");
        std::string got = feed(*exchange, hello + bad + rest);
        EXPECT_EQ(got, observe ? hello + bad + rest : hello + rest);
        EXPECT_EQ(exchange->on_eof(true, End::kComplete, at(2)), "");
        EXPECT_FALSE(exchange->broken());
        EXPECT_TRUE(exchange->cache_reason().starts_with("no_store:"));
    }
    // An error stays one, whatever its data are.
    auto exchange = begin(true);
    head(*exchange, "text/event-stream");
    std::string error = "event: error\ndata: gone\n\n";
    EXPECT_EQ(feed(*exchange, hello + error), hello + error);
}

TEST_F(ExchangeTest, ACutStreamEndsInAnErrorAndIsNotStored) {
    for (bool clean : {true, false}) {
        auto exchange = begin(true);
        head(*exchange, "text/event-stream");
        std::string hello = chunk(R"({"content":"Hello there"})");
        EXPECT_EQ(feed(*exchange, hello + "data: {\"half"), hello);
        Bytes tail = exchange->on_eof(clean, End::kUpstreamCut, at(2));
        EXPECT_TRUE(tail.starts_with("data: {\"error\""));
        EXPECT_TRUE(exchange->broken());
        EXPECT_EQ(exchange->cache_reason(), "no_store:truncated");
        EXPECT_TRUE(exchange->usage().estimated);
        EXPECT_GT(exchange->usage().output, 0);
    }
    EXPECT_EQ(total(metrics::kStreamEnds), 2u);
    EXPECT_EQ(total(metrics::kErrors), 2u);
}

TEST_F(ExchangeTest, TheErrorOfACutResponseHasTheNextNumber) {
    std::string body = R"({"model":"m","input":"x","stream":true})";
    Exchange exchange(services_, api::Endpoint::kResponses, false, kEventMax,
                      at(1));
    ASSERT_FALSE(exchange.read(body));
    (void) exchange.look_up(policy_, at(1), allocator());
    (void) exchange.forward(at(1));
    exchange.release();
    head(exchange, "text/event-stream");
    feed(exchange, "event: response.created\ndata: {\"type\":"
                   "\"response.created\",\"sequence_number\":41,"
                   "\"response\":{}}\n\n");
    Bytes tail = exchange.on_eof(true, End::kUpstreamCut, at(2));
    EXPECT_NE(tail.find("\"sequence_number\":42}"), Bytes::npos) << tail;
}

TEST_F(ExchangeTest, AFinishedTextWithoutTerminalEventEndsClean) {
    auto exchange = begin(true);
    head(*exchange, "text/event-stream");
    feed(*exchange, chunk(R"({"content":"x"})", "\"stop\""));
    EXPECT_EQ(exchange->on_eof(true, End::kComplete, at(2)), "");
    EXPECT_FALSE(exchange->broken());
    EXPECT_EQ(exchange->cache_reason(), "no_store:truncated");
}

TEST_F(ExchangeTest, AnEventThatIsTooLargeBreaksTheStream) {
    auto exchange = begin(true);
    head(*exchange, "text/event-stream");
    std::string huge = "data: " + std::string(2 * kEventMax, 'x');
    EXPECT_NE(feed(*exchange, huge).find("upstream_event_too_large"),
              std::string::npos);
    EXPECT_TRUE(exchange->broken());
    EXPECT_EQ(exchange->cache_reason(), "no_store:size");
}

// Clients read it, so it has been paid for.
TEST_F(ExchangeTest, AnAnswerWithHalfAPairIsMeteredAndNotStored) {
    std::string body = json_answer();
    size_t content = body.find("\"content\":\"");
    ASSERT_NE(content, std::string::npos);
    body.insert(content + 11, "\\ud83d");
    auto exchange = begin(false);
    head(*exchange, "application/json");
    exchange->on_json(body, at(2));
    exchange->on_eof(true, End::kComplete, at(2));
    EXPECT_EQ(exchange->cache_reason(), "no_store:malformed");
    EXPECT_FALSE(exchange->usage().estimated);
    EXPECT_GT(exchange->usage().output, 0);
}

TEST_F(ExchangeTest, WhatIsNotStored) {
    struct {
        Bytes type;
        int status;
        std::string body;
        Bytes reason;
    } const cases[] = {
        {"application/json", 500, json_answer(), "no_store:status"},
        {"application/json", 200, json_answer("length"), "no_store:finish"},
        {"application/json", 200, R"({"error":{"message":"no"}})",
         "no_store:error"},
        {"application/json", 200, json_answer().substr(0, 90),
         "no_store:malformed"},
        {"application/json", 200, R"({"x":1})", "no_store:malformed"},
        // Its stream could not be written: who reads it must not guess.
        {"application/json", 200, doubled_answer(), "no_store:malformed"},
        {"text/html", 200, "<html>", "no_store:content_type"},
    };
    for (const auto& one : cases) {
        auto exchange = begin(false);
        head(*exchange, one.type, one.status);
        exchange->on_json(one.body, at(2));
        exchange->on_eof(true, End::kComplete, at(2));
        exchange->end(End::kComplete, at(2));
        EXPECT_EQ(exchange->cache_reason(), one.reason);
    }
    auto large = begin(false);
    policy_.max_size = 10;
    auto small = begin(false);
    head(*small, "application/json");
    small->on_json(json_answer(), at(2));
    small->end(End::kComplete, at(2));
    EXPECT_EQ(small->cache_reason(), "no_store:size");
    // What is stored of a stream is JSON, where each of these is two bytes.
    policy_.max_size = 1000;
    auto quotes = begin(true);
    head(*quotes, "text/event-stream");
    std::string text;
    for (int i = 0; i < 450; i++) {
        text += "\\\"";
    }
    (void) feed(*quotes, chunk("{\"content\":\"" + text + "\"}")
                             + chunk("{}", "\"stop\"") + usage_chunk()
                             + std::string(kDone));
    quotes->on_eof(true, End::kComplete, at(2));
    EXPECT_EQ(quotes->cache_reason(), "no_store:size");
    EXPECT_EQ(zone_->stats().entries, 0u);
}

// What stands in memory and cannot be read is no hit, and costs nobody.
TEST_F(ExchangeTest, AnEntryThatCannotBeAStreamIsNotCharged) {
    auto asked = begin(true);
    ASSERT_EQ(step_, Step::kForward);
    std::string content = doubled_answer();
    cache::Entry entry;
    entry.endpoint = api::Endpoint::kChat;
    entry.usage.input = 30;
    entry.usage.output = 12;
    entry.content = content;
    std::string header;
    ASSERT_TRUE(cache::encode(entry, header).ok());
    cache::EntryMeta meta;
    meta.ttl_s = 60;
    meta.born = services_.store->sequence();
    ASSERT_EQ(services_.store
                  ->put(*asked->key(), meta, entry.pieces(header), at(1))
                  .status,
              cache::Put::kStored);
    auto failed = begin(true);
    ASSERT_EQ(step_, Step::kForward);
    EXPECT_EQ(failed->cache_reason(), "corrupt");
    head(*failed, "application/json", 500);
    failed->end(End::kComplete, at(2));
    EXPECT_FALSE(failed->usage().known());
}

TEST_F(ExchangeTest, ARerouteIsNotStored) {
    auto exchange = begin(false);
    exchange->reroute();
    head(*exchange, "application/json");
    EXPECT_FALSE(exchange->will_store());
    exchange->on_json(json_answer(), at(2));
    exchange->end(End::kComplete, at(2));
    EXPECT_EQ(exchange->cache_reason(), "no_store:rerouted");
}

TEST_F(ExchangeTest, ARefusalIsCountedByWhoseFaultItWas) {
    struct {
        int status;
        Bytes kind;
    } cases[] = {{400, "invalid_request"}, {408, "client_abort"},
                 {413, "too_large"},       {415, "unsupported"},
                 {499, "client_abort"},    {500, "internal"}};
    for (auto [status, kind] : cases) {
        auto exchange = begin(false);
        uint64_t before = errors(kind);
        exchange->end(End::kRefused, at(2));
        exchange->log(status);
        EXPECT_EQ(errors(kind) - before, 1u) << status;
    }
    EXPECT_EQ(total(metrics::kErrors), std::size(cases));
    auto only_if_cached = begin(false);
    only_if_cached->end(End::kRefused, at(2));
    only_if_cached->log(504);
    EXPECT_EQ(total(metrics::kErrors), std::size(cases));
}

TEST_F(ExchangeTest, ObserveEditsNothingAndTells) {
    store();
    auto exchange = begin(true, true);
    EXPECT_EQ(step_, Step::kForward);
    EXPECT_EQ(edits_, 0u);
    EXPECT_EQ(exchange->cache_status(), CacheStatus::kHit);
    head(*exchange, "text/event-stream");
    EXPECT_FALSE(exchange->edits_stream());
    std::string cut = chunk(R"({"content":"x"})") + "data: {";
    EXPECT_EQ(feed(*exchange, cut), cut);
    EXPECT_EQ(exchange->on_eof(true, End::kComplete, at(2)), "");
    EXPECT_FALSE(exchange->broken());
    EXPECT_TRUE(exchange->usage().estimated);
}

TEST_F(ExchangeTest, ABodyOfTooManyValuesIsRefusedOrPassesUnread) {
    begin(false);  // its document is the next one's
    std::string body = R"({"model":"m","messages":[],"x":[)";
    for (int i = 0; i < 1100000; i++) {
        body += "1,";
    }
    body += "1]}";
    Exchange refused(services_, api::Endpoint::kChat, false, kEventMax,
                     at(1));
    auto error = refused.read(body);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->status, 413);
    Exchange watched(services_, api::Endpoint::kChat, true, kEventMax, at(1));
    EXPECT_FALSE(watched.read(body));
    EXPECT_FALSE(watched.has_document());
}

// What is no LLM request has no model, and no answer of one.
TEST_F(ExchangeTest, OtherTrafficIsNoAnswerOfAModel) {
    Exchange exchange(services_, api::Endpoint::kNone, false, kEventMax,
                      at(1));
    exchange.end(End::kComplete, at(2));
    exchange.log(200);
    auto answers = [this] {
        size_t series = 0;
        services_.metrics.for_each([&](const metrics::SeriesView& one) {
            series += one.family == metrics::kRequestDuration.id ? 1 : 0;
        });
        return series;
    };
    EXPECT_EQ(answers(), 0u);
    EXPECT_EQ(total(metrics::kRequests), 1u);
    auto asked = begin(false);
    head(*asked, "application/json");
    asked->on_json(json_answer(), at(2));
    asked->end(End::kComplete, at(2));
    EXPECT_EQ(answers(), 1u);
}

TEST_F(ExchangeTest, TheClockOfAStream) {
    auto exchange = begin(true);
    head(*exchange, "text/event-stream");
    EXPECT_EQ(exchange->ttft_ns(), -1);
    exchange->on_stream(": ping\n\n", at(1.2));
    exchange->on_stream(chunk(R"({"role":"assistant"})"), at(1.3));
    EXPECT_EQ(exchange->ttft_ns(), -1);
    std::string word = chunk(R"({"content":"x"})");
    exchange->on_stream(word, at(1.5));
    exchange->on_stream(word, at(2.5));
    EXPECT_NEAR(static_cast<double>(exchange->ttft_ns()), 0.5e9, 1e6);
}

}  // namespace
}  // namespace llm::exchange
