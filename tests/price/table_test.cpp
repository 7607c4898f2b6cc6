#include "src/price/table.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "src/watch/watched.hpp"

namespace llm::price {
namespace {

static_assert(std::is_constructible_v<watch::Watched<Table>,
                                      watch::WatchOptions,
                                      Result<Table> (*)(Bytes)>);

Table table_of(Bytes text) {
    auto table = Table::parse(text);
    EXPECT_TRUE(table.ok()) << table.error().message;
    return table ? std::move(table).value() : Table();
}

api::Usage usage(int64_t input, int64_t output) {
    api::Usage u;
    u.input = input;
    u.output = output;
    return u;
}

constexpr Bytes kClaude = R"({
  "sample_spec": {"input_cost_per_token": "a number", "max_tokens": "LEGACY"},
  "last_updated": "2026-07-24T18:23:43",
  "claude": {
    "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05,
    "cache_read_input_token_cost": 3e-07,
    "cache_creation_input_token_cost": 3.75e-06,
    "cache_creation_input_token_cost_above_1hr": 6e-06,
    "input_cost_per_token_above_200k_tokens": 6e-06,
    "output_cost_per_token_above_200k_tokens": 2.25e-05,
    "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-05,
    "output_cost_per_token_above_200k_tokens_priority": 9,
    "output_cost_per_token_batches": "not read",
    "max_input_tokens": 200000, "max_tokens": 64000, "mode": "chat"}
})";

TEST(Table, ReadsTiersAndKinds) {
    Table table = table_of(kClaude);
    EXPECT_EQ(table.size(), 1u);
    EXPECT_EQ(table.find("sample_spec"), nullptr);
    const ModelPrice* price = table.find("claude");
    ASSERT_NE(price, nullptr);
    EXPECT_EQ(price->max_input, 200000);
    EXPECT_EQ(price->max_output, 64000);
    ASSERT_EQ(price->tiers.size(), 2u);
    const auto& base = price->tiers[0].rates;
    EXPECT_EQ(base[kInput], 3000000);
    EXPECT_EQ(base[kOutput], 15000000);
    EXPECT_EQ(base[kCacheRead], 300000);
    EXPECT_EQ(base[kCacheWrite], 3750000);
    EXPECT_EQ(base[kCacheWrite1h], 6000000);
    EXPECT_EQ(base[kReasoning], 15000000);  // as output
    EXPECT_EQ(base[kAudioInput], 3000000);  // as input
    const auto& above = price->tiers[1].rates;
    EXPECT_EQ(price->tiers[1].above, 200000);
    EXPECT_EQ(above[kInput], 6000000);
    EXPECT_EQ(above[kOutput], 22500000);
    EXPECT_EQ(above[kCacheRead], 300000);  // the base's own
    EXPECT_EQ(above[kCacheWrite1h], 12000000);
    EXPECT_EQ(price->tier(200000)->above, 0);
    EXPECT_EQ(price->tier(200001)->above, 200000);
}

TEST(Table, ChargesEachKindAtItsRate) {
    const Table table = table_of(kClaude);
    const ModelPrice& price = *table.find("claude");
    EXPECT_EQ(*cost_nano(price, usage(0, 0)), 0);
    EXPECT_EQ(*cost_nano(price, usage(1000, 100)), 3000000 + 1500000);
    api::Usage u = usage(1000, 100);
    u.cached_input = 500;
    u.cache_write = 300;
    u.cache_write_1h = 100;
    // 200 plain, 500 read, 200 written for 5 minutes, 100 for an hour
    EXPECT_EQ(*cost_nano(price, u),
              200 * 3000 + 500 * 300 + 200 * 3750 + 100 * 6000
                  + 100 * 15000);
    // One token above the threshold and all of it costs more.
    EXPECT_EQ(*cost_nano(price, usage(200000, 0)), 600000000);
    EXPECT_EQ(*cost_nano(price, usage(200001, 0)), 200001 * int64_t{6000});
}

TEST(Table, ImagesHaveAPriceOfTheirOwn) {
    Table table = table_of(R"({"m": {"input_cost_per_token": 1e-6,
        "output_cost_per_token": 2e-6, "input_cost_per_image_token": 3e-6,
        "output_cost_per_image_token": 3e-5}})");
    const ModelPrice& price = *table.find("m");
    api::Usage u = usage(100, 1300);
    u.image_input = 40;
    u.image_output = 1290;
    EXPECT_EQ(*cost_nano(price, u),
              60 * 1000 + 40 * 3000 + 10 * 2000 + 1290 * 30000);
    EXPECT_EQ(*most_nano(price, 0, 100), 100 * 30000);
}

TEST(Table, PartsNeverExceedTheWhole) {
    const Table table = table_of(kClaude);
    const ModelPrice& price = *table.find("claude");
    api::Usage u = usage(100, 10);
    u.cached_input = 1000;
    u.cache_write = 1000;
    u.reasoning = 50;
    u.audio_output = 50;
    EXPECT_EQ(*cost_nano(price, u), 100 * 300 + 10 * 15000);
    u.cached_input = -5;
    u.cache_write = 0;
    EXPECT_EQ(*cost_nano(price, u), 100 * 3000 + 10 * 15000);
}

// Fault case 73.
TEST(Table, RoundsUpOnceAndSaturates) {
    Table table = table_of(R"({
        "tiny": {"input_cost_per_token": 1e-12, "output_cost_per_token": 0},
        "dear": {"input_cost_per_token": 1000, "output_cost_per_token": 1000}
    })");
    EXPECT_EQ(*cost_nano(*table.find("tiny"), usage(1, 5)), 1);
    EXPECT_EQ(*cost_nano(*table.find("tiny"), usage(1000, 5)), 1);
    EXPECT_EQ(*cost_nano(*table.find("tiny"), usage(1001, 5)), 2);
    EXPECT_EQ(*cost_nano(*table.find("dear"),
                         usage(api::Usage::kMax, api::Usage::kMax)),
              INT64_MAX);
}

TEST(Table, WhatHasNoPriceHasNoCost) {
    Table table = table_of(R"({
        "embed": {"input_cost_per_token": 1e-7, "output_cost_per_token": null},
        "image": {"output_cost_per_image": 0.04, "mode": "image_generation"}
    })");
    EXPECT_EQ(*cost_nano(*table.find("embed"), usage(10, 0)), 1000);
    EXPECT_FALSE(cost_nano(*table.find("embed"), usage(10, 1)));
    EXPECT_FALSE(cost_nano(*table.find("image"), usage(10, 1)));
    EXPECT_FALSE(cost_nano(*table.find("embed"), api::Usage()));
    EXPECT_FALSE(affordable_output(*table.find("embed"), 1, 1000));
}

TEST(Table, TellsHowMuchOutputMoneyBuys) {
    Table table = table_of(R"({
        "m": {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6},
        "r": {"input_cost_per_token": 0, "output_cost_per_token": 2e-6,
              "output_cost_per_reasoning_token": 4e-6},
        "free": {"input_cost_per_token": 0, "output_cost_per_token": 0}})");
    const ModelPrice& m = *table.find("m");
    EXPECT_EQ(*affordable_output(m, 1000, 3000000), 1000);
    EXPECT_EQ(*affordable_output(m, 1000, 1000000), 0);
    EXPECT_EQ(*affordable_output(m, 1000, 999999), 0);
    int64_t tokens = *affordable_output(m, 7, 123456789);
    EXPECT_LE(*cost_nano(m, usage(7, tokens)), 123456789);
    EXPECT_GT(*cost_nano(m, usage(7, tokens + 1)), 123456789);
    EXPECT_EQ(*affordable_output(*table.find("r"), 5, 4000), 1);
    EXPECT_EQ(*affordable_output(*table.find("free"), 5, 0), INT64_MAX);
}

TEST(Table, ReadsRangesAndTheOtherNameOfCacheReads) {
    Table table = table_of(R"({
        "q": {"tiered_pricing": [
            {"range": [0, 256000.0], "input_cost_per_token": 5e-08,
             "output_cost_per_token": 4e-07},
            {"range": [256000.0, 1000000.0], "input_cost_per_token": 2.5e-07,
             "output_cost_per_token": 2e-06}]},
        "d": {"input_cost_per_token_cache_hit": 1e-8,
              "input_cost_per_token": 1e-6},
        "e": {"cache_read_input_token_cost": 2e-8,
              "input_cost_per_token_cache_hit": 1e-8}})");
    const ModelPrice& q = *table.find("q");
    EXPECT_EQ(*cost_nano(q, usage(256000, 1)), 256000 * 50 + 400);
    EXPECT_EQ(*cost_nano(q, usage(256001, 1)), 256001 * 250 + 2000);
    EXPECT_EQ(table.find("d")->tiers[0].rates[kCacheRead], 10000);
    EXPECT_EQ(table.find("e")->tiers[0].rates[kCacheRead], 20000);
}

TEST(Table, NamesTheEntryTheMemberAndTheLine) {
    struct Case {
        Bytes text;
        Bytes message;
    } cases[] = {
        {"{\n\"m\": {\"input_cost_per_token\": \"0.1\"}}",
         "line 2: \"m\": \"input_cost_per_token\" must be a number of USD a "
         "token"},
        {R"({"m": {"output_cost_per_token": -1e-6}})",
         "line 1: \"m\": \"output_cost_per_token\" must not be negative"},
        {R"({"m": {"output_cost_per_token": -1e-99}})",
         "line 1: \"m\": \"output_cost_per_token\" must not be negative"},
        {R"({"m": {"cache_read_input_token_cost": 1e309}})",
         "line 1: \"m\": \"cache_read_input_token_cost\" is too large"},
        {R"({"m": {"input_cost_per_token_above_128k_tokens": 1001}})",
         "line 1: \"m\": \"input_cost_per_token_above_128k_tokens\" must be "
         "at most 1000 USD a token"},
        {R"({"m": {"max_input_tokens": "many"}})",
         "line 1: \"m\": \"max_input_tokens\" must be a number of tokens"},
        {R"({"m": {"max_output_tokens": -1}})",
         "line 1: \"m\": \"max_output_tokens\" must be a number of tokens"},
        {R"({"m": {"tiered_pricing": 5}})",
         "line 1: \"m\": \"tiered_pricing\" must be a list"},
        {R"({"m": {"tiered_pricing": [{"range": []}]}})",
         "line 1: \"m\": \"range\" must be a list of numbers"},
        {R"({"m": {"tiered_pricing": [{"range": ["0", 1]}]}})",
         "line 1: \"m\": \"range\" must be a list of numbers"},
        {R"({"m": {"tiered_pricing": [{"range": [-1, 1]}]}})",
         "line 1: \"m\": \"range\" must begin with a number of tokens"},
        {R"({"m": {"tiered_pricing": [{"range": [1e30]}]}})",
         "line 1: \"m\": \"range\" must begin with a number of tokens"},
        {R"({"m": {"tiered_pricing": [{"range": [0],)"
         R"("input_cost_per_token": -1}]}})",
         "line 1: \"m\": \"input_cost_per_token\" must not be negative"},
        {"{\n\"m\": {},\n,}", "line 3: a member's name expected"},
        {R"([1])", "must be one object of models"},
        {R"({"": {}})", "\"\": a model's name has 1 to 256 bytes"},
        {R"({"message": "API rate limit exceeded"})",
         "has no model with a price of tokens: it is no file of prices"},
        {R"({"error": {"code": 404, "message": "Not Found"}})",
         "has no model with a price of tokens: it is no file of prices"},
    };
    for (const Case& c : cases) {
        auto table = Table::parse(c.text);
        ASSERT_FALSE(table.ok()) << c.text;
        EXPECT_EQ(table.error().message, c.message);
    }
    EXPECT_FALSE(Table::parse(R"({"m": {}, "m": {}})").ok());
    EXPECT_FALSE(Table::parse(R"({"m": )").ok());
    EXPECT_FALSE(Table::parse("").ok());
    EXPECT_EQ(table_of("{}").size(), 0u);
    EXPECT_EQ(table_of(R"({"m": {"max_tokens": 9}, "n": {}})").size(), 2u);
}

TEST(Table, BoundsTiers) {
    std::string text = "{\"m\": {\"a\": 0";
    for (int i = 1; i <= 40; i++) {
        text += ", \"input_cost_per_token_above_" + std::to_string(i)
                + "k_tokens\": 1e-6";
    }
    auto table = Table::parse(text + "}}");
    ASSERT_FALSE(table.ok());
    EXPECT_NE(table.error().message.find("one tier too many"),
              std::string::npos);
}

TEST(Book, OwnPricesComeFirstAndNamesLoseTheirPrefixes) {
    auto rate = [](const char* model, int dollars) {
        return "\"" + std::string(model) + "\": {\"input_cost_per_token\": "
               + std::to_string(dollars) + "}";
    };
    Book book;
    EXPECT_EQ(book.find("gpt"), nullptr);
    book.common = std::make_shared<const Table>(table_of(
        "{" + rate("gpt", 1) + "," + rate("azure/gpt", 2) + ","
        + rate("groq/llama", 3) + "," + rate("ft:gpt", 4) + ","
        + rate("a/b/c", 5) + "," + rate("b/c", 6) + "}"));
    auto dollars = [&book](Bytes model, Bytes provider = "") {
        const ModelPrice* price = book.find(model, provider);
        return price == nullptr
                   ? int64_t{-1}
                   : price->tiers[0].rates[kInput] / 1000000000000;
    };
    EXPECT_EQ(dollars("gpt"), 1);
    EXPECT_EQ(dollars("gpt", "azure"), 2);
    EXPECT_EQ(dollars("gpt", "openai"), 1);
    EXPECT_EQ(dollars("openai/gpt"), 1);
    EXPECT_EQ(dollars("azure/gpt"), 2);
    EXPECT_EQ(dollars("x/y/azure/gpt"), 2);
    EXPECT_EQ(dollars("a/b/c"), 5);
    EXPECT_EQ(dollars("z/b/c"), 6);
    EXPECT_EQ(dollars("llama"), -1);
    EXPECT_EQ(dollars("llama", "groq"), 3);
    EXPECT_EQ(dollars("ft:gpt:acme::id"), 4);
    EXPECT_EQ(dollars("ft:gpt"), 4);
    EXPECT_EQ(dollars("ft:other:acme"), -1);
    EXPECT_EQ(dollars(""), -1);
    EXPECT_EQ(dollars("gpt "), -1);
    EXPECT_EQ(dollars(std::string(1 << 20, '/')), -1);
    book.own = std::make_shared<const Table>(
        table_of("{" + rate("gpt", 9) + "}"));
    EXPECT_EQ(dollars("gpt"), 9);
    EXPECT_EQ(dollars("gpt", "azure"), 2);
    EXPECT_EQ(dollars("openai/gpt"), 9);
}

std::string fixture() {
    const char* folder = std::getenv("LLM_FIXTURES");
    std::string root = folder != nullptr ? folder : "../shared/fixtures";
    for (const std::string& base : {root, "../" + root}) {
        std::ifstream in(base
                         + "/litellm-prices/"
                           "model_prices_and_context_window.json");
        if (in) {
            return {std::istreambuf_iterator<char>(in), {}};
        }
    }
    return {};
}

TEST(Table, TheMostThatTextMayCostIsNoLessThanWhatItDoes) {
    Table table = table_of(R"({"m": {
        "input_cost_per_token": 2e-06, "output_cost_per_token": 4e-06,
        "output_cost_per_reasoning_token": 5e-06,
        "cache_creation_input_token_cost": 3e-06},
      "embed": {"input_cost_per_token": 1e-07}})");
    const ModelPrice& m = *table.find("m");
    EXPECT_EQ(most_nano(m, 100, 10), 250000);
    EXPECT_EQ(most_nano(m, 100, 10, {.written = kCacheWrite}), 350000);
    api::Usage u = usage(100, 10);
    u.reasoning = 10;
    u.cache_write = 100;
    EXPECT_EQ(*cost_nano(m, u), 350000);
    const ModelPrice& embed = *table.find("embed");
    EXPECT_EQ(most_nano(embed, 10, 0), 1000);
    EXPECT_FALSE(most_nano(embed, 10, 1));
}

TEST(Table, TheMostThatSoundMayCost) {
    Table table = table_of(R"({"m": {
        "input_cost_per_token": 2e-06, "output_cost_per_token": 4e-06,
        "input_cost_per_audio_token": 4e-05,
        "output_cost_per_audio_token": 8e-05},
      "n": {"input_cost_per_token": 2e-06, "output_cost_per_token": 4e-06}})");
    const ModelPrice& m = *table.find("m");
    EXPECT_EQ(most_nano(m, 100, 10, {.sound = 60}), 2520000);
    EXPECT_EQ(most_nano(m, 100, 10, {.speaks = true}), 1000000);
    EXPECT_EQ(most_nano(m, 100, 10, {.sound = 101}), 4040000);
    EXPECT_EQ(affordable_output(m, 100, 2520000, {.sound = 60}), 10);
    EXPECT_EQ(affordable_output(m, 100, 1000000, {.speaks = true}), 10);
    EXPECT_EQ(most_nano(*table.find("n"), 100, 10,
                        {.sound = 60, .speaks = true}),
              240000);
}

TEST(Table, TheMostThatImagesMayCost) {
    Table table = table_of(R"({"m": {
        "input_cost_per_token": 2e-06, "output_cost_per_token": 4e-06,
        "input_cost_per_audio_token": 4e-05,
        "input_cost_per_image_token": 1e-05},
      "cheap": {"input_cost_per_token": 2e-06, "output_cost_per_token": 4e-06,
        "input_cost_per_image_token": 1e-06}})");
    const ModelPrice& m = *table.find("m");
    EXPECT_EQ(most_nano(m, 100, 10, {.images = 60}), 720000);
    EXPECT_EQ(most_nano(m, 100, 10, {.images = 101}), 1040000);
    EXPECT_EQ(most_nano(m, 100, 10, {.sound = 60, .images = 60}), 2840000);
    EXPECT_EQ(affordable_output(m, 100, 720000, {.images = 60}), 10);
    EXPECT_EQ(most_nano(*table.find("cheap"), 100, 10, {.images = 60}),
              240000);
    api::Usage u = usage(100, 10);
    u.image_input = 60;
    EXPECT_EQ(*cost_nano(m, u), 720000);
}

TEST(Table, ServicesHaveTheirOwnPrices) {
    Table table = table_of(R"({"m": {
        "input_cost_per_token": 2e-06, "output_cost_per_token": 4e-06,
        "cache_read_input_token_cost": 1e-06,
        "input_cost_per_token_above_100k_tokens": 8e-06,
        "input_cost_per_token_priority": 6e-06,
        "output_cost_per_token_priority": 1e-05,
        "output_cost_per_token_above_100k_tokens_priority": 2e-05,
        "output_cost_per_token_flex": 1e-06},
      "n": {"input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06}})");
    auto cost = [&table](Bytes model, api::Service service, int64_t input,
                         int64_t output, int64_t cached = 0) {
        api::Usage u = usage(input, output);
        u.cached_input = cached;
        u.service = service;
        return *cost_nano(*table.find(model), u);
    };
    using api::Service;
    EXPECT_EQ(cost("m", Service::kStandard, 10, 10), 60000);
    EXPECT_EQ(cost("m", Service::kUnsaid, 10, 10), 60000);
    EXPECT_EQ(cost("m", Service::kPriority, 10, 10), 160000);
    // Not named for it: what is usual, where that is dearer than its base.
    EXPECT_EQ(cost("m", Service::kPriority, 10, 0, 10), 10000);
    EXPECT_EQ(cost("m", Service::kPriority, 100001, 0), 100001 * 8000);
    EXPECT_EQ(cost("m", Service::kPriority, 100001, 1) - 100001 * 8000,
              20000);
    EXPECT_EQ(cost("m", Service::kFlex, 10, 10), 30000);
    EXPECT_EQ(cost("n", Service::kPriority, 10, 10), 20000);
    EXPECT_EQ(cost("n", Service::kFlex, 10, 10), 20000);
    const ModelPrice& m = *table.find("m");
    constexpr Asked kAsked{.service = Service::kPriority};
    EXPECT_EQ(most_nano(m, 10, 10, kAsked), 160000);
    EXPECT_EQ(affordable_output(m, 10, 160000, kAsked), 10);
}

// Reasoning is output, a written cache is input: by the service's own rate for
// that, unless the model has another price for them than for plain text.
TEST(Table, PartsOfAServiceAreItsOwnToo) {
    Table table = table_of(R"({"m": {
        "input_cost_per_token": 2e-06, "output_cost_per_token": 4e-06,
        "output_cost_per_token_above_100k_tokens": 6e-06,
        "output_cost_per_reasoning_token": 4e-06,
        "input_cost_per_audio_token": 7e-06,
        "input_cost_per_token_priority": 6e-06,
        "output_cost_per_token_priority": 1e-05,
        "input_cost_per_token_flex": 1e-06,
        "output_cost_per_token_flex": 2e-06}})");
    const ModelPrice& m = *table.find("m");
    api::Usage reasons = usage(0, 10);
    reasons.reasoning = 10;
    api::Usage writes = usage(10, 0);
    writes.cache_write = 10;
    api::Usage writes_1h = writes;
    writes_1h.cache_write_1h = 10;
    api::Usage reads = usage(10, 0);
    reads.cached_input = 10;
    api::Usage hears = usage(10, 0);
    hears.audio_input = 10;
    auto cost = [&m](api::Usage u, api::Service service) {
        u.service = service;
        return *cost_nano(m, u);
    };
    using api::Service;
    for (const api::Usage& of_input : {writes, writes_1h, reads}) {
        EXPECT_EQ(cost(of_input, Service::kStandard), 20000);
        EXPECT_EQ(cost(of_input, Service::kPriority), 60000);
        EXPECT_EQ(cost(of_input, Service::kFlex), 10000);
    }
    EXPECT_EQ(cost(reasons, Service::kStandard), 40000);
    EXPECT_EQ(cost(reasons, Service::kPriority), 100000);
    EXPECT_EQ(cost(reasons, Service::kFlex), 20000);
    EXPECT_EQ(cost(hears, Service::kPriority), 70000);
    EXPECT_EQ(cost(hears, Service::kFlex), 70000);
    reasons.input = 100001;
    EXPECT_EQ(cost(reasons, Service::kStandard), 100001 * 2000 + 60000);
    EXPECT_EQ(most_nano(m, 0, 10, {.service = Service::kPriority}), 100000);
}

// A threshold changes what it names, and nothing else of a service.
TEST(Table, ThresholdOfOneRateLeavesTheOthersOfAService) {
    Table table = table_of(R"({"m": {
        "input_cost_per_token": 2e-06, "output_cost_per_token": 4e-06,
        "input_cost_per_audio_token": 7e-06,
        "input_cost_per_audio_token_above_100k_tokens": 8e-06,
        "input_cost_per_token_flex": 1e-06,
        "output_cost_per_token_flex": 2e-06}})");
    api::Usage u = usage(100001, 10);
    u.service = api::Service::kFlex;
    EXPECT_EQ(*cost_nano(*table.find("m"), u), 100001 * 1000 + 20000);
    u.audio_input = 1;
    EXPECT_EQ(*cost_nano(*table.find("m"), u), 100000 * 1000 + 8000 + 20000);
}

// OpenAI's ultrafast, priority's price where the file names none of its own.
TEST(Table, FasterServicesHaveTheirOwnPrices) {
    Table table = table_of(R"({"m": {
        "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06,
        "input_cost_per_token_balanced": 5e-07,
        "input_cost_per_token_priority": 2e-06,
        "output_cost_per_token_priority": 2e-06,
        "input_cost_per_token_ultrafast": 6e-06,
        "input_cost_per_token_above_10k_tokens_ultrafast": 9e-06},
      "n": {"input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06,
        "input_cost_per_token_priority": 2e-06}})");
    auto cost = [&table](Bytes model, api::Service service, int64_t input) {
        api::Usage u = usage(input, 0);
        u.service = service;
        return *cost_nano(*table.find(model), u);
    };
    using api::Service;
    EXPECT_EQ(cost("m", Service::kUltrafast, 10), 60000);
    EXPECT_EQ(cost("m", Service::kUltrafast, 10001), 10001 * 9000);
    EXPECT_EQ(cost("m", Service::kPriority, 10), 20000);
    EXPECT_EQ(cost("m", Service::kBalanced, 10), 5000);
    EXPECT_EQ(cost("n", Service::kUltrafast, 10), 20000);
    EXPECT_EQ(cost("n", Service::kBalanced, 10), 10000);
}

// OpenAI's caches of 12 h are what Anthropic's of 1 h are.
TEST(Table, LongCachesHaveTheirOwnPrice) {
    Table table = table_of(R"({"m": {
        "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06,
        "cache_creation_input_token_cost": 1.25e-06,
        "cache_creation_input_token_cost_above_12hr": 2.5e-06,
        "cache_creation_input_token_cost_above_12hr_flex": 1.5e-06,
        "cache_creation_input_token_cost_above_12hr_above_1k_tokens": 5e-06}})");
    api::Usage u = usage(100, 0);
    u.cache_write = 80;
    u.cache_write_1h = 60;
    EXPECT_EQ(*cost_nano(*table.find("m"), u), 20000 + 25000 + 150000);
    u.service = api::Service::kFlex;
    EXPECT_EQ(*cost_nano(*table.find("m"), u), 20000 + 25000 + 90000);
    u.service = api::Service::kStandard;
    u.input = 1001;
    EXPECT_EQ(*cost_nano(*table.find("m"), u), 921000 + 25000 + 300000);
}

TEST(Table, WhatIsServedFastOrInOnePlaceCostsTimesAsMuch) {
    Table table = table_of(R"({"m": {
        "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06,
        "cache_read_input_token_cost": 1e-07,
        "provider_specific_entry": {"us": 1.1, "fast": 2.0, "x": "y"}},
      "n": {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06,
        "provider_specific_entry": {"us": -1, "fast": "much"}},
      "o": {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06,
        "provider_specific_entry": 3}})");
    const ModelPrice& m = *table.find("m");
    api::Usage u = usage(10, 10);
    u.cached_input = 5;
    EXPECT_EQ(*cost_nano(m, u), 25500);
    u.fast = true;
    EXPECT_EQ(*cost_nano(m, u), 51000);
    u.in_us = true;
    EXPECT_EQ(*cost_nano(m, u), 56100);
    u.fast = false;
    EXPECT_EQ(*cost_nano(m, u), 28050);
    EXPECT_EQ(*cost_nano(*table.find("n"), u), 30000);
    EXPECT_EQ(*cost_nano(*table.find("o"), u), 30000);
    EXPECT_EQ(most_nano(m, 10, 10, {.fast = true, .in_us = true}), 66000);
    EXPECT_EQ(affordable_output(m, 10, 66000, {.fast = true, .in_us = true}),
              10);
}

TEST(LiteLlm, WholeFileIsRead) {
    std::string text = fixture();
    if (text.empty()) {
        GTEST_SKIP() << "no recorded price file (LLM_FIXTURES)";
    }
    auto table = Table::parse(text);
    ASSERT_TRUE(table.ok()) << table.error().message;
    EXPECT_EQ(table->size(), 2983u);  // less sample_spec and a time stamp
    const ModelPrice* gpt = table->find("gpt-4o");
    ASSERT_NE(gpt, nullptr);
    EXPECT_EQ(gpt->max_input, 128000);
    EXPECT_EQ(gpt->max_output, 16384);
    api::Usage u = usage(1000000, 1000000);
    EXPECT_EQ(*cost_nano(*gpt, u), int64_t{12500000000});
    u.cached_input = 1000000;
    EXPECT_EQ(*cost_nano(*gpt, u), int64_t{11250000000});
    const ModelPrice* gemini = table->find("gemini-2.5-pro");
    ASSERT_NE(gemini, nullptr);
    EXPECT_EQ(*cost_nano(*gemini, usage(200000, 10)), 200000 * 1250 + 100000);
    EXPECT_EQ(*cost_nano(*gemini, usage(200001, 10)), 200001 * 2500 + 150000);
    const ModelPrice* sonnet = table->find("claude-sonnet-4-5");
    ASSERT_NE(sonnet, nullptr);
    api::Usage w = usage(100, 0);
    w.cache_write = 100;
    w.cache_write_1h = 40;
    EXPECT_EQ(*cost_nano(*sonnet, w), 60 * 3750 + 40 * 6000);
    EXPECT_EQ(table->find("dashscope/qwen-flash")->tiers.size(), 2u);
    const ModelPrice* gpt5 = table->find("gpt-5");
    ASSERT_NE(gpt5, nullptr);
    api::Usage flex = usage(1000, 1000);
    int64_t usual = *cost_nano(*gpt5, flex);
    flex.service = api::Service::kFlex;
    EXPECT_EQ(*cost_nano(*gpt5, flex), usual / 2);
    flex.service = api::Service::kPriority;
    EXPECT_EQ(*cost_nano(*gpt5, flex), usual * 2);
    flex.reasoning = 900;
    EXPECT_EQ(*cost_nano(*gpt5, flex), usual * 2);
}

}  // namespace
}  // namespace llm::price
