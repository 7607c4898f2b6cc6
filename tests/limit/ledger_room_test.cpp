// What it costs to make room for a reservation where all places are taken.
#include "tests/count_steps.hpp"
#include "tests/limit/ledger_region.hpp"

namespace llm::limit {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr uint64_t kFewSteps = 60000;  // a walk each time takes 200,000
#else
constexpr uint64_t kFewSteps = 30000;
#endif

// A worker was killed with many requests under way: what is remembered of
// them makes room, and is not sought among all others by each who comes.
TEST(LedgerRoom, WhatIsRememberedIsFoundWithoutAWalkEachTime) {
    constexpr uint32_t kSlots = 2048;
    constexpr Owner kKilled{7, 7};
    Zone zone({4096, kSlots, nullptr});
    Demand one = zone.concurrency("c", 1 << 20);
    auto reserve = [&](const Owner& owner) {
        return zone.ledger.reserve({&one, 1}, owner, 3600 * kSecond, at(1))
            .ok();
    };
    for (uint32_t i = 0; i < kSlots; i++) {
        ASSERT_TRUE(reserve(i < kSlots - 200 ? kMe : kKilled));
    }
    ASSERT_TRUE(zone.ledger.expire_owner(kKilled, at(1)).ok());
    ASSERT_EQ(zone.ledger.stats()->expired, 200u);
    ASSERT_TRUE(reserve(kMe));
    auto steps = count_steps([&] {
        for (int i = 0; i < 6; i++) {
            (void) reserve(kMe);
        }
    });
    if (!steps) {
        GTEST_SKIP() << "this system lets no process trace its child";
    }
    EXPECT_LT(*steps, kFewSteps);
    int more = 0;
    while (reserve(kMe)) {
        more++;
    }
    EXPECT_EQ(more, 193);
    EXPECT_EQ(zone.ledger.stats()->expired, 0u);
    expect_sound(zone.ledger);
}

}  // namespace
}  // namespace llm::limit
