#include "tests/limit/ledger_region.hpp"

namespace llm::limit {
namespace {

constexpr Rate kPerSecond{1, kSecond};
constexpr Rate kSixtyAMinute{60, 60 * kSecond};

TEST(Ledger, RequestsPassAtTheirRate) {
    Zone zone;
    Demand d = zone.requests("key", 3, kSixtyAMinute);
    for (int i = 0; i < 3; i++) {
        auto got = zone.ledger.reserve({&d, 1}, kMe, kSecond, at(0));
        ASSERT_TRUE(got.ok());
        EXPECT_FALSE(got->refusal);
        EXPECT_EQ(got->standings[0].limit, 3);
        EXPECT_EQ(got->standings[0].remaining, 2 - i);
        EXPECT_EQ(got->standings[0].reset_ns, (i + 1) * kSecond);
        settle(zone.ledger, got->reservation, {0}, at(0));
    }
    Refusal refusal = refuse(zone.ledger, {d}, at(0));
    EXPECT_EQ(refusal.which, 0u);
    EXPECT_EQ(refusal.retry_ns, kSecond);
    EXPECT_FALSE(refusal.hopeless);
    refuse(zone.ledger, {d}, at(0.999999999));
    take(zone.ledger, {d}, at(1));
    refuse(zone.ledger, {d}, at(1));
    expect_sound(zone.ledger);
}

TEST(Ledger, TokensAreHeldThenChargedAsTheyWere) {
    Zone zone;
    Demand d = zone.tokens("key", 600, 1000, {1000, 60 * kSecond});
    Reservation first = take(zone.ledger, {d}, at(0));
    Refusal refusal = refuse(zone.ledger, {d}, at(30));  // holds do not drain
    EXPECT_FALSE(refusal.hopeless);
    EXPECT_GE(refusal.retry_ns, kSecond);
    settle(zone.ledger, first, {100}, at(30));
    EXPECT_EQ(look(zone.ledger, d, at(30)).remaining, 900);
    EXPECT_EQ(look(zone.ledger, d, at(36)).remaining, 1000);
    // True usage beyond the hold is a debt.
    Reservation second = take(zone.ledger, {d}, at(40));
    settle(zone.ledger, second, {3000}, at(40));
    EXPECT_EQ(look(zone.ledger, d, at(40)).remaining, 0);
    EXPECT_EQ(refuse(zone.ledger, {d}, at(40)).retry_ns, 156 * kSecond);
    take(zone.ledger, {d}, at(196));
    d.amount = 1001;
    EXPECT_TRUE(refuse(zone.ledger, {d}, at(5000)).hopeless);
    expect_sound(zone.ledger);
}

TEST(Ledger, ConcurrencyIsGivenBack) {
    Zone zone;
    Demand d = zone.concurrency("key", 2);
    Reservation a = take(zone.ledger, {d}, at(0));
    take(zone.ledger, {d}, at(0));
    EXPECT_EQ(refuse(zone.ledger, {d}, at(0)).retry_ns, kSecond);
    settle(zone.ledger, a, {0}, at(0));
    take(zone.ledger, {d}, at(0));
    refuse(zone.ledger, {d}, at(0));
    expect_sound(zone.ledger);
}

TEST(Ledger, BudgetsChargeWhatWasSpent) {
    Zone zone;
    Window day{0, 86400};
    Demand d = zone.budget("team", 4 * kDollar, 10 * kDollar, day);
    d.soft = 8 * kDollar;
    Reservation a = take(zone.ledger, {d}, at(0));
    Reservation b = take(zone.ledger, {d}, at(0));
    Refusal held = refuse(zone.ledger, {d}, at(0));
    EXPECT_FALSE(held.hopeless);  // others may not use what they hold
    EXPECT_EQ(held.retry_ns, kSecond);
    EXPECT_TRUE(look(zone.ledger, d, at(0)).soft);
    EXPECT_EQ(settle(zone.ledger, a, {kDollar}, at(0)).crossed_soft, 0u);
    Settled over = settle(zone.ledger, b, {12 * kDollar}, at(0));
    EXPECT_TRUE(over.charged);
    EXPECT_EQ(over.overspent, 3 * kDollar);
    EXPECT_EQ(over.crossed_soft, 1u);
    Refusal gone = refuse(zone.ledger, {d}, at(0));
    EXPECT_TRUE(gone.hopeless);
    EXPECT_EQ(gone.retry_ns, (86400 - 1000) * kSecond);
    // Shortly before the window's end waiting is the thing to do.
    Refusal soon = refuse(zone.ledger, {d}, at(0.5, 86399));
    EXPECT_FALSE(soon.hopeless);
    EXPECT_EQ(soon.retry_ns, kSecond / 2);
    expect_sound(zone.ledger);
}

TEST(Ledger, CrossingsAreToldOnce) {
    Zone zone;
    Demand d = zone.budget("team", kDollar, 2 * kDollar);
    d.soft = kDollar;
    std::vector<uint32_t> soft;
    for (int i = 0; i < 2; i++) {
        soft.push_back(settle(zone.ledger, take(zone.ledger, {d}, at(0)),
                              {kDollar}, at(0))
                           .crossed_soft);
    }
    EXPECT_EQ(soft, (std::vector<uint32_t>{1, 0}));
    auto first = zone.ledger.reserve({&d, 1}, kMe, 0, at(0));
    EXPECT_TRUE(first->standings[0].crossed_hard);
    auto second = zone.ledger.reserve({&d, 1}, kMe, 0, at(0));
    EXPECT_FALSE(second->standings[0].crossed_hard);
    Demand next = zone.budget("team", kDollar, 2 * kDollar,
                              {1 << 30, 1 << 31});
    next.soft = kDollar;
    EXPECT_EQ(settle(zone.ledger, take(zone.ledger, {next}, at(0)),
                     {kDollar}, at(0))
                  .crossed_soft,
              1u);
}

TEST(Ledger, WhatIsLargerThanTheWholeBudgetDoesNotUseItUp) {
    Zone zone;
    Demand d = zone.budget("team", kDollar, 10 * kDollar);
    auto refused_hard = [&](int64_t amount) {
        Demand asked = d;
        asked.amount = amount;
        auto got = zone.ledger.reserve({&asked, 1}, kMe, kSecond, at(0));
        EXPECT_TRUE(got->refusal);
        return got->standings[0].crossed_hard;
    };
    settle(zone.ledger, take(zone.ledger, {d}, at(0)), {kDollar}, at(0));
    EXPECT_FALSE(refused_hard(11 * kDollar));
    EXPECT_FALSE(refused_hard(1000 * kDollar));
    EXPECT_TRUE(refused_hard(10 * kDollar)) << "would pay when it is whole";
    EXPECT_FALSE(refused_hard(10 * kDollar)) << "once";
    // Nothing is left: whoever asks then is told.
    d = zone.budget("other", 10 * kDollar, 10 * kDollar);
    Reservation all = take(zone.ledger, {d}, at(0));
    EXPECT_TRUE(refused_hard(11 * kDollar));
    settle(zone.ledger, all, {0}, at(0));
}

TEST(Ledger, NestedScopesAreAllOrNothing) {
    Zone zone;
    Demand key = zone.budget("key", kDollar, 5 * kDollar);
    Demand team = zone.budget("team", kDollar, kDollar);
    Demand rate = zone.requests("key", 10, kPerSecond);
    Demand many = zone.concurrency("key", 10);
    take(zone.ledger, {rate, key, many, team}, at(0));
    Refusal refusal = refuse(zone.ledger, {rate, key, many, team}, at(0));
    EXPECT_EQ(refusal.which, 3u);
    EXPECT_EQ(look(zone.ledger, key, at(0)).remaining, 4 * kDollar);
    EXPECT_EQ(look(zone.ledger, rate, at(0)).remaining, 9);
    EXPECT_EQ(look(zone.ledger, many, at(0)).remaining, 9);
    auto stats = zone.ledger.stats();
    EXPECT_EQ(stats->open, 1u);
    expect_sound(zone.ledger);
}

TEST(Ledger, TheLongestWaitIsTold) {
    Zone zone;
    Demand fast = zone.requests("a", 1, kPerSecond);
    Demand slow = zone.requests("b", 1, kSixtyAMinute);
    slow.rate = {1, 30 * kSecond};
    take(zone.ledger, {fast, slow}, at(0));
    Refusal refusal = refuse(zone.ledger, {fast, slow}, at(0));
    EXPECT_EQ(refusal.which, 1u);
    EXPECT_EQ(refusal.retry_ns, 30 * kSecond);
}

TEST(Ledger, OneAccountTwiceCountsTwice) {
    Zone zone;
    Demand d = zone.budget("team", 2 * kDollar, 3 * kDollar);
    refuse(zone.ledger, {d, d}, at(0));
    d.amount = kDollar;
    Reservation both = take(zone.ledger, {d, d}, at(0));
    EXPECT_EQ(look(zone.ledger, d, at(0)).remaining, kDollar);
    expect_sound(zone.ledger);
    settle(zone.ledger, both, {kDollar, 5}, at(0));
    EXPECT_EQ(look(zone.ledger, d, at(0)).remaining, 2 * kDollar - 5);
    expect_sound(zone.ledger);
}

TEST(Ledger, AsMuchAsFitsButNoLessThanTheLeast) {
    Zone zone;
    Demand d = zone.tokens("key", 800, 1000, kPerSecond);
    take(zone.ledger, {d}, at(0));
    d.least = 150;
    auto cut = zone.ledger.reserve({&d, 1}, kMe, kSecond, at(0));
    ASSERT_FALSE(cut->refusal);
    EXPECT_EQ(cut->standings[0].granted, 200);
    EXPECT_EQ(cut->standings[0].remaining, 0);
    refuse(zone.ledger, {d}, at(0));
    zone.ledger.release(cut->reservation, at(0)).ok();
    EXPECT_EQ(look(zone.ledger, d, at(0)).remaining, 200);
}

TEST(Ledger, DryRunsNeverRefuse) {
    Zone zone;
    Demand dry = zone.budget("team", kDollar, kDollar);
    dry.dry_run = true;
    Demand real = zone.concurrency("key", 5);
    Reservation a = take(zone.ledger, {dry, real}, at(0));
    auto second = zone.ledger.reserve(std::vector{dry, real}, kMe,
                                      60 * kSecond, at(0));
    ASSERT_FALSE(second->refusal);
    EXPECT_TRUE(second->standings[0].would_refuse);
    EXPECT_FALSE(second->standings[1].would_refuse);
    expect_sound(zone.ledger);
    settle(zone.ledger, second->reservation, {kDollar, 0}, at(0));
    settle(zone.ledger, a, {kDollar / 2, 0}, at(0));
    EXPECT_EQ(look(zone.ledger, dry, at(0)).remaining, kDollar / 2);
    EXPECT_EQ(look(zone.ledger, real, at(0)).remaining, 5);
    expect_sound(zone.ledger);
}

TEST(Ledger, ReleaseUndoesEverything) {
    Zone zone;
    std::vector<Demand> all{zone.requests("k", 5, kPerSecond),
                            zone.tokens("k", 10, 100, kPerSecond),
                            zone.concurrency("k", 2),
                            zone.budget("k", 7, 100)};
    Reservation taken = take(zone.ledger, all, at(0));
    EXPECT_EQ(look(zone.ledger, all[0], at(0)).remaining, 4);
    EXPECT_TRUE(zone.ledger.release(taken, at(0))->charged);
    EXPECT_FALSE(zone.ledger.release(taken, at(0))->charged);
    for (const Demand& d : all) {
        EXPECT_EQ(look(zone.ledger, d, at(0)).remaining, d.limit);
    }
    expect_sound(zone.ledger);
}

TEST(Ledger, SettlingTwiceChargesOnce) {
    Zone zone;
    Demand d = zone.budget("team", kDollar, 10 * kDollar);
    Reservation a = take(zone.ledger, {d}, at(0));
    EXPECT_TRUE(settle(zone.ledger, a, {kDollar}, at(0)).charged);
    EXPECT_FALSE(settle(zone.ledger, a, {kDollar}, at(0)).charged);
    Reservation b = take(zone.ledger, {d}, at(0));  // in the same slot
    EXPECT_EQ(a.slot, b.slot);
    EXPECT_FALSE(settle(zone.ledger, a, {kDollar}, at(0)).charged);
    EXPECT_EQ(look(zone.ledger, d, at(0)).remaining, 8 * kDollar);
    EXPECT_FALSE(settle(zone.ledger, {}, {}, at(0)).charged);
    EXPECT_FALSE(settle(zone.ledger, {4000000, 1}, {}, at(0)).charged);
    EXPECT_FALSE(zone.ledger.settle(b, {}, at(0)).ok());
    EXPECT_TRUE(settle(zone.ledger, b, {-5}, at(0)).charged);
    EXPECT_EQ(look(zone.ledger, d, at(0)).remaining, 9 * kDollar);
    expect_sound(zone.ledger);
}

TEST(Ledger, EndedLeasesComeBackAndStillCharge) {
    Zone zone;
    Demand d = zone.budget("team", 6 * kDollar, 10 * kDollar);
    Demand c = zone.concurrency("k", 1);
    Reservation lost = take(zone.ledger, {d, c}, at(0), 10 * kSecond);
    refuse(zone.ledger, {d, c}, at(9.9));
    Reservation next = take(zone.ledger, {d, c}, at(10), 10 * kSecond);
    EXPECT_EQ(zone.ledger.stats()->leases_ended, 1u);
    EXPECT_EQ(zone.ledger.stats()->expired, 1u);
    expect_sound(zone.ledger);
    Settled late = settle(zone.ledger, lost, {kDollar, 0}, at(12));
    EXPECT_TRUE(late.charged);
    EXPECT_TRUE(late.late);
    EXPECT_FALSE(settle(zone.ledger, lost, {kDollar, 0}, at(12)).charged);
    settle(zone.ledger, next, {kDollar, 0}, at(12));
    EXPECT_EQ(look(zone.ledger, d, at(12)).remaining, 8 * kDollar);
    EXPECT_EQ(look(zone.ledger, c, at(12)).remaining, 1);
    expect_sound(zone.ledger);
}

TEST(Ledger, EndedLeasesAreForgottenInTheEnd) {
    Zone zone;
    Demand d = zone.budget("team", kDollar, 10 * kDollar);
    Reservation lost = take(zone.ledger, {d}, at(0), kSecond);
    EXPECT_EQ(*zone.ledger.sweep(100, at(1)), 1u);
    EXPECT_EQ(*zone.ledger.sweep(100, at(600)), 0u);
    EXPECT_EQ(zone.ledger.stats()->expired, 1u);
    zone.ledger.sweep(100, at(602)).ok();
    EXPECT_EQ(zone.ledger.stats()->expired, 0u);
    EXPECT_FALSE(settle(zone.ledger, lost, {kDollar}, at(603)).charged);
    expect_sound(zone.ledger);
}

TEST(Ledger, WhatIsForgottenIsChargedByItsDemands) {
    Zone zone;
    Demand rate = zone.requests("k", 5, kPerSecond);
    Demand many = zone.concurrency("k", 2);
    Demand tokens = zone.tokens("k", 10, 100, kPerSecond);
    Demand team = zone.budget("team", 6, 10);
    team.soft = 8;
    Demand left_out = zone.budget("dry", 6, 10);
    std::vector<Demand> all{rate, many, tokens, team, left_out};
    std::vector<int64_t> used{7, 7, 30, 14, -1};
    // Limits of now stay, those of then are an account's where there is none.
    Demand raised = team;
    raised.limit = 20;
    raised.soft = INT64_MAX;
    settle(zone.ledger, take(zone.ledger, {raised}, at(0)), {1}, at(0));
    auto charged = zone.ledger.charge(all, used, at(0));
    ASSERT_TRUE(charged.ok());
    EXPECT_TRUE(charged->charged);
    EXPECT_EQ(charged->overspent, 0);
    EXPECT_EQ(charged->crossed_soft, 0u);
    EXPECT_EQ(look(zone.ledger, team, at(0)).remaining, 0);
    EXPECT_EQ(look(zone.ledger, raised, at(0)).remaining, 5);
    EXPECT_EQ(look(zone.ledger, tokens, at(0)).remaining, 70);
    EXPECT_EQ(look(zone.ledger, tokens, at(10)).remaining, 80);
    EXPECT_EQ(look(zone.ledger, rate, at(0)).remaining, 5);
    EXPECT_EQ(look(zone.ledger, many, at(0)).remaining, 2);
    EXPECT_EQ(look(zone.ledger, left_out, at(0)).remaining, 10);
    EXPECT_EQ(zone.ledger.stats()->accounts, 2u);
    Demand other = zone.budget("other", 6, 10);
    other.soft = 8;
    int64_t much[] = {14};
    charged = zone.ledger.charge({&other, 1}, much, at(0));
    EXPECT_EQ(charged->overspent, 4);
    EXPECT_EQ(charged->crossed_soft, 1u);
    EXPECT_EQ(zone.ledger.charge(all, much, at(0)).error().code,
              Errc::kInvalid);
    expect_sound(zone.ledger);
    // No place for one of them: the others are charged all the same.
    Zone full({32, 64, nullptr});
    for (int i = 0; i < 31; i++) {
        take(full.ledger, {full.concurrency(std::to_string(i), 1)}, at(0));
    }
    Demand both[] = {full.budget("a", 1, 9), full.budget("b", 1, 9)};
    int64_t each[] = {2, 3};
    EXPECT_FALSE(full.ledger.charge(both, each, at(0))->charged);
    EXPECT_EQ(look(full.ledger, both[0], at(0)).remaining, 7);
    expect_sound(full.ledger);
}

TEST(Ledger, ExtendKeepsRaisesAndLowers) {
    Zone zone;
    Demand d = zone.tokens("k", 100, 1000, kPerSecond);
    Reservation a = take(zone.ledger, {d}, at(0), 10 * kSecond);
    EXPECT_TRUE(*zone.ledger.extend(a, 10 * kSecond, {}, at(9)));
    zone.ledger.sweep(100, at(18)).ok();
    EXPECT_EQ(zone.ledger.stats()->open, 1u);
    int64_t more = 1000;
    EXPECT_TRUE(*zone.ledger.extend(a, 10 * kSecond, {&more, 1}, at(18)));
    EXPECT_EQ(look(zone.ledger, d, at(18)).remaining, 0);
    more = 1001;
    EXPECT_FALSE(*zone.ledger.extend(a, 10 * kSecond, {&more, 1}, at(27)));
    zone.ledger.sweep(100, at(30)).ok();  // but the lease has been extended
    EXPECT_EQ(zone.ledger.stats()->open, 1u);
    more = 10;
    EXPECT_TRUE(*zone.ledger.extend(a, 10 * kSecond, {&more, 1}, at(30)));
    EXPECT_EQ(look(zone.ledger, d, at(30)).remaining, 990);
    more = -1;
    EXPECT_TRUE(*zone.ledger.extend(a, 10 * kSecond, {&more, 1}, at(30)));
    EXPECT_EQ(look(zone.ledger, d, at(30)).remaining, 990);
    expect_sound(zone.ledger);
    // After the end it is taken anew, if it can be.
    zone.ledger.sweep(100, at(50)).ok();
    EXPECT_EQ(look(zone.ledger, d, at(50)).remaining, 1000);
    d.amount = 995;
    Reservation b = take(zone.ledger, {d}, at(50), 100 * kSecond);
    EXPECT_FALSE(*zone.ledger.extend(a, kSecond, {}, at(51)));
    zone.ledger.release(b, at(51)).ok();
    EXPECT_TRUE(*zone.ledger.extend(a, kSecond, {}, at(51)));
    EXPECT_EQ(look(zone.ledger, d, at(51)).remaining, 990);
    settle(zone.ledger, a, {10}, at(51));
    EXPECT_EQ(zone.ledger.extend(a, kSecond, {}, at(51)).error().code,
              Errc::kNotFound);
    expect_sound(zone.ledger);
}

// Fault case 75.
TEST(Ledger, ADeadOwnersHoldsGoAtOnce) {
    Zone zone;
    Demand d = zone.concurrency("k", 10);
    for (Owner owner : {Owner{7, 1}, Owner{7, 2}, Owner{8, 1}}) {
        for (int i = 0; i < 2; i++) {
            zone.ledger.reserve({&d, 1}, owner, 1000 * kSecond, at(0)).ok();
        }
    }
    EXPECT_EQ(look(zone.ledger, d, at(0)).remaining, 4);
    EXPECT_EQ(*zone.ledger.expire_owner({7, 1}, at(1)), 2u);
    EXPECT_EQ(look(zone.ledger, d, at(1)).remaining, 6);
    EXPECT_EQ(*zone.ledger.expire_owner({7, 1}, at(1)), 0u);
    expect_sound(zone.ledger);
}

TEST(Ledger, WindowsTurnWithReservationsOpen) {
    Zone zone;
    Window today{0, 86400};
    Window tomorrow{86400, 172800};
    Demand d = zone.budget("team", 6 * kDollar, 10 * kDollar, today);
    Reservation before = take(zone.ledger, {d}, at(0, 86399));
    Demand e = zone.budget("team", 6 * kDollar, 10 * kDollar, tomorrow);
    EXPECT_EQ(look(zone.ledger, e, at(1, 86399)).remaining, 10 * kDollar);
    Reservation after = take(zone.ledger, {e}, at(1, 86399));
    settle(zone.ledger, before, {5 * kDollar}, at(2, 86399));
    settle(zone.ledger, after, {kDollar}, at(2, 86399));
    EXPECT_EQ(look(zone.ledger, e, at(2, 86399)).remaining, 9 * kDollar);
    // The wall clock steps back: yesterday's money is still spent.
    EXPECT_EQ(look(zone.ledger, d, at(3, 86000)).remaining, 5 * kDollar);
    expect_sound(zone.ledger);
}

TEST(Ledger, RatesIgnoreTheWallClock) {
    Zone zone;
    Demand d = zone.requests("k", 1, kPerSecond);
    take(zone.ledger, {d}, at(0, 1000000));
    refuse(zone.ledger, {d}, at(0.5, 5000000));
    refuse(zone.ledger, {d}, at(0.5, 0));
    take(zone.ledger, {d}, at(1, 0));
}

TEST(Ledger, NewLimitsApplyToOldAccounts) {
    Zone zone;
    Demand d = zone.requests("k", 10, kPerSecond);
    for (int i = 0; i < 10; i++) {
        take(zone.ledger, {d}, at(0));
    }
    d.limit = 5;
    EXPECT_EQ(refuse(zone.ledger, {d}, at(0)).retry_ns, 6 * kSecond);
    d.limit = 20;
    d.rate = kSixtyAMinute;
    EXPECT_EQ(look(zone.ledger, d, at(2.5)).remaining, 12);
    take(zone.ledger, {d}, at(2.5));
    expect_sound(zone.ledger);
}

TEST(Ledger, IdleAccountsMakeRoomLiveOnesStay) {
    Zone zone({32, 64, nullptr});
    Window today{0, 86400};
    for (int i = 0; i < 32; i++) {
        Demand d = zone.budget(std::to_string(i), 1, 100, today);
        int64_t spent[] = {1};
        EXPECT_TRUE(zone.ledger.charge({&d, 1}, spent, at(0))->charged);
    }
    Demand next = zone.requests("new", 1, kPerSecond);
    auto full = zone.ledger.reserve({&next, 1}, kMe, 1, at(0));
    ASSERT_FALSE(full.ok());
    EXPECT_EQ(full.error().code, Errc::kNoSpace);
    expect_sound(zone.ledger);
    EXPECT_EQ(zone.ledger.stats()->accounts, 32u);
    // Yesterday's money makes room, then drained rates do.
    for (int i = 0; i < 200; i++) {
        Demand d = zone.requests("r" + std::to_string(i), 1, kPerSecond);
        settle(zone.ledger, take(zone.ledger, {d}, at(i * 2, 86400)), {0},
               at(i * 2, 86400));
    }
    EXPECT_EQ(zone.ledger.stats()->accounts, 32u);
    expect_sound(zone.ledger);
}

TEST(Ledger, PlacesAreFoundUntilThereAreFew) {
    constexpr uint32_t kPlaces = 16384;
    Zone zone({kPlaces, 4, nullptr});
    uint32_t count = 0;
    while (true) {
        Demand d = zone.budget(std::to_string(count), 1, 100);
        auto reserved = zone.ledger.reserve({&d, 1}, kMe, kSecond, at(0));
        if (!reserved.ok()) {
            break;
        }
        settle(zone.ledger, reserved->reservation, {1}, at(0));
        count++;
    }
    EXPECT_GT(count, kPlaces * 3 / 4);
}

// Places of windows just over count; what drains soon need spare none.
TEST(Ledger, NewBudgetsSpareWhatOthersMayStillHave) {
    Zone zone({64, 64, nullptr});
    for (int i = 0; i < 500; i++) {
        Demand d = zone.budget(std::to_string(i), 1, 9, {0, 1001});
        int64_t spent[] = {1};
        (void) zone.ledger.charge({&d, 1}, spent, at(0));
    }
    for (bool lasting : {true, false}) {
        int held = 0;
        for (int i = 500; i < 1000; i++) {
            std::string name = std::to_string(i);
            Demand d = lasting ? zone.budget(name, 1, 9)
                               : zone.requests(name, 3, kSixtyAMinute);
            held += zone.ledger.reserve({&d, 1}, kMe, kSecond, at(10)).ok();
        }
        EXPECT_EQ(held, lasting ? 56 : 8);
    }
    expect_sound(zone.ledger);
}

// What a window or a slow rate has taken stays for long. It leaves some places
// to what comes and goes, or who has a budget could not be let in any more.
TEST(Ledger, WhoIsKnownIsServedHoweverManyOthersCome) {
    for (Rate slow : {Rate{}, Rate{1, 86400 * kSecond}}) {
        Zone zone({256, 64, nullptr});
        auto ask = [&](int who, Now now) {
            std::string name = std::to_string(who);
            Demand demands[] = {zone.requests(name, 10, kPerSecond),
                                zone.concurrency(name, 4),
                                slow.valid()
                                    ? zone.tokens(name, 1, 100, slow)
                                    : zone.budget(name, 1, 100)};
            auto got = zone.ledger.reserve(demands, kMe, kSecond, now);
            if (got.ok()) {
                settle(zone.ledger, got->reservation, {0, 0, 1}, now);
            }
            return got.ok();
        };
        std::vector<int> known;
        for (int i = 0; i < 2000; i++) {
            if (ask(i, at(i * 2))) {
                known.push_back(i);
            }
        }
        EXPECT_GE(known.size(), 200u);
        EXPECT_LT(known.size(), 250u);
        for (int i : known) {
            EXPECT_TRUE(ask(i, at(4000 + i * 2))) << i;
        }
        expect_sound(zone.ledger);
    }
}

TEST(Ledger, SlotsRunOutAndComeBack) {
    Zone zone({64, 4, nullptr});
    Demand d = zone.concurrency("k", 100);
    std::vector<Reservation> open;
    for (int i = 0; i < 4; i++) {
        open.push_back(take(zone.ledger, {d}, at(0), 10 * kSecond));
    }
    EXPECT_EQ(zone.ledger.reserve({&d, 1}, kMe, 1, at(0)).error().code,
              Errc::kNoSpace);
    settle(zone.ledger, open[2], {0}, at(0));
    open[2] = take(zone.ledger, {d}, at(0), 100 * kSecond);
    expect_sound(zone.ledger);
    // Ended leases are forgotten when their slots are needed.
    for (int i = 0; i < 3; i++) {
        take(zone.ledger, {d}, at(20), 100 * kSecond);
        expect_sound(zone.ledger);
    }
    EXPECT_EQ(zone.ledger.reserve({&d, 1}, kMe, 1, at(20)).error().code,
              Errc::kNoSpace);
    EXPECT_EQ(zone.ledger.stats()->open, 4u);
}

TEST(Ledger, RefusesWhatMakesNoSense) {
    Zone zone;
    auto code = [&zone](Demand d) {
        auto got = zone.ledger.reserve({&d, 1}, kMe, 1, at(0));
        return got.ok() ? -1 : static_cast<int>(got.error().code);
    };
    constexpr int kBad = static_cast<int>(Errc::kInvalid);
    Demand d = zone.requests("k", 1, kPerSecond);
    d.amount = -1;
    EXPECT_EQ(code(d), kBad);
    d.amount = INT64_MAX;
    EXPECT_EQ(code(d), kBad);
    d = zone.requests("k", -1, kPerSecond);
    EXPECT_EQ(code(d), kBad);
    d = zone.requests("k", 1, {0, 1});
    EXPECT_EQ(code(d), kBad);
    d = zone.requests("k", 1, kPerSecond);
    d.least = 5;
    EXPECT_EQ(code(d), kBad);
    d = zone.requests("k", 1, kPerSecond);
    d.kind = static_cast<Kind>(9);
    EXPECT_EQ(code(d), kBad);
    std::vector<Demand> many(17, zone.concurrency("k", 100));
    EXPECT_FALSE(zone.ledger.reserve(many, kMe, 1, at(0)).ok());
    many.pop_back();
    take(zone.ledger, many, at(0));
    EXPECT_EQ(look(zone.ledger, many[0], at(0)).remaining, 84);
    expect_sound(zone.ledger);
}

TEST(Ledger, KeysTellEverythingApart) {
    Zone zone;
    Ledger& l = zone.ledger;
    EXPECT_EQ(l.key(Kind::kTokens, "a", "b"), l.key(Kind::kTokens, "a", "b"));
    EXPECT_NE(l.key(Kind::kTokens, "a", "b"),
              l.key(Kind::kRequests, "a", "b"));
    EXPECT_NE(l.key(Kind::kTokens, "ab", ""), l.key(Kind::kTokens, "a", "b"));
    EXPECT_NE(l.key(Kind::kBudget, "a", "b", 0),
              l.key(Kind::kBudget, "a", "b", 1));
    std::string large(100000, 'x');
    EXPECT_NE(l.key(Kind::kTokens, "a", large),
              l.key(Kind::kTokens, "a", large + "x"));
    Zone other;
    EXPECT_NE(l.key(Kind::kTokens, "a", "b"),
              other.ledger.key(Kind::kTokens, "a", "b"));
}

TEST(Ledger, AttachesToWhatIsThere) {
    Zone zone;
    Demand d = zone.budget("k", 5, 100);
    take(zone.ledger, {d}, at(0));
    auto again = Ledger::attach(zone.region(), {1024, 1024, nullptr});
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(look(*again, d, at(0)).remaining, 95);
    shm::Region wrong = zone.region();
    wrong.size += 64;
    EXPECT_EQ(Ledger::attach(wrong, {}).error().code, Errc::kCorrupt);
    wrong = zone.region(true);
    wrong.size -= 64;
    EXPECT_EQ(Ledger::attach(wrong, {64, 32, nullptr}).error().code,
              Errc::kNoSpace);
    EXPECT_FALSE(Ledger::attach({}, {}).ok());
}

}  // namespace
}  // namespace llm::limit
