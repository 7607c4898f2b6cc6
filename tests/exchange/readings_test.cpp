#include "src/exchange/readings.hpp"

#include <gtest/gtest.h>

namespace llm::exchange {
namespace {

using api::Endpoint;

Reading reading(std::string body, Endpoint endpoint = Endpoint::kChat) {
    Reading reading;
    reading.body = std::move(body);
    reading.request.endpoint = endpoint;
    reading.request.model = reading.body.substr(0, 3);
    reading.key_head = "head";
    return reading;
}

TEST(Readings, KnowsWhatWasKeptAndNothingElse) {
    Readings readings;
    EXPECT_EQ(readings.find(Endpoint::kChat, true, "abc"), nullptr);
    readings.keep(reading("abcdef"));
    const Reading* known = readings.find(Endpoint::kChat, true, "abcdef");
    ASSERT_NE(known, nullptr);
    EXPECT_EQ(known->request.model, "abc");
    EXPECT_EQ(readings.find(Endpoint::kChat, true, "abcdeg"), nullptr);
    EXPECT_EQ(readings.find(Endpoint::kChat, false, "abcdef"), nullptr);
    EXPECT_EQ(readings.find(Endpoint::kMessages, true, "abcdef"), nullptr);
}

// Only the end of a body chooses its slot; the whole of it is compared.
TEST(Readings, ABodyThatDiffersAtItsHeadIsAnother) {
    Readings readings;
    std::string body = "a" + std::string(4000, '.');
    std::string other = "b" + std::string(4000, '.');
    readings.keep(reading(body));
    EXPECT_EQ(readings.find(Endpoint::kChat, true, other), nullptr);
    readings.keep(reading(other));
    EXPECT_NE(readings.find(Endpoint::kChat, true, other), nullptr);
    EXPECT_EQ(readings.find(Endpoint::kChat, true, body), nullptr);
    EXPECT_EQ(readings.bytes(), other.size());
}

TEST(Readings, NeverHoldsMoreThanItsBound) {
    Readings readings;
    for (int i = 0; i < 2000; i++) {
        std::string body(30000 + i, 'x');
        readings.keep(reading(body + std::to_string(i)));
        ASSERT_LE(readings.bytes(), Readings::kMaxBytes);
        ASSERT_NE(readings.find(Endpoint::kChat, true,
                                body + std::to_string(i)),
                  nullptr);
    }
    EXPECT_GT(readings.bytes(), Readings::kMaxBytes / 2);
}

TEST(Readings, AStreamStandsBesideItsBodyAndGoesWithIt) {
    Readings readings;
    Reading* known = readings.keep(reading("abcdef"));
    ASSERT_NE(known, nullptr);
    readings.keep_stream(*known, {1, 2, 3}, "m", "data: 1\n\n");
    EXPECT_EQ(readings.bytes(), 15u);
    readings.keep_stream(*known, {1, 2, 4}, "m", "data: 22\n\n");
    EXPECT_EQ(readings.bytes(), 16u);
    EXPECT_EQ(known->stream.entry, (cache::EntryId{1, 2, 4}));
    EXPECT_EQ(known->stream.text, "data: 22\n\n");
    readings.keep_stream(*known, {1, 2, 5}, "m",
                         std::string(Readings::kMaxBody + 1, 'x'));
    EXPECT_EQ(readings.bytes(), 6u);
    EXPECT_EQ(known->stream.text, "");
    readings.keep(reading("abcdef"));
    EXPECT_EQ(readings.bytes(), 6u);
}

TEST(Readings, StreamsCountInTheBoundAndSpareTheirOwnBody) {
    Readings readings;
    std::string stream(Readings::kMaxBody, 'x');
    for (int i = 0; i < 100; i++) {
        std::string body = "body " + std::to_string(i);
        Reading* known = readings.keep(reading(body));
        ASSERT_NE(known, nullptr);
        readings.keep_stream(*known, {}, "", stream);
        ASSERT_LE(readings.bytes(), Readings::kMaxBytes);
        known = readings.find(Endpoint::kChat, true, body);
        ASSERT_NE(known, nullptr);
        ASSERT_EQ(known->stream.text.size(), stream.size());
    }
}

TEST(Readings, WhatIsTooLongIsNotKept) {
    Readings readings;
    std::string body(Readings::kMaxBody + 1, 'x');
    readings.keep(reading(body));
    EXPECT_EQ(readings.bytes(), 0u);
    EXPECT_EQ(readings.find(Endpoint::kChat, true, body), nullptr);
    readings.keep(reading(""));
    EXPECT_EQ(readings.bytes(), 0u);
}

}  // namespace
}  // namespace llm::exchange
