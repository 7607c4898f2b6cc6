// What is charged for answers that did not come to their end.
#include "tests/exchange/exchange_stops.hpp"

namespace llm::exchange {
namespace {

using SettleTest = ExchangeTest;

TEST_F(SettleTest, AnAbortIsEstimatedOnce) {
    auto early = begin(false);
    early->end(End::kClientAbort, at(1));
    early->end(End::kComplete, at(3));
    EXPECT_TRUE(early->usage().estimated);
    EXPECT_GT(early->usage().input, 0);
    EXPECT_EQ(early->usage().output, 0);
    EXPECT_EQ(total(metrics::kUsageEstimated), 1u);
    EXPECT_EQ(total(metrics::kErrors), 1u);
    EXPECT_EQ(total(metrics::kCacheRequests), 1u);
    EXPECT_EQ(early->cache_reason(), "no_store:aborted");
}

// A whole answer is made before its first byte is seen.
TEST_F(SettleTest, WhoLeavesAWholeAnswerPaysForTheTime) {
    auto output = [&](End how, double seconds, bool stream, Bytes more = "") {
        auto exchange = begin(stream, false, more);
        exchange->end(how, at(1 + seconds));
        EXPECT_TRUE(exchange->usage().estimated);
        EXPECT_GT(exchange->usage().input, 0);
        return exchange->usage().output;
    };
    EXPECT_NEAR(output(End::kClientAbort, 3, false), 300, 2);
    EXPECT_NEAR(output(End::kTimeout, 3, false), 300, 2);
    EXPECT_EQ(output(End::kClientAbort, 3, false, R"(,"max_tokens":90)"), 90);
    EXPECT_EQ(output(End::kTimeout, 3600, false), 4096);
    EXPECT_EQ(output(End::kClientAbort, 3, true), 0);  // it would be seen
}

// What is reasoned before the first delta nobody sees.
TEST_F(SettleTest, WhoLeavesAReasoningStreamPaysForItsSilence) {
    auto output = [&](Bytes model, Bytes events, double seconds,
                      Bytes more = "") {
        std::string body = R"({"stream":true,"messages":[],"model":")";
        body += std::string(model) + '"' + std::string(more) + '}';
        Exchange exchange(services_, api::Endpoint::kChat, false, kEventMax,
                          at(1));
        EXPECT_FALSE(exchange.read(body));
        (void) exchange.forward(at(1));
        exchange.release();
        exchange.on_head({200, "text/event-stream", ""}, at(1.5));
        (void) exchange.on_stream(events, at(4));
        exchange.end(End::kClientAbort, at(1 + seconds));
        EXPECT_TRUE(exchange.usage().estimated);
        return exchange.usage().output;
    };
    std::string role = chunk(R"({"role":"assistant","content":""})");
    std::string text = chunk(R"({"content":"Hello, you there"})");
    EXPECT_NEAR(output("o3", "", 5), 500, 2);
    EXPECT_NEAR(output("o3", role, 5), 500, 2);
    EXPECT_EQ(output("gpt-5", role, 5, R"(,"max_completion_tokens":90)"), 90);
    EXPECT_NEAR(output("openai/gpt-5.1", role + text, 60), 304, 2);
    EXPECT_EQ(output("gpt-4o", role, 5), 0);
    EXPECT_NEAR(output("gpt-4o", role + text, 60), 4, 1);
}

// A total in the midst of a stream is not all of it.
TEST_F(SettleTest, TotalOfAnAnswerThatGoesOnIsNoneYet) {
    policy_.cache = false;
    auto usage = [&](Bytes more) {
        auto exchange = begin(true);
        head(*exchange, "text/event-stream");
        std::string text = chunk(R"({"content":"Hello, you there"})");
        size_t end = text.rfind('}');
        text.insert(end, more);
        (void) exchange->on_stream(text, at(2));
        exchange->end(End::kClientAbort, at(3));
        EXPECT_TRUE(exchange->usage().estimated);
        return exchange->usage();
    };
    api::Usage plain = usage("");
    api::Usage told = usage(R"(,"usage":{"total_tokens":900})");
    EXPECT_EQ(told.input, plain.input);
    EXPECT_EQ(told.output, plain.output);
}

// Nobody says how much of a total was the prompt.
TEST_F(SettleTest, TotalAloneIsWhatIsCharged) {
    policy_.cache = false;
    auto usage = [&](Bytes total) {
        auto exchange = begin(false);
        head(*exchange, "application/json");
        std::string answer = json_answer();
        size_t at_usage = answer.find("\"usage\"");
        answer = answer.substr(0, at_usage) + R"("usage":{"total_tokens":)"
                 + std::string(total) + "}}";
        exchange->on_json(answer, at(1.2));
        exchange->on_eof(true, End::kComplete, at(1.3));
        EXPECT_TRUE(exchange->usage().estimated);
        return exchange->usage();
    };
    api::Usage untold = usage("0");
    EXPECT_GT(untold.output, 0);
    for (Bytes total : {"1000", "7", "1"}) {
        api::Usage split = usage(total);
        uint64_t sum = 0;
        ASSERT_TRUE(parse_decimal(total, sum));
        EXPECT_EQ(split.input + split.output, static_cast<int64_t>(sum));
        EXPECT_LE(split.input, untold.input) << total;
        EXPECT_GT(split.output, 0) << total;
    }
    EXPECT_EQ(usage("1000").input, untold.input);
}

TEST_F(SettleTest, AHeadWithItsLengthTellsWhatWasMade) {
    for (int64_t length : {int64_t{-1}, int64_t{40}}) {
        auto exchange = begin(false);
        exchange->on_head({200, "application/json", "", length}, at(4));
        exchange->on_json("{\"id\":", at(4));
        exchange->end(End::kClientAbort, at(4));
        EXPECT_NEAR(exchange->usage().output, length < 0 ? 300 : 10, 2);
    }
}

TEST_F(SettleTest, NothingIsMadeOfWhatWasNotSent) {
    auto exchange = begin(false);
    exchange->never_sent();
    exchange->end(End::kClientAbort, at(5));
    EXPECT_FALSE(exchange->usage().known());
}

TEST_F(SettleTest, WhatNeverReachedAModelCostsNothing) {
    for (End how : {End::kUnreachable, End::kUpstreamInvalid}) {
        auto exchange = begin(false);
        exchange->end(how, at(2));
        EXPECT_FALSE(exchange->usage().known());
        EXPECT_EQ(exchange->cache_reason(), "no_store:error");
    }
    EXPECT_EQ(total(metrics::kUsageEstimated), 0u);
}

}  // namespace
}  // namespace llm::exchange
