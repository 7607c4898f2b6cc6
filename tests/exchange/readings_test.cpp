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

cache::Entry entry(Bytes content) {
    cache::Entry entry;
    entry.model = "m-1";
    entry.finish_reason = "stop";
    entry.content = content;
    entry.usage.output = 12;
    return entry;
}

TEST(Readings, WhatWasGivenStandsBesideItsBodyAndGoesWithIt) {
    Readings readings;
    Reading* known = readings.keep(reading("abcdef"));
    ASSERT_NE(known, nullptr);
    {
        std::string content = "{\"id\":\"c1\"}";
        readings.keep_given(*known, {1, 2, 3}, "000102", entry(content));
        content.assign(content.size(), 'x');
    }
    std::shared_ptr<const Given> given = known->given;
    EXPECT_EQ(given->entry.content, "{\"id\":\"c1\"}");
    EXPECT_EQ(given->id_text, "000102");
    EXPECT_EQ(given->entry.model, "m-1");
    EXPECT_EQ(given->entry.finish_reason, "stop");
    EXPECT_EQ(given->entry.usage.output, 12);
    EXPECT_EQ(given->entry.tenant, "");
    EXPECT_EQ(readings.bytes(), 6u + 18u);
    readings.keep_stream(*known, "m", "data: 1\n\n");
    EXPECT_EQ(readings.bytes(), 6u + 18u + 9u);
    readings.keep_stream(*known, "other", "data: 22\n\n");
    EXPECT_EQ(given->stream, "data: 1\n\n");
    EXPECT_EQ(given->model, "m");
    readings.keep_given(*known, {1, 2, 4}, "000103", entry("{}"));
    EXPECT_EQ(readings.bytes(), 6u + 9u);
    readings.keep(reading("abcdef"));
    EXPECT_EQ(readings.bytes(), 6u);
    EXPECT_EQ(given->entry.content, "{\"id\":\"c1\"}");
}

TEST(Readings, WhatWasGivenCountsInTheBoundAndSparesItsOwnBody) {
    Readings readings;
    std::string content(Readings::kMaxBody - 100, 'x');
    for (int i = 0; i < 100; i++) {
        std::string body = "body " + std::to_string(i);
        Reading* known = readings.keep(reading(body));
        ASSERT_NE(known, nullptr);
        readings.keep_given(*known, {}, "", entry(content));
        readings.keep_stream(*known, "", content);
        ASSERT_LE(readings.bytes(), Readings::kMaxBytes);
        known = readings.find(Endpoint::kChat, true, body);
        ASSERT_NE(known, nullptr);
        ASSERT_NE(known->given, nullptr);
        ASSERT_EQ(known->given->stream.size(), content.size());
    }
    Reading* known = readings.keep(reading("body"));
    content.resize(Readings::kMaxBody + 1, 'x');
    readings.keep_given(*known, {}, "", entry(content));
    EXPECT_EQ(known->given, nullptr);
    readings.keep_given(*known, {}, "", entry("{}"));
    readings.keep_stream(*known, "", content);
    EXPECT_EQ(known->given->stream, "");
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
