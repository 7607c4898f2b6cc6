#include "src/route/reset_time.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace llm::route {
namespace {

constexpr int64_t kMs = 1000000;
constexpr int64_t kSecond = 1000 * kMs;
// 2025-08-21T12:40:00Z
constexpr int64_t kWall = 1755780000;

Now now() { return {77 * kSecond, kWall * kSecond}; }

using Headers = std::vector<std::pair<Bytes, Bytes>>;

// Milliseconds; -1: the provider did not say.
int64_t wait_ms(const Headers& headers) {
    ResetTimes times;
    for (const auto& [name, value] : headers) {
        times.add(name, value);
    }
    auto ns = times.wait(now());
    return ns ? *ns / kMs : -1;
}

TEST(GoDuration, AsParseDurationReadsThem) {
    struct {
        Bytes text;
        int64_t ns;
    } cases[] = {
        {"0", 0},
        {"0s", 0},
        {"6m0s", 360 * kSecond},
        {"1s", kSecond},
        {"120ms", 120 * kMs},
        {"1h15m30.918s", 4530 * kSecond + 918 * kMs},
        {".5s", kSecond / 2},
        {"1.s", kSecond},
        {"1us", 1000},
        {"1\xc2\xb5s", 1000},
        {"1\xce\xbcs", 1000},
        {"1.9ns", 1},
        {"+2s", 2 * kSecond},
        {"-2s", 0},
        {"24h", ResetTimes::kMax},
        {"25h", ResetTimes::kMax},
        {"9999999999999999999999h", ResetTimes::kMax},
        {"20h20h20h", ResetTimes::kMax},
        {"0.123456789123456789s", 123456789},
    };
    for (const auto& c : cases) {
        auto ns = parse_go_duration(c.text);
        ASSERT_TRUE(ns.has_value()) << c.text;
        EXPECT_EQ(*ns, c.ns) << c.text;
    }
    for (Bytes bad : {"", "1", "s", ".s", "-", "+", "1 s", "1s ", "1d",
                      "1m1", "--1s", "1e3s", "1S", "1.2.3s", "\xc2s"}) {
        EXPECT_FALSE(parse_go_duration(bad).has_value()) << bad;
    }
}

TEST(HttpDate, ItsThreeForms) {
    for (Bytes text :
         {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
          "Sun Nov  6 08:49:37 1994"}) {
        EXPECT_EQ(parse_http_date(text, now()), 784111777) << text;
    }
    EXPECT_EQ(parse_http_date("Thu Aug 21 12:40:00 2025", now()), kWall);
    // A year of two digits that lies more than fifty ahead is past.
    EXPECT_EQ(parse_http_date("Friday, 01-Jan-76 00:00:00 GMT", now()),
              189302400);
    EXPECT_GT(*parse_http_date("Friday, 01-Jan-75 00:00:00 GMT", now()),
              kWall);
    for (Bytes bad :
         {"", "Sun", "Sun, 06 Nov 1994 08:49:37", "Sun, 6 Nov 1994 08:49:37 "
          "GMT", "Sun, 31 Feb 1994 08:49:37 GMT",
          "Sun, 06 Nox 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
          "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET",
          "Sun, 06 Nov 1994 08:49:37 GMTx", "Sun, 06 ovD 1994 08:49:37 GMT",
          "06 Nov 1994 08:49:37 GMT"}) {
        EXPECT_FALSE(parse_http_date(bad, now()).has_value()) << bad;
    }
}

TEST(ResetTimes, RetryAfter) {
    EXPECT_EQ(wait_ms({{"Retry-After", "7"}}), 7000);
    EXPECT_EQ(wait_ms({{"retry-after", " 0.5 "}}), 500);
    EXPECT_EQ(wait_ms({{"retry-after", "0"}}), 0);
    EXPECT_EQ(wait_ms({{"retry-after", "Thu, 21 Aug 2025 12:40:30 GMT"}}),
              30000);
    EXPECT_EQ(wait_ms({{"retry-after", "Thu, 21 Aug 2025 12:39:30 GMT"}}),
              0);
    EXPECT_EQ(wait_ms({{"retry-after", "Thu, 21 Aug 2098 12:39:30 GMT"}}),
              86400000);
    EXPECT_EQ(wait_ms({{"retry-after", "99999999999999999999999"}}),
              86400000);
    EXPECT_EQ(wait_ms({{"retry-after", "1e9"}}), -1);
    EXPECT_EQ(wait_ms({{"retry-after", "-1"}}), -1);
    EXPECT_EQ(wait_ms({{"retry-after", "soon"}}), -1);
    EXPECT_EQ(wait_ms({}), -1);
}

TEST(ResetTimes, MillisecondsAreTrustedFirst) {
    EXPECT_EQ(wait_ms({{"retry-after", "7"}, {"retry-after-ms", "250"}}),
              250);
    EXPECT_EQ(wait_ms({{"x-ms-retry-after-ms", "12.5"}}), 12);
    EXPECT_EQ(wait_ms({{"retry-after-ms", "x"}, {"retry-after", "7"}}),
              7000);
}

TEST(ResetTimes, OpenaiLimits) {
    // What is used up counts, however much longer the other one is.
    EXPECT_EQ(wait_ms({{"x-ratelimit-remaining-requests", "0"},
                       {"x-ratelimit-reset-requests", "120ms"},
                       {"x-ratelimit-remaining-tokens", "199996"},
                       {"x-ratelimit-reset-tokens", "6m0s"}}),
              120);
    EXPECT_EQ(wait_ms({{"X-RateLimit-Remaining-Requests", "0"},
                       {"X-RateLimit-Reset-Requests", "1s"},
                       {"X-RateLimit-Remaining-Tokens", "0"},
                       {"X-RateLimit-Reset-Tokens", "6m0s"}}),
              360000);
    // Nobody says what is used up: the shortest.
    EXPECT_EQ(wait_ms({{"x-ratelimit-reset-requests", "2s"},
                       {"x-ratelimit-reset-tokens", "1m"}}),
              2000);
    EXPECT_EQ(wait_ms({{"x-ratelimit-reset-project-tokens", "3s"}}), 3000);
    EXPECT_EQ(wait_ms({{"x-ratelimit-reset", "3"}}), 3000);
    EXPECT_EQ(wait_ms({{"ratelimit-reset", "3"}}), 3000);
    EXPECT_EQ(wait_ms({{"x-ratelimit-reset", "1755780010"}}), 10000);
    EXPECT_EQ(wait_ms({{"x-ratelimit-reset", "1755780010000"}}), 10000);
    // Azure's -1 is no zero.
    EXPECT_EQ(wait_ms({{"x-ratelimit-remaining-requests", "-1"},
                       {"x-ratelimit-reset-requests", "0"},
                       {"x-ratelimit-remaining-tokens", "0"},
                       {"x-ratelimit-reset-tokens", "5"}}),
              5000);
    EXPECT_EQ(wait_ms({{"x-ratelimit-resetting", "3"}}), -1);
    EXPECT_EQ(wait_ms({{"x-ratelimit-limit-requests", "3"}}), -1);
}

TEST(ResetTimes, AnthropicLimits) {
    EXPECT_EQ(
        wait_ms({{"anthropic-ratelimit-requests-remaining", "49"},
                 {"anthropic-ratelimit-requests-reset",
                  "2025-08-21T12:40:02Z"},
                 {"anthropic-ratelimit-input-tokens-remaining", "0"},
                 {"anthropic-ratelimit-input-tokens-reset",
                  "2025-08-21T12:40:59Z"}}),
        59000);
    EXPECT_EQ(wait_ms({{"anthropic-ratelimit-unified-reset", "1755780060"}}),
              60000);
    EXPECT_EQ(wait_ms({{"anthropic-ratelimit-unified-status", "rejected"}}),
              -1);
    EXPECT_EQ(wait_ms({{"anthropic-ratelimit-tokens-reset",
                        "2025-08-21T12:39:59Z"}}),
              0);
}

// Every answer of OpenAI's has them, a 500 too.
TEST(ResetTimes, LimitsAreNotAskedFor) {
    ResetTimes times;
    times.add("x-ratelimit-remaining-requests", "0");
    times.add("x-ratelimit-reset-requests", "120ms");
    EXPECT_FALSE(times.asked(now()).has_value());
    times.add("Retry-After", "3");
    EXPECT_EQ(times.asked(now()), 3 * kSecond);
}

TEST(ResetTimes, KindsAreBounded) {
    ResetTimes times;
    std::vector<std::string> names;
    for (int i = 0; i < 100; i++) {
        names.push_back("x-ratelimit-reset-" + std::to_string(i));
    }
    int taken = 0;
    for (const std::string& name : names) {
        taken += times.add(name, "5") ? 1 : 0;
    }
    EXPECT_EQ(taken, 16);
    EXPECT_EQ(times.wait(now()), 5 * kSecond);
}

}  // namespace
}  // namespace llm::route
