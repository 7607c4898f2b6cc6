// The limits and budgets of one request over a real ledger.
#include "src/exchange/spending.hpp"

#include <gtest/gtest.h>

#include "tests/limit/ledger_region.hpp"

namespace llm::exchange {
namespace {

using limit::at;
using limit::kDollar;
using limit::kSecond;

// A cent for a token of output, prompts at `input` nano-dollars a token.
std::shared_ptr<price::ModelPrice> cents(int64_t input = 0) {
    auto price = std::make_shared<price::ModelPrice>();
    price::Tier base;
    base.rates[price::kInput] = input * 1000;
    base.rates[price::kOutput] = 10000000 * int64_t{1000};
    price->tiers.push_back(base);
    price->resolve();
    return price;
}

class SpendingTest : public testing::Test {
protected:
    SpendingTest() {
        requests_.name = "requests";
        requests_.requests = limit::Rate{10, 3600 * kSecond};
        requests_.requests_burst = 10;
        tokens_.name = "tokens";
        tokens_.tokens = limit::Rate{1000, 3600 * kSecond};
        tokens_.tokens_burst = 1000;
        budget_.name = "budget";
        budget_.nano = kDollar;
        budget_.soft = kDollar / 2;
    }

    Spending spending(std::vector<const limit::LimitRule*> limits,
                      std::vector<const limit::BudgetRule*> budgets = {},
                      bool observe = false, bool fail_open = false) {
        Spending made(zone_.ledger, limit::kMe, fail_open, observe);
        for (const limit::LimitRule* rule : limits) {
            made.add(*rule, "v");
        }
        for (const limit::BudgetRule* rule : budgets) {
            made.add(*rule, "v");
        }
        return made;
    }

    static Need need(int64_t prompt, int64_t output, bool named = true) {
        Need need;
        need.prompt = prompt;
        need.output = output;
        need.output_named = named;
        need.price = cents();
        return need;
    }

    void expect_nothing_held() {
        auto stats = zone_.ledger.stats();
        ASSERT_TRUE(stats.ok());
        EXPECT_EQ(stats->open, 0u);
        limit::expect_sound(zone_.ledger);
    }

    limit::Zone zone_;
    limit::LimitRule requests_;
    limit::LimitRule tokens_;
    limit::BudgetRule budget_;
};

TEST_F(SpendingTest, WithoutALedgerAllPasses) {
    Spending none(limit::Ledger(), limit::kMe, false, false);
    none.add(requests_, "v");
    none.add(budget_, "v");
    EXPECT_FALSE(none.admit(at(0)));
    EXPECT_FALSE(none.reserve(need(5, 1000), at(0)));
    EXPECT_EQ(none.output(), 1000);
    EXPECT_FALSE(none.cap());
    EXPECT_EQ(none.settle(5, 5, at(1)), 0);
    EXPECT_EQ(none.state(at(1)), BudgetState::kNone);
    none.end(false, at(1));
}

TEST_F(SpendingTest, ARefusalGivesBackWhatWasAdmitted) {
    for (int i = 0; i < 50; i++) {
        Spending one = spending({&requests_, &tokens_});
        ASSERT_FALSE(one.admit(at(0)));
        auto denial = one.reserve(need(5, 5000), at(0));
        ASSERT_TRUE(denial);
        EXPECT_EQ(denial->error.status, 429);
        EXPECT_EQ(denial->rule, "tokens");
        EXPECT_FALSE(denial->budget);
        one.end(true, at(0));
    }
    Spending good = spending({&requests_, &tokens_});
    ASSERT_FALSE(good.admit(at(0)));
    ASSERT_FALSE(good.reserve(need(5, 500), at(0)));
    EXPECT_EQ(good.headers().requests.remaining, "9");
    EXPECT_EQ(good.headers().tokens.remaining, "495");
    (void) good.settle(100, 0, at(1));
    good.end(false, at(1));
    expect_nothing_held();
}

TEST_F(SpendingTest, AGrantIsCutToWhatIsLeft) {
    Spending first = spending({}, {&budget_});
    ASSERT_FALSE(first.reserve(need(0, 60), at(0)));
    EXPECT_FALSE(first.cap());
    Spending second = spending({}, {&budget_});
    ASSERT_FALSE(second.reserve(need(0, 60), at(0)));
    EXPECT_EQ(second.output(), 40);
    EXPECT_TRUE(second.cap());
    Spending third = spending({}, {&budget_});
    auto denial = third.reserve(need(0, 60), at(0));
    ASSERT_TRUE(denial);
    EXPECT_TRUE(denial->budget);
    EXPECT_EQ(denial->error.code, "insufficient_quota");
    EXPECT_EQ(first.settle(60, 60 * kDollar / 100, at(1)), 0);
    second.release(at(1));
    Spending fourth = spending({}, {&budget_});
    ASSERT_FALSE(fourth.reserve(need(0, 60), at(1)));
    EXPECT_EQ(fourth.output(), 40);
    fourth.end(false, at(2));
    expect_nothing_held();
}

TEST_F(SpendingTest, TheTightestScopeDecidesForAll) {
    limit::BudgetRule wide = budget_;
    wide.name = "wide";
    wide.nano = 10 * kDollar;
    Spending one = spending({}, {&wide, &budget_});
    ASSERT_FALSE(one.reserve(need(0, 500), at(0)));
    EXPECT_EQ(one.output(), 100);
    // The wide one holds no more than the answer may take.
    Spending other = spending({}, {&wide});
    EXPECT_EQ(other.remaining_nano(at(0)), 9 * kDollar);
    one.end(false, at(1));
    expect_nothing_held();
}

TEST_F(SpendingTest, ChoicesShareWhatIsGranted) {
    Need three = need(0, 300);
    three.choices = 3;
    Spending one = spending({}, {&budget_});
    ASSERT_FALSE(one.reserve(three, at(0)));
    EXPECT_EQ(one.output(), 99);
    one.end(false, at(1));
}

TEST_F(SpendingTest, ACeilingCountsWhereTheRequestNamesNone) {
    tokens_.ceiling = 50;
    Spending unnamed = spending({&tokens_});
    ASSERT_FALSE(unnamed.reserve(need(10, 4096, false), at(0)));
    EXPECT_EQ(unnamed.output(), 50);
    EXPECT_FALSE(unnamed.cap());
    unnamed.end(false, at(0));
    tokens_.ceiling = 200;
    Spending more = spending({&tokens_});
    ASSERT_FALSE(more.reserve(need(10, 100, false), at(0)));
    EXPECT_EQ(more.output(), 200);
    more.end(false, at(0));
    // Nor more than the model can give.
    auto price = std::make_shared<price::ModelPrice>(*cents());
    price->max_output = 120;
    Need small = need(10, 100, false);
    small.price = price;
    small.choices = 2;
    Spending least = spending({&tokens_});
    ASSERT_FALSE(least.reserve(small, at(0)));
    EXPECT_EQ(least.output(), 240);
    least.end(false, at(0));
    Spending named = spending({&tokens_});
    EXPECT_TRUE(named.reserve(need(10, 4096), at(0)));
    tokens_.dry_run = true;
    Spending dry = spending({&tokens_});
    ASSERT_FALSE(dry.reserve(need(10, 4096, false), at(0)));
    EXPECT_EQ(dry.output(), 4096);
    dry.end(false, at(0));
    expect_nothing_held();
}

TEST_F(SpendingTest, AnUnnamedMaximumIsWrittenWhereMoneyCounts) {
    Spending one = spending({}, {&budget_});
    ASSERT_FALSE(one.reserve(need(0, 20, false), at(0)));
    EXPECT_TRUE(one.cap());
    one.end(false, at(0));
    budget_.dry_run = true;
    Spending dry = spending({}, {&budget_});
    ASSERT_FALSE(dry.reserve(need(0, 20, false), at(0)));
    EXPECT_FALSE(dry.cap());
    dry.end(false, at(0));
}

TEST_F(SpendingTest, AStreamTakesMoreAsLongAsThereIsSome) {
    Spending one = spending({}, {&budget_});
    ASSERT_FALSE(one.reserve(need(0, 20), at(0)));
    EXPECT_TRUE(one.extend(80, at(1)));
    EXPECT_EQ(one.output(), 80);
    EXPECT_TRUE(one.extend(50, at(1)));
    EXPECT_EQ(one.output(), 80);
    EXPECT_FALSE(one.extend(120, at(2)));
    EXPECT_EQ(one.output(), 80);
    EXPECT_EQ(one.settle(0, 2 * kDollar, at(3)), kDollar);
    one.end(false, at(3));
    expect_nothing_held();
}

TEST_F(SpendingTest, WhatRemainsIsToldAsItIsThen) {
    Spending one = spending({}, {&budget_});
    EXPECT_EQ(one.remaining_nano(at(0)), kDollar);
    EXPECT_EQ(one.state(at(0)), BudgetState::kOk);
    ASSERT_FALSE(one.reserve(need(0, 90), at(0)));
    EXPECT_EQ(one.remaining_nano(at(0)), kDollar / 10);
    EXPECT_EQ(one.state(at(0)), BudgetState::kOk);  // spent is nothing yet
    (void) one.settle(0, 6 * kDollar / 10, at(1));
    EXPECT_EQ(one.remaining_nano(at(1)), 4 * kDollar / 10);
    EXPECT_EQ(one.state(at(1)), BudgetState::kSoft);
    auto crossings = one.take_crossings();
    ASSERT_EQ(crossings.size(), 1u);
    EXPECT_FALSE(crossings[0].hard);
    EXPECT_TRUE(one.take_crossings().empty());
    one.end(false, at(1));
}

TEST_F(SpendingTest, AtTheSoftLineTheSmallerModelOnce) {
    budget_.exceed_model = "small";
    Spending first = spending({}, {&budget_});
    ASSERT_FALSE(first.reserve(need(0, 60), at(0)));
    EXPECT_EQ(first.degrade_to(), "");
    (void) first.settle(0, 6 * kDollar / 10, at(0));
    first.end(false, at(0));
    Spending second = spending({}, {&budget_});
    ASSERT_FALSE(second.reserve(need(0, 20), at(1)));
    EXPECT_EQ(second.degrade_to(), "small");
    EXPECT_FALSE(second.reserved());
    ASSERT_FALSE(second.reserve(need(0, 20), at(1)));
    EXPECT_EQ(second.degrade_to(), "");
    EXPECT_TRUE(second.reserved());
    second.end(false, at(2));
    expect_nothing_held();
}

TEST_F(SpendingTest, AnotherLimitsRefusalIsNotTheBudgets) {
    budget_.exceed_model = "small";
    Spending one = spending({&tokens_}, {&budget_});
    auto denial = one.reserve(need(950, 60), at(0));
    EXPECT_EQ(one.degrade_to(), "");
    ASSERT_TRUE(denial);
    EXPECT_EQ(denial->rule, "tokens");
    // Its own refusal is.
    limit::BudgetRule tiny = budget_;
    tiny.nano = kDollar / 100;
    Spending other = spending({&tokens_}, {&tiny});
    EXPECT_FALSE(other.reserve(need(0, 60), at(0)));
    EXPECT_EQ(other.degrade_to(), "small");
    expect_nothing_held();
}

// Two leases and nothing heard; then its slot is somebody else's.
TEST_F(SpendingTest, WhatIsForgottenIsChargedAllTheSame) {
    limit::LimitRule dry = tokens_;
    dry.name = "dry";
    dry.dry_run = true;
    dry.tokens_burst = 1;
    Spending one = spending({&requests_, &dry, &tokens_}, {&budget_});
    ASSERT_FALSE(one.admit(at(0)));
    ASSERT_FALSE(one.reserve(need(0, 80), at(0)));
    for (double s : {700.0, 1500.0}) {
        ASSERT_TRUE(zone_.ledger.sweep(1000, at(s)).ok());
    }
    EXPECT_EQ(zone_.ledger.stats()->expired, 0u);
    Spending next = spending({}, {&budget_});
    ASSERT_FALSE(next.reserve(need(0, 10), at(1500)));
    EXPECT_EQ(one.settle(60, 120 * kDollar / 100, at(1500)),
              20 * kDollar / 100);
    auto crossings = one.take_crossings();
    ASSERT_EQ(crossings.size(), 1u);
    EXPECT_FALSE(crossings[0].hard);
    EXPECT_EQ(one.take_unchecked(), "");
    EXPECT_EQ(one.settle(60, kDollar, at(1500)), 0) << "once";
    one.end(false, at(1500));
    next.end(true, at(1500));
    EXPECT_EQ(spending({}, {&budget_}).remaining_nano(at(1500)), 0);
    Spending after = spending({&dry, &tokens_});
    ASSERT_FALSE(after.reserve(need(0, 1), at(1500)));
    EXPECT_EQ(after.headers().tokens.remaining, "939");
    after.end(true, at(1500));
    expect_nothing_held();
}

TEST_F(SpendingTest, ADryRunIsCountedOnceAndTakesNothing) {
    requests_.dry_run = true;
    requests_.requests_burst = 1;
    for (int i = 0; i < 3; i++) {
        Spending one = spending({&requests_, &tokens_});
        ASSERT_FALSE(one.admit(at(0)));
        EXPECT_EQ(one.take_would_refuse().size(), i == 0 ? 0u : 1u);
        ASSERT_FALSE(one.reserve(need(1, 1), at(0)));
        EXPECT_TRUE(one.take_would_refuse().empty());
        EXPECT_EQ(one.headers().requests.limit, "");
        one.end(false, at(0));
    }
}

TEST_F(SpendingTest, ADryRunSaysNothingOfMoneyUnlessAllIsWatched) {
    limit::BudgetRule small = budget_;
    small.name = "small";
    small.nano = kDollar / 100;
    small.soft = small.nano / 2;
    small.dry_run = true;
    Spending both = spending({}, {&budget_, &small});
    ASSERT_FALSE(both.reserve(need(0, 20), at(0)));
    EXPECT_EQ(both.remaining_nano(at(0)), kDollar - kDollar / 5);
    EXPECT_EQ(both.state(at(0)), BudgetState::kOk);
    both.end(false, at(0));
    Spending dry = spending({}, {&small});
    ASSERT_FALSE(dry.reserve(need(0, 1), at(0)));
    EXPECT_EQ(dry.remaining_nano(at(0)), std::nullopt);
    EXPECT_EQ(dry.state(at(0)), BudgetState::kNone);
    dry.end(false, at(0));
    Spending watched = spending({}, {&small}, true);
    ASSERT_FALSE(watched.reserve(need(0, 1), at(0)));
    EXPECT_EQ(watched.state(at(0)), BudgetState::kHard);
    watched.end(false, at(0));
}

TEST_F(SpendingTest, ALateKeyIsAskedWithTheBody) {
    Spending one(zone_.ledger, limit::kMe, false, false);
    one.add(requests_, "", true);
    ASSERT_FALSE(one.admit(at(0)));
    one.set_limit_value(0, "model");
    ASSERT_FALSE(one.reserve(need(1, 1), at(0)));
    EXPECT_EQ(one.headers().requests.remaining, "9");
    (void) one.settle(2, 0, at(1));
    one.end(false, at(1));
    Spending empty(zone_.ledger, limit::kMe, false, false);
    empty.add(requests_, "", true);
    empty.set_limit_value(0, "");
    ASSERT_FALSE(empty.reserve(need(1, 1), at(1)));
    EXPECT_EQ(empty.headers().requests.limit, "");
}

TEST_F(SpendingTest, NoRoomIsRefusedOrNot) {
    limit::Zone full({4, 2, nullptr});
    std::vector<std::string> values;
    for (int i = 0; i < 10; i++) {
        values.push_back("v" + std::to_string(i));
    }
    for (bool open : {false, true}) {
        std::vector<std::unique_ptr<Spending>> held;
        std::optional<Denial> denial;
        for (size_t i = 0; i < values.size() && !denial; i++) {
            auto one = std::make_unique<Spending>(full.ledger, limit::kMe,
                                                  open, false);
            one->add(requests_, values[i]);
            denial = one->admit(at(0));
            held.push_back(std::move(one));
        }
        EXPECT_EQ(denial.has_value(), !open);
        if (denial) {
            EXPECT_EQ(denial->error.status, 503);
        }
        for (auto& one : held) {
            one->end(false, at(1));
        }
    }
}

TEST_F(SpendingTest, ThePriceOfTheReservationOutlivesItsTable) {
    Spending one = spending({}, {&budget_});
    {
        Need wanted = need(0, 20);
        ASSERT_FALSE(one.reserve(wanted, at(0)));
    }
    EXPECT_TRUE(one.extend(30, at(1)));
    api::Usage usage;
    usage.input = 0;
    usage.output = 30;
    EXPECT_EQ(one.cost_of(usage), 30 * kDollar / 100);
    one.end(false, at(1));
}

}  // namespace
}  // namespace llm::exchange
