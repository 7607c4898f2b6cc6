// What an account or a reservation becomes in another region or in a snapshot.
#include "tests/limit/ledger_region.hpp"

namespace llm::limit {
namespace {

constexpr Rate kPerSecond{1, kSecond};

// Fault case 64.
TEST(Ledger, CopiesWhatCountsOrNothing) {
    Zone zone({1024, 64, nullptr});
    Window over{0, 900};
    std::vector<Demand> spent;
    for (int i = 0; i < 200; i++) {
        std::string name = std::to_string(i);
        Demand idle = zone.requests(name, 5, kPerSecond);
        settle(zone.ledger, take(zone.ledger, {idle}, at(0)), {0}, at(0));
        if (i % 4 != 0) {
            continue;
        }
        Demand d = zone.budget(name, 7, 100, i % 8 == 0 ? Window{0, 1 << 30}
                                                        : over);
        spent.push_back(d);
        settle(zone.ledger, take(zone.ledger, {d}, at(0)), {3}, at(0));
    }
    Reservation open = take(zone.ledger, {spent[0]}, at(0), 100 * kSecond);
    // Room for half of what is spent, which is that in a window to come.
    Zone half({32, 64, nullptr});
    ASSERT_TRUE(zone.ledger.copy_to(half.ledger, at(20)).ok());
    expect_sound(half.ledger);
    EXPECT_EQ(half.ledger.stats()->accounts, 25u);
    EXPECT_EQ(half.ledger.stats()->open, 1u);
    EXPECT_TRUE(settle(half.ledger, open, {1}, at(20)).charged);
    EXPECT_EQ(look(half.ledger, spent[0], at(20)).remaining, 96);
    // The others come along where there is room.
    Zone whole({256, 1, nullptr});
    ASSERT_TRUE(zone.ledger.copy_to(whole.ledger, at(20)).ok());
    EXPECT_EQ(whole.ledger.stats()->accounts, 50u);
    expect_sound(whole.ledger);
}

TEST(Ledger, WhatDoesNotFitLeavesTheNewLedgerEmpty) {
    Zone zone({256, 64, nullptr});
    std::vector<Reservation> open;
    for (int i = 0; i < 64; i++) {
        Demand d = zone.budget(std::to_string(i), 7, 100);
        open.push_back(take(zone.ledger, {d}, at(0)));
    }
    Zone few({32, 64, nullptr});
    Zone slots({256, 32, nullptr});
    for (Zone* small : {&few, &slots}) {
        LedgerKeys keys = small->ledger.keys();
        EXPECT_EQ(zone.ledger.copy_to(small->ledger, at(0)).error().code,
                  Errc::kNoSpace);
        expect_sound(small->ledger);
        EXPECT_EQ(small->ledger.stats()->accounts, 0u);
        EXPECT_EQ(small->ledger.keys().low.k0, keys.low.k0);
        Demand d = small->budget("new", 7, 100);
        take(small->ledger, {d}, at(0));
        expect_sound(small->ledger);
    }
    // Places of slots that are free again are not needed.
    for (size_t i = 1; i < open.size(); i++) {
        settle(zone.ledger, open[i], {0}, at(0));
    }
    Zone one({32, 1, nullptr});
    EXPECT_TRUE(zone.ledger.copy_to(one.ledger, at(0)).ok());
    expect_sound(one.ledger);
}

TEST(Ledger, CopiesToALargerRegionAndReceiptsStayGood) {
    Zone zone({32, 8, nullptr});
    std::vector<Demand> all{zone.requests("k", 5, kPerSecond),
                            zone.tokens("k", 10, 100, kPerSecond),
                            zone.budget("k", 7, 100)};
    Reservation open = take(zone.ledger, all, at(0));
    Reservation ended = take(zone.ledger, all, at(0), 1);
    zone.ledger.sweep(100, at(1)).ok();
    settle(zone.ledger, take(zone.ledger, all, at(1)), {0, 3, 4}, at(1));
    Zone larger({256, 64, nullptr});
    ASSERT_TRUE(zone.ledger.copy_to(larger.ledger, at(1)).ok());
    expect_sound(larger.ledger);
    for (const Demand& d : all) {
        EXPECT_EQ(look(larger.ledger, d, at(1)).remaining,
                  look(zone.ledger, d, at(1)).remaining);
    }
    EXPECT_TRUE(settle(larger.ledger, open, {0, 1, 1}, at(1)).charged);
    EXPECT_TRUE(settle(larger.ledger, ended, {0, 1, 1}, at(1)).late);
    EXPECT_EQ(look(larger.ledger, all[2], at(1)).remaining, 94);
    expect_sound(larger.ledger);
    EXPECT_EQ(zone.ledger.copy_to(larger.ledger, at(1)).error().code,
              Errc::kInvalid);
    Zone tiny({32, 1, nullptr});
    EXPECT_EQ(zone.ledger.copy_to(tiny.ledger, at(1)).error().code,
              Errc::kNoSpace);
}

TEST(Ledger, SavesAndRestores) {
    Zone zone;
    Window today{0, 86400};
    Demand spent = zone.budget("k", 10, 100, today);
    Demand old = zone.budget("old", 10, 100, {-864000, -777600});
    Demand rate = zone.tokens("k", 50, 100, kPerSecond);
    settle(zone.ledger, take(zone.ledger, {spent, rate, old}, at(0)),
           {40, 50, 1}, at(0));
    take(zone.ledger, {spent}, at(0));
    std::vector<SavedAccount> saved;
    uint32_t from = 0;
    do {
        from = *zone.ledger.save(from, 10, saved, at(10));
    } while (from != 0);
    ASSERT_EQ(saved.size(), 2u);
    for (bool with_held : {false, true}) {
        Zone next;
        auto taken = next.ledger.restore(zone.ledger.keys(), saved,
                                         at(10).wall_ns, with_held, at(20));
        ASSERT_TRUE(taken.ok());
        EXPECT_EQ(*taken, 2u);
        EXPECT_EQ(look(next.ledger, spent, at(20)).remaining,
                  with_held ? 50 : 60);
        EXPECT_EQ(look(next.ledger, rate, at(20)).remaining, 70);
        expect_sound(next.ledger);
        EXPECT_FALSE(next.ledger
                         .restore(zone.ledger.keys(), saved, 0, false, at(20))
                         .ok());
    }
    // A wall clock that went back: nothing has drained.
    Zone back;
    EXPECT_TRUE(back.ledger
                    .restore(zone.ledger.keys(), saved, at(9000).wall_ns,
                             false, at(20))
                    .ok());
    EXPECT_EQ(look(back.ledger, rate, at(20)).remaining, 60);
    // Nonsense is left out.
    Zone strict;
    saved[0].rate = {0, 0};
    saved[1].kind = static_cast<Kind>(200);
    EXPECT_EQ(*strict.ledger.restore(zone.ledger.keys(), saved, 0, false,
                                     at(20)),
              0u);
}

// A smaller zone than the one that was saved: money first, and nothing is
// lost unseen.
TEST(Ledger, RestoresMoneyFirstAndTellsWhatHasNoRoom) {
    Zone zone({1024, 64, nullptr});
    std::vector<Demand> budgets;
    for (int i = 0; i < 300; i++) {
        std::string name = std::to_string(i);
        Demand d = zone.tokens(name, 50, 100, kPerSecond);
        if (i >= 280) {
            d = zone.budget(name, 7, 100, Window{0, 1 << 30});
            budgets.push_back(d);
        }
        settle(zone.ledger, take(zone.ledger, {d}, at(0)), {30}, at(0));
    }
    std::vector<SavedAccount> saved;
    uint32_t from = 0;
    do {
        from = *zone.ledger.save(from, 100, saved, at(0));
    } while (from != 0);
    ASSERT_EQ(saved.size(), 300u);
    Zone small({64, 64, nullptr});
    uint32_t homeless = 0;
    auto taken = small.ledger.restore(zone.ledger.keys(), saved, 0, false,
                                      at(0), &homeless);
    ASSERT_TRUE(taken.ok());
    EXPECT_LE(*taken, 64u);
    EXPECT_EQ(*taken + homeless, 300u);
    for (const Demand& d : budgets) {
        EXPECT_EQ(look(small.ledger, d, at(0)).remaining, 70);
    }
    expect_sound(small.ledger);
}

}  // namespace
}  // namespace llm::limit
