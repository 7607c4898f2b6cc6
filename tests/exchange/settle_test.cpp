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
