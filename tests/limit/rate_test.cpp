#include "src/limit/rate.hpp"

#include <gtest/gtest.h>

#include <random>

namespace llm::limit {
namespace {

constexpr int64_t kSecond = 1000000000;
constexpr int64_t kMinute = 60 * kSecond;

TEST(Bucket, DrainsExactlyHoweverOftenItIsLookedAt) {
    // 7 units in a minute: a unit takes 8.571428… s, no whole nanoseconds.
    Rate rate{7, kMinute};
    std::mt19937_64 random(1);
    for (int round = 0; round < 50; round++) {
        Bucket often{1000000, 0, 0};
        Bucket once = often;
        int64_t now = 0;
        for (int i = 0; i < 1000; i++) {
            now += static_cast<int64_t>(random() % (3 * kSecond));
            often.drain(rate, now);
        }
        once.drain(rate, now);
        EXPECT_EQ(often.level, once.level);
        EXPECT_EQ(often.fraction, once.fraction);
    }
}

// Small numbers are divided by another instruction than large ones.
TEST(Bucket, DrainsTheSameOnBothSidesOfTheMachinesDivision) {
    std::mt19937_64 random(2);
    for (int i = 0; i < 20000; i++) {
        auto bits = [&random](unsigned most) {
            return static_cast<int64_t>(random() >> (64 - 1 - random() % most));
        };
        Rate rate{1 + bits(30), 1 + bits(56)};
        Bucket bucket{bits(60), 0, 0};
        bucket.fraction = static_cast<int64_t>(
            random() % static_cast<uint64_t>(rate.period_ns));
        int64_t now = bits(50);
        __int128 fine = static_cast<__int128>(bucket.level) * rate.period_ns
                        + bucket.fraction
                        - static_cast<__int128>(now) * rate.units;
        fine = std::max<__int128>(fine, 0);
        EXPECT_EQ(bucket.drains_by(rate, now), fine == 0);
        EXPECT_FALSE(bucket.drains_by(rate, -now) && fine > 0);
        bucket.drain(rate, now);
        EXPECT_EQ(bucket.level, static_cast<int64_t>(fine / rate.period_ns));
        EXPECT_EQ(bucket.fraction,
                  static_cast<int64_t>(fine % rate.period_ns));
        __int128 wait = (fine + rate.units - 1) / rate.units;
        EXPECT_EQ(bucket.wait_ns(rate, 0),
                  static_cast<int64_t>(std::min<__int128>(wait, INT64_MAX)));
    }
}

TEST(Bucket, WaitIsTheFirstInstantAndNoEarlier) {
    Rate rate{7, kMinute};
    Bucket bucket{10, 3, 0};
    for (int64_t target = 0; target < 10; target++) {
        int64_t wait = bucket.wait_ns(rate, target);
        Bucket then = bucket;
        then.drain(rate, wait);
        EXPECT_TRUE(then.level < target
                    || (then.level == target && then.fraction == 0))
            << target;
        Bucket before = bucket;
        before.drain(rate, wait - 1);
        EXPECT_TRUE(before.level > target
                    || (before.level == target && before.fraction > 0))
            << target;
    }
    EXPECT_EQ(bucket.wait_ns(rate, 11), 0);
}

// Fault case 72.
TEST(Bucket, ClockStepsNeitherDrainNorFreeze) {
    Rate rate{1, kSecond};
    Bucket bucket{100, 0, 50 * kSecond};
    bucket.drain(rate, 49 * kSecond);  // read a moment earlier elsewhere
    EXPECT_EQ(bucket.level, 100);
    EXPECT_EQ(bucket.stamp_ns, 50 * kSecond);
    bucket.drain(rate, 5 * kSecond);  // another clock
    EXPECT_EQ(bucket.level, 100);
    bucket.drain(rate, 6 * kSecond);
    EXPECT_EQ(bucket.level, 99);
    bucket.drain(rate, INT64_MAX);
    EXPECT_EQ(bucket.level, 0);
    EXPECT_EQ(bucket.fraction, 0);
}

// Fault case 73.
TEST(Bucket, ExtremesSaturate) {
    Rate fast{int64_t{1} << 60, 1};
    Rate slow{1, Rate::kMaxPeriod};
    Bucket bucket{0, 0, 0};
    bucket.charge(INT64_MAX);
    bucket.charge(INT64_MAX);
    EXPECT_EQ(bucket.level, Bucket::kMaxLevel);
    EXPECT_EQ(bucket.wait_ns(slow, 0), INT64_MAX);
    bucket.drain(slow, INT64_MAX);
    EXPECT_GT(bucket.level, Bucket::kMaxLevel - 100);
    bucket.drain(fast, INT64_MIN);
    bucket.drain(fast, INT64_MIN + 2);
    EXPECT_EQ(bucket.level, 0);
}

TEST(Bucket, RefundGivesNothingForFree) {
    Rate rate{1, kSecond};
    Bucket bucket{0, 0, 0};
    bucket.charge(10);
    bucket.drain(rate, 4 * kSecond);
    bucket.refund(rate, 10, 0);  // 4 of them have drained
    EXPECT_EQ(bucket.level, 0);
    bucket.charge(3);
    bucket.drain(rate, 5 * kSecond + 1);
    EXPECT_EQ(bucket.fraction, kSecond - 1);
    bucket.refund(rate, 1, 5 * kSecond);  // 1 ns of it may have drained
    EXPECT_EQ(bucket.level, 1);
    EXPECT_EQ(bucket.fraction, 0);
}

TEST(Bucket, RefundAtOnceLeavesNothingBehind) {
    Rate rate{20, 60 * kMinute};
    Bucket bucket{0, 0, 0};
    for (int i = 0; i < 100; i++) {
        bucket.charge(1);
        bucket.refund(rate, 1, 0);
    }
    EXPECT_EQ(bucket.level, 0);
    EXPECT_EQ(bucket.fraction, 0);
    // Later ones leave no more than what drains in that time.
    for (int i = 1; i <= 100; i++) {
        bucket.charge(1);
        bucket.drain(rate, i * kSecond);
        bucket.refund(rate, 1, (i - 1) * kSecond);
    }
    EXPECT_EQ(bucket.level, 0);
    EXPECT_LE(bucket.fraction, 20 * kSecond);
}

TEST(Bucket, RescaleKeepsTheFraction) {
    Bucket bucket{3, 30 * kSecond, 0};
    bucket.rescale({5, kMinute}, {5, kSecond});
    EXPECT_EQ(bucket.fraction, kSecond / 2);
    EXPECT_EQ(bucket.level, 3);
}

TEST(Rate, NodesShareExactly) {
    EXPECT_EQ(share_of({7, kMinute}, 3), (Rate{7, 3 * kMinute}));
    EXPECT_EQ(share_of({7, kMinute}, 1), (Rate{7, kMinute}));
    EXPECT_EQ(share_of({7, kMinute}, 0), (Rate{7, kMinute}));
    EXPECT_EQ(share_of_burst(10, 3), 3);
    EXPECT_EQ(share_of_burst(2, 3), 1);
    EXPECT_EQ(share_of_budget(100, 3), 33);
    EXPECT_FALSE((Rate{0, 1}).valid());
    EXPECT_FALSE((Rate{1, 0}).valid());
}

}  // namespace
}  // namespace llm::limit
