#include "src/semantic/remote_breaker.hpp"

#include <gtest/gtest.h>

namespace llm::semantic {
namespace {

using State = RemoteBreaker::State;

constexpr int64_t kSecond = 1000000000;

Now at(double seconds) {
    return {static_cast<int64_t>(seconds * kSecond), 0};
}

RemoteBreaker broken(const Now& now) {
    RemoteBreaker breaker;
    for (int i = 0; i < 5; i++) {
        EXPECT_TRUE(breaker.allow(now));
        breaker.failed(now);
    }
    return breaker;
}

TEST(RemoteBreaker, FiveFailuresInARowOpenIt) {
    RemoteBreaker breaker;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++) {
            EXPECT_TRUE(breaker.allow(at(1)));
            breaker.failed(at(1));
        }
        breaker.succeeded();
    }
    EXPECT_EQ(breaker.state(), State::kClosed);
    breaker = broken(at(1));
    EXPECT_EQ(breaker.state(), State::kOpen);
    EXPECT_FALSE(breaker.allow(at(1)));
    EXPECT_FALSE(breaker.allow(at(1.999)));
}

TEST(RemoteBreaker, OneProbeGoesThroughAfterThePause) {
    RemoteBreaker breaker = broken(at(1));
    EXPECT_TRUE(breaker.allow(at(2)));
    EXPECT_EQ(breaker.state(), State::kProbing);
    EXPECT_FALSE(breaker.allow(at(2)));
    breaker.succeeded();
    EXPECT_EQ(breaker.state(), State::kClosed);
    EXPECT_TRUE(breaker.allow(at(2)));
    breaker.failed(at(2));
    EXPECT_TRUE(breaker.allow(at(2)));
}

TEST(RemoteBreaker, PausesDoubleUpToTheLongest) {
    RemoteBreaker breaker = broken(at(0));
    double now = 1;
    for (double pause : {2, 4, 8, 16, 30, 30}) {
        EXPECT_TRUE(breaker.allow(at(now)));
        breaker.failed(at(now));
        EXPECT_FALSE(breaker.allow(at(now + pause - 0.001))) << pause;
        now += pause;
    }
    EXPECT_TRUE(breaker.allow(at(now)));
    breaker.succeeded();
    // and begin anew
    for (int i = 0; i < 5; i++) {
        breaker.failed(at(now));
    }
    EXPECT_FALSE(breaker.allow(at(now + 0.9)));
    EXPECT_TRUE(breaker.allow(at(now + 1)));
}

TEST(RemoteBreaker, ALostProbeIsFollowedByAnother) {
    RemoteBreaker breaker = broken(at(0));
    EXPECT_TRUE(breaker.allow(at(1)));
    EXPECT_FALSE(breaker.allow(at(10.9)));
    EXPECT_TRUE(breaker.allow(at(11)));
    EXPECT_FALSE(breaker.allow(at(11)));
}

TEST(RemoteBreaker, CallsOfBeforeProlongNothingButMayClose) {
    RemoteBreaker breaker = broken(at(0));
    breaker.failed(at(0.9));
    EXPECT_TRUE(breaker.allow(at(1)));
    breaker = broken(at(0));
    breaker.succeeded();
    EXPECT_TRUE(breaker.allow(at(0.1)));
}

}  // namespace
}  // namespace llm::semantic
