// What one exchange holds for what goes upstream, and what it is charged.
#include <gtest/gtest.h>

#include <deque>

#include "src/exchange/exchange.hpp"
#include "tests/limit/ledger_region.hpp"
#include "tests/metrics/region.hpp"

namespace llm::exchange {
namespace {

using limit::at;
using limit::kDollar;

// A micro-dollar for a token of either kind, more for cache writes.
constexpr Bytes kPrices = R"({
  "m": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6},
  "w": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6,
        "cache_creation_input_token_cost": 1.25e-6,
        "cache_creation_input_token_cost_above_1hr": 2e-6},
  "s": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6,
        "input_cost_per_token_priority": 3e-6,
        "output_cost_per_token_priority": 3e-6,
        "input_cost_per_token_flex": 5e-7,
        "output_cost_per_token_flex": 5e-7},
  "a": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6,
        "input_cost_per_audio_token": 1e-5,
        "output_cost_per_audio_token": 2e-5},
  "i": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6,
        "input_cost_per_image_token": 2e-6},
  "f": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6,
        "litellm_provider": "anthropic",
        "cache_creation_input_token_cost": 4e-6,
        "provider_specific_entry": {"fast": 2, "us": 1.1}},
  "gpt-6": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6,
        "cache_creation_input_token_cost": 1.25e-6,
        "cache_creation_input_token_cost_above_12hr": 2.5e-6,
        "input_cost_per_token_ultrafast": 6e-6}})";
constexpr int64_t kMicro = 1000;

class LimitsTest : public testing::Test {
protected:
    LimitsTest() : memory_(1 << 20) {
        services_.metrics = memory_.fresh_table();
        price::Book book;
        auto table = price::Table::parse(kPrices);
        EXPECT_TRUE(table.ok());
        book.common = std::make_shared<const price::Table>(
            std::move(table).value());
        services_.billing->use(std::move(book));
        rule_.name = "budget";
        rule_.nano = kDollar;
        rule_.soft = kDollar;
    }

    // Up to the reservation.
    Step reserve(api::Endpoint endpoint, std::string body,
                 std::vector<const route::SystemText*> texts = {}) {
        body_ = std::move(body);
        exchange_ = std::make_unique<Exchange>(services_, endpoint, false,
                                               1 << 16, at(0));
        auto spending = std::make_unique<Spending>(zone_.ledger, limit::kMe,
                                                   fail_open_, false);
        value_ = std::to_string(++count_);
        spending->add(rule_, value_);
        exchange_->limit_by(std::move(spending));
        EXPECT_FALSE(exchange_->admit(at(0)));
        EXPECT_FALSE(exchange_->read(body_));
        exchange_->plan().texts = std::move(texts);
        EXPECT_FALSE(exchange_->route({}));
        (void) exchange_->look_up(Policy{}, at(0), {});
        return exchange_->reserve(at(0));
    }

    // And beyond.
    Exchange& begin(api::Endpoint endpoint, std::string body,
                    std::vector<const route::SystemText*> texts = {}) {
        EXPECT_EQ(reserve(endpoint, std::move(body), std::move(texts)),
                  Step::kForward);
        held_ = kDollar - remaining();
        edited_ = exchange_->forward(at(0)).apply(body_);
        exchange_->release();
        return *exchange_;
    }

    int64_t remaining() {
        return exchange_->spending()->remaining_nano(at(0)).value_or(-1);
    }

    int64_t left_for_others() {
        Spending other(zone_.ledger, limit::kMe, false, false);
        other.add(rule_, value_);
        return other.remaining_nano(at(0)).value_or(-1);
    }

    // Its answer as JSON; returns what was charged.
    int64_t end(Bytes answer) {
        exchange_->on_head({200, "application/json", ""}, at(1));
        exchange_->on_json(answer, at(1));
        (void) exchange_->on_eof(true, End::kComplete, at(1));
        return kDollar - remaining();
    }

    limit::Zone zone_;
    metrics::SharedMemory memory_;
    Services services_;
    limit::BudgetRule rule_;
    std::unique_ptr<Exchange> exchange_;
    std::string body_;
    std::string edited_;
    bool fail_open_ = false;
    int64_t held_ = 0;
    int count_ = 0;  // everybody has a budget of his own
    std::string value_;
};

constexpr Bytes kAsk =
    R"({"model":"m","max_tokens":100,"messages":[{"role":"user",)"
    R"("content":"hi"}]})";

TEST_F(LimitsTest, TheOperatorsTextIsHeldToo) {
    begin(api::Endpoint::kChat, std::string(kAsk));
    int64_t plain = held_;
    auto text = route::system_text(route::SystemMode::kPrepend,
                                   std::string(4000, 'x'));
    ASSERT_TRUE(text.ok());
    begin(api::Endpoint::kChat, std::string(kAsk), {&*text});
    EXPECT_GE(held_, plain + 1000 * kMicro);
    EXPECT_LE(held_, plain + 1030 * kMicro);
    // It takes the client's place.
    std::string longer =
        R"({"model":"m","max_tokens":100,"messages":[{"role":"system",)"
        R"("content":")" + std::string(8000, 'y')
        + R"("},{"role":"user","content":"hi"}]})";
    text->mode = route::SystemMode::kReplace;
    begin(api::Endpoint::kChat, longer, {&*text});
    EXPECT_GE(held_, plain + 1000 * kMicro);
    EXPECT_LE(held_, plain + 1030 * kMicro);
}

TEST_F(LimitsTest, WhatTheReplacedTextWouldHaveCostIsSaved) {
    auto text = route::system_text(route::SystemMode::kReplace, "Be brief.");
    ASSERT_TRUE(text.ok());
    std::string longer =
        R"({"model":"m","max_tokens":100,"messages":[{"role":"system",)"
        R"("content":")" + std::string(4000, 'y')
        + R"("},{"role":"user","content":"hi"}]})";
    Exchange& exchange = begin(api::Endpoint::kChat, longer, {&*text});
    EXPECT_EQ(edited_.find("yy"), std::string::npos);
    end(R"({"id":"c","object":"chat.completion","model":"m","choices":[{)"
        R"("index":0,"message":{"role":"assistant","content":"yes"},)"
        R"("finish_reason":"stop"}],"usage":{"prompt_tokens":12,)"
        R"("completion_tokens":2}})");
    EXPECT_EQ(exchange.bill().cost, 14 * kMicro);
    EXPECT_GE(exchange.bill().by_edits, 950 * kMicro);
    EXPECT_LE(exchange.bill().by_edits, 1010 * kMicro);
    EXPECT_EQ(exchange.bill().saved, exchange.bill().by_edits);
}

TEST_F(LimitsTest, WhatIsToBeCachedIsHeldAtThePriceOfWriting) {
    auto ask = [](Bytes model, Bytes mark) {
        return R"({"model":")" + std::string(model)
               + R"(","max_tokens":16,"system":[{"type":"text","text":")"
               + std::string(4000, 'x') + "\"" + std::string(mark)
               + R"(}],"messages":[{"role":"user","content":"hi"}]})";
    };
    auto held = [&](Bytes model, Bytes mark) {
        begin(api::Endpoint::kMessages, ask(model, mark));
        return held_ - 16 * kMicro;
    };
    int64_t plain = held("w", "");
    EXPECT_EQ(held("w", R"(,"cache_control":{"type":"ephemeral"})"),
              plain * 5 / 4);
    EXPECT_EQ(held("w", R"(,"cache_control":{"type":"ephemeral",)"
                        R"("ttl":"1h"})"),
              plain * 2);
    // Written with escapes it may be one; those of other signs are none.
    int64_t common = held("w", R"(,"note":"\u003c\u00e4")");
    EXPECT_LT(common, plain * 5 / 4);
    EXPECT_GT(held("w", R"(,"note":"\u003c\u0063")"), common * 19 / 10);
    EXPECT_EQ(held("m", R"(,"cache_control":{"type":"ephemeral"})"), plain);
    // Settled at what it was.
    int64_t charged = end(
        R"({"id":"c","type":"message","role":"assistant","model":"m",)"
        R"("content":[{"type":"text","text":"yes"}],)"
        R"("stop_reason":"end_turn","usage":{"input_tokens":5,)"
        R"("output_tokens":2}})");
    EXPECT_GE(charged, 7 * kMicro);
}

// OpenAI writes prompts to its cache, and charges for it, unasked.
TEST_F(LimitsTest, WhatIsCachedUnaskedIsHeldAtThePriceOfWriting) {
    auto held = [&](Bytes model, Bytes more) {
        begin(api::Endpoint::kChat,
              R"({"model":")" + std::string(model)
                  + R"(","max_tokens":16,"messages":[{"role":"user",)"
                    R"("content":")" + std::string(4000, 'x') + "\"}]"
                  + std::string(more) + "}");
        return held_ - 16 * kMicro;
    };
    int64_t plain = held("m", "");
    EXPECT_EQ(held("gpt-6", ""), plain * 5 / 4);
    EXPECT_EQ(held("gpt-6", R"(,"prompt_cache_options":{"ttl":"12h"})"),
              plain * 5 / 2);
    EXPECT_EQ(held("gpt-6", R"(,"service_tier":"ultrafast")"), plain * 6);
    EXPECT_EQ(held("f", ""), plain);
}

TEST_F(LimitsTest, WhatIsFastIsHeldAtWhatItCosts) {
    auto held = [&](Bytes more) {
        begin(api::Endpoint::kMessages,
              R"({"model":"f","max_tokens":16,"messages":[{"role":"user",)"
              R"("content":")" + std::string(4000, 'x') + "\"}]"
                  + std::string(more) + "}");
        return held_;
    };
    int64_t plain = held("");
    EXPECT_EQ(held(R"(,"speed":"standard")"), plain);
    EXPECT_EQ(held(R"(,"speed":"fast")"), plain * 2);
    EXPECT_EQ(held(R"(,"inference_geo":"us")"), plain * 11 / 10);
    int64_t charged = end(
        R"({"id":"c","type":"message","role":"assistant","model":"f",)"
        R"("content":[{"type":"text","text":"yes"}],)"
        R"("stop_reason":"end_turn","usage":{"input_tokens":5,)"
        R"("output_tokens":5,"speed":"fast","inference_geo":"us"}})");
    EXPECT_EQ(charged, 22 * kMicro);
}

TEST_F(LimitsTest, TheProvidersCacheOfOurOwnAskingIsHeldToo) {
    std::string body = R"({"model":"w","max_tokens":16,"system":")"
                       + std::string(8000, 'x')
                       + R"(","messages":[{"role":"user","content":"hi"}]})";
    begin(api::Endpoint::kMessages, body);
    int64_t plain = held_ - 16 * kMicro;
    exchange_->end(End::kRefused, at(1));
    auto ours = std::make_unique<Exchange>(
        services_, api::Endpoint::kMessages, false, 1 << 16, at(2));
    auto spending = std::make_unique<Spending>(zone_.ledger, limit::kMe,
                                               false, false);
    spending->add(rule_, "other");
    ours->limit_by(std::move(spending));
    ASSERT_FALSE(ours->read(body));
    ours->plan().provider_cache = true;
    ASSERT_FALSE(ours->route({}));
    (void) ours->look_up(Policy{}, at(2), {});
    ASSERT_EQ(ours->reserve(at(2)), Step::kForward);
    EXPECT_EQ(kDollar - *ours->spending()->remaining_nano(at(2))
                  - 16 * kMicro,
              plain * 5 / 4);
}

TEST_F(LimitsTest, EveryPromptOfAListHasItsAnswers) {
    auto held = [&](Bytes prompt) {
        begin(api::Endpoint::kCompletions,
              R"({"model":"m","max_tokens":1000,"n":2,"prompt":)"
                  + std::string(prompt) + "}");
        return held_ / kMicro / 1000;
    };
    EXPECT_EQ(held(R"("a")"), 2);
    EXPECT_EQ(held(R"(["a","b","c"])"), 6);
    EXPECT_EQ(held(R"([[1,2],[3]])"), 4);
    EXPECT_EQ(held(R"([1,2,3])"), 2);
    rule_.nano = kDollar / 1000;  // 1000 tokens: a sixth for each
    begin(api::Endpoint::kCompletions,
          R"({"model":"m","max_tokens":1000,"n":2,"prompt":["a","b","c"]})");
    auto document = json::Document();
    ASSERT_TRUE(document.parse(edited_));
    int64_t each =
        document.as_int64(document.find(json::kRoot, "max_tokens"));
    EXPECT_GE(each, 160);
    EXPECT_LE(each, 166);
}

TEST_F(LimitsTest, ANegativeMaximumIsNoneAndIsWrittenOver) {
    begin(api::Endpoint::kChat,
          R"({"model":"m","max_tokens":-1,"messages":[{"role":"user",)"
          R"("content":"hi"}]})");
    EXPECT_GE(held_, limit::kUsualOutput * kMicro);
    EXPECT_EQ(edited_.find("-1"), std::string::npos);
    EXPECT_NE(edited_.find("\"max_tokens\":4096"), std::string::npos)
        << edited_;
}

TEST_F(LimitsTest, WhatGoesOnInTheBackgroundIsChargedWhole) {
    begin(api::Endpoint::kResponses,
          R"({"model":"m","max_output_tokens":500,"background":true,)"
          R"("input":"hi"})");
    int64_t charged = end(
        R"({"id":"r","object":"response","status":"queued","model":"m",)"
        R"("output":[],"usage":null})");
    EXPECT_GE(charged, 500 * kMicro);
    EXPECT_TRUE(exchange_->usage().estimated);
}

TEST_F(LimitsTest, ImagesAreHeld) {
    auto held = [this](Bytes part) {
        begin(api::Endpoint::kChat,
              R"({"model":"m","max_tokens":100,"messages":[{"role":"user",)"
              R"("content":[{"type":"text","text":"hi"})"
                  + std::string(part) + "]}]}");
        return held_;
    };
    int64_t text = held("");
    EXPECT_EQ(held(R"(,{"type":"image_url","image_url":{"url":"u"}})"),
              text + 4784 * kMicro);
    EXPECT_EQ(held(R"(,{"type":"image"},{"type":"input_image"})"),
              text + 2 * 4784 * kMicro);
}

// However many that are, and whoever passes when the ledger is in trouble:
// 16 of these overflow 64 bits to nothing at all.
// Minutes between bytes that are no content: the hold goes on.
TEST_F(LimitsTest, WhateverComesKeepsTheLease) {
    auto stays_held = [&](Bytes type, Bytes piece) {
        begin(api::Endpoint::kChat, std::string(kAsk));
        uint64_t before = zone_.ledger.stats()->leases_ended;
        exchange_->on_head({200, type, ""}, at(0));
        for (int i = 1; i <= 6; i++) {
            Now now = at(400 * i);
            if (exchange_->form() == Form::kStream) {
                (void) exchange_->on_stream(piece, now);
            } else if (exchange_->form() == Form::kJson) {
                exchange_->on_json(piece, now);
            } else {
                exchange_->on_unread(piece.size(), now);
            }
            (void) zone_.ledger.sweep(1000, now);
        }
        uint64_t ended = zone_.ledger.stats()->leases_ended - before;
        exchange_->end(End::kUpstreamCut, at(2500));
        return ended == 0;
    };
    EXPECT_TRUE(stays_held("text/event-stream", ": ping\n\n"));
    EXPECT_TRUE(stays_held("application/json", " "));
    EXPECT_TRUE(stays_held("text/plain", "x"));
}

// The upstream does not keep to the maximum: from the first token beyond it
// others must not be promised the same money.
TEST_F(LimitsTest, WhatGoesBeyondTheHoldIsHeldToo) {
    begin(api::Endpoint::kChat,
          R"({"model":"m","max_tokens":100,"stream":true,"messages":[]})");
    int64_t prompt = held_ - 100 * kMicro;
    exchange_->on_head({200, "text/event-stream", ""}, at(0));
    for (int tokens = 10; tokens <= 300; tokens += 10) {
        std::string event = R"(data: {"id":"c","choices":[{"index":0,)"
                            R"("delta":{"content":")";
        event += std::string(40, 'x') + "\"}}]}\n\n";
        (void) exchange_->on_stream(event, at(1));
        int64_t held = kDollar - left_for_others();
        EXPECT_GE(held, prompt + tokens * kMicro) << tokens;
        EXPECT_LE(held, prompt + std::max(100, tokens * 5 / 4) * kMicro)
            << tokens;
    }
    exchange_->end(End::kUpstreamCut, at(2));
}

TEST_F(LimitsTest, WhatNobodyCanCountIsRefused) {
    for (bool fail_open : {false, true}) {
        fail_open_ = fail_open;
        for (int prompts : {1, 15, 16, 17, 64}) {
            std::string list = "\"a\"";
            for (int i = 1; i < prompts; i++) {
                list += ",\"a\"";
            }
            EXPECT_EQ(reserve(api::Endpoint::kCompletions,
                              R"({"model":"m","n":1048576,)"
                              R"("max_tokens":1099511627776,"prompt":[)"
                                  + list + "]}"),
                      Step::kRefuse)
                << prompts;
            ASSERT_TRUE(exchange_->denial());
            EXPECT_EQ(exchange_->denial()->error.status, 429) << prompts;
        }
    }
}

// A token of sound costs many times what one of text does.
TEST_F(LimitsTest, SoundIsHeldAtItsOwnPrice) {
    auto held = [this](Bytes members, Bytes part) {
        begin(api::Endpoint::kChat,
              R"({"model":"a","max_tokens":100)" + std::string(members)
                  + R"(,"messages":[{"role":"user","content":[)"
                    R"({"type":"text","text":"hi"})"
                  + std::string(part) + "]}]}");
        return held_;
    };
    constexpr Bytes kSound =
        R"(,{"type":"input_audio","input_audio":{"data":"A"}})";
    constexpr Bytes kSpoken = R"(,"modalities":["text","audio"])";
    int64_t text = held("", "");
    EXPECT_EQ(held(R"(,"modalities":["text"])", ""), text);
    EXPECT_EQ(held("", kSound), text + 8192 * 10 * kMicro);
    EXPECT_EQ(held("", R"(,{"type":"image"})"), text + 4784 * kMicro);
    EXPECT_EQ(held(kSpoken, ""), text + 100 * 19 * kMicro);
    EXPECT_EQ(end(R"({"id":"c","object":"chat.completion","model":"a",)"
                  R"("choices":[{"index":0,"finish_reason":"stop",)"
                  R"("message":{"role":"assistant","content":null}}],)"
                  R"("usage":{"prompt_tokens":1,"completion_tokens":100,)"
                  R"("total_tokens":101,"completion_tokens_details":)"
                  R"({"audio_tokens":90}}})"),
              (1 + 10 + 90 * 20) * kMicro);
}

// So may one of an image, and what is held is the most that it may cost.
TEST_F(LimitsTest, ImagesAreHeldAtTheirOwnPrice) {
    auto held = [this](Bytes part) {
        begin(api::Endpoint::kChat,
              R"({"model":"i","max_tokens":100,"messages":[{"role":"user",)"
              R"("content":[{"type":"text","text":"hi"})"
                  + std::string(part) + "]}]}");
        return held_;
    };
    int64_t text = held("");
    EXPECT_EQ(held(R"(,{"type":"image"})"), text + 4784 * 2 * kMicro);
    EXPECT_EQ(held(R"(,{"type":"input_audio","input_audio":{"data":"A"}})"),
              text + 8192 * kMicro);
}

// The events that end a stream at its ceiling are ours and name the model as
// the others do.
TEST_F(LimitsTest, AStreamThatIsCutKeepsTheNameOfItsModel) {
    rule_.nano = 200 * kMicro;
    auto cut = [this](api::Endpoint endpoint, Bytes ask, Bytes opening,
                      Bytes event) {
        begin(endpoint, R"({"model":"m","stream":true,)" + std::string(ask));
        exchange_->answer_as("mine");
        exchange_->on_head({200, "text/event-stream", ""}, at(1));
        std::string out;
        auto pass = [&](Bytes events) {
            for (Bytes piece : exchange_->on_stream(events, at(2))) {
                out += piece;
            }
        };
        pass(opening);
        for (int i = 0; i < 100 && !exchange_->was_cut(); i++) {
            pass(event);
        }
        EXPECT_TRUE(exchange_->was_cut());
        EXPECT_EQ(out.find("\"m-1\""), std::string::npos) << out;
        return out;
    };
    constexpr Bytes kMessages =
        R"("messages":[{"role":"user","content":"hi"}]})";
    std::string text(200, 'x');
    std::string chat = cut(
        api::Endpoint::kChat, kMessages, "",
        R"(data: {"id":"c","model":"m-1","choices":[{"index":0,"delta":)"
        R"({"content":")" + text + "\"}}]}\n\n");
    EXPECT_TRUE(chat.ends_with("data: [DONE]\n\n"));
    size_t end = chat.find(R"("finish_reason":"length")");
    ASSERT_NE(end, std::string::npos) << chat;
    EXPECT_NE(chat.substr(chat.rfind("data: {", end)).find("\"mine\""),
              std::string::npos)
        << chat;
    std::string response = cut(
        api::Endpoint::kResponses, R"("input":"hi"})",
        R"(data: {"type":"response.created","sequence_number":0,)"
        R"("response":{"id":"r","object":"response","model":"m-1",)"
        R"("output":[]}})" "\n\n"
        R"(data: {"type":"response.output_item.added","sequence_number":1,)"
        R"("output_index":0,"item":{"id":"i","type":"message",)"
        R"("role":"assistant","content":[]}})" "\n\n"
        R"(data: {"type":"response.content_part.added",)"
        R"("sequence_number":2,"item_id":"i","output_index":0,)"
        R"("content_index":0,"part":{"type":"output_text","text":"",)"
        R"("annotations":[]}})" "\n\n",
        R"(data: {"type":"response.output_text.delta","sequence_number":3,)"
        R"("item_id":"i","output_index":0,"content_index":0,"delta":")"
            + text + "\"}\n\n");
    end = response.find(R"("type":"response.incomplete")");
    ASSERT_NE(end, std::string::npos) << response;
    EXPECT_NE(response.find("\"mine\"", end), std::string::npos)
        << response;
}

// What the budget is charged is what the log and the metrics say.
TEST_F(LimitsTest, APriceThatGoesMeanwhileIsBilledToo) {
    begin(api::Endpoint::kChat, std::string(kAsk));
    price::Book other;
    auto table = price::Table::parse(R"({"n":{"input_cost_per_token":1}})");
    ASSERT_TRUE(table.ok());
    other.common =
        std::make_shared<const price::Table>(std::move(table).value());
    services_.billing->use(std::move(other));
    int64_t charged =
        end(R"({"id":"c","object":"chat.completion","model":"m","choices":[{)"
            R"("index":0,"message":{"role":"assistant","content":"yes"},)"
            R"("finish_reason":"stop"}],"usage":{"prompt_tokens":12,)"
            R"("completion_tokens":2}})");
    EXPECT_EQ(charged, 14 * kMicro);
    EXPECT_EQ(exchange_->bill().cost, charged);
}

// Reserved as dear as it may be, charged as it was served.
TEST_F(LimitsTest, AServiceOfItsOwnHasItsOwnPrice) {
    auto ask = [this](Bytes tier) {
        begin(api::Endpoint::kChat,
              R"({"model":"s","max_tokens":100)" + std::string(tier)
                  + R"(,"messages":[{"role":"user","content":"hi"}]})");
        return held_;
    };
    auto answered = [this](Bytes tier) {
        return end(R"({"id":"c","object":"chat.completion","model":"s",)"
                   + std::string(tier)
                   + R"("choices":[{"index":0,"finish_reason":"stop",)"
                     R"("message":{"role":"assistant","content":"yes"}}],)"
                     R"("usage":{"prompt_tokens":10,"completion_tokens":2,)"
                     R"("total_tokens":12}})");
    };
    int64_t usual = ask("");
    EXPECT_EQ(answered(""), 12 * kMicro);
    EXPECT_EQ(ask(R"(,"service_tier":"auto")"), usual);
    EXPECT_EQ(answered(R"("service_tier":"priority",)"), 36 * kMicro);
    EXPECT_EQ(ask(R"(,"service_tier":"priority")"), 3 * usual);
    EXPECT_EQ(answered(R"("service_tier":"default",)"), 12 * kMicro);
    EXPECT_EQ(ask(R"(,"service_tier":"priority")"), 3 * usual);
    EXPECT_EQ(answered(""), 36 * kMicro);
    EXPECT_EQ(ask(R"(,"service_tier":"flex")"), usual);
    EXPECT_EQ(answered(R"("service_tier":"flex",)"), 6 * kMicro);
}

}  // namespace
}  // namespace llm::exchange
