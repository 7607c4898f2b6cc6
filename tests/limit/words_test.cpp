// Amounts, instants and globs as operators write them.
#include <gtest/gtest.h>

#include <chrono>

#include "src/limit/amount.hpp"
#include "src/limit/glob.hpp"
#include "src/limit/rfc3339.hpp"

namespace llm::limit {
namespace {

constexpr int64_t kSecond = 1000000000;

TEST(Amount, Counts) {
    EXPECT_EQ(*parse_count("60"), 60);
    EXPECT_EQ(*parse_count("100k"), 100000);
    EXPECT_EQ(*parse_count("2m"), 2000000);
    for (Bytes bad : {"", "0", "-1", "k", "1.5k", "1K ", "1kk", "1e3",
                      "99999999999999999999", "1152921504606846977",
                      "9999999999999999k"}) {
        EXPECT_FALSE(parse_count(bad).ok()) << bad;
    }
}

TEST(Amount, Rates) {
    EXPECT_EQ(*parse_rate("60/m"), (Rate{60, 60 * kSecond}));
    EXPECT_EQ(*parse_rate("100k/minute"), (Rate{100000, 60 * kSecond}));
    EXPECT_EQ(*parse_rate("5/s"), (Rate{5, kSecond}));
    EXPECT_EQ(*parse_rate("1/h"), (Rate{1, 3600 * kSecond}));
    EXPECT_EQ(*parse_rate("1m/day"), (Rate{1000000, 86400 * kSecond}));
    for (Bytes bad : {"", "60", "60/", "/m", "60/w", "60/m/s", "60 / m",
                      "0/m", "-5/m"}) {
        EXPECT_FALSE(parse_rate(bad).ok()) << bad;
    }
    EXPECT_EQ(parse_rate("60/w").error().message,
              "must be a rate per s, m, h or d");
}

TEST(Amount, Money) {
    EXPECT_EQ(*parse_usd("50"), 50 * kSecond);
    EXPECT_EQ(*parse_usd("0.25"), kSecond / 4);
    EXPECT_EQ(*parse_usd("1e3"), 1000 * kSecond);
    EXPECT_EQ(*parse_usd("0.000000001"), 1);
    EXPECT_EQ(*parse_usd("0.1000000000000"), kSecond / 10);
    EXPECT_EQ(*parse_usd("0"), 0);
    EXPECT_EQ(parse_usd("-5").error().message, "must not be negative");
    EXPECT_EQ(parse_usd("0.0000000001").error().message,
              "must have at most nine digits after the point");
    EXPECT_FALSE(parse_usd("1e-11").ok());
    EXPECT_FALSE(parse_usd("1000000000.0000000001").ok());
    EXPECT_EQ(*parse_usd("1000000000.000000001"), 1000000000000000001);
    EXPECT_EQ(parse_usd("1e309").error().code, Errc::kTooLarge);
    EXPECT_EQ(parse_usd("2000000000").error().code, Errc::kTooLarge);
    for (Bytes bad : {"", "$5", "5 USD", "five", "1,000", "0x5", "+5"}) {
        EXPECT_FALSE(parse_usd(bad).ok()) << bad;
    }
}

TEST(Rfc3339, Instants) {
    EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00Z"), 0);
    EXPECT_EQ(parse_rfc3339("2026-11-20T20:47:38Z"), 1795207658);
    EXPECT_EQ(parse_rfc3339("2026-11-20 21:47:38.999+01:00"), 1795207658);
    EXPECT_EQ(parse_rfc3339("2026-11-20t15:17:38-05:30"), 1795207658);
    EXPECT_EQ(parse_rfc3339("2028-02-29T00:00:00Z"), 1835395200);
    EXPECT_EQ(parse_rfc3339("2016-12-31T23:59:60Z"), 1483228800);
    for (Bytes bad :
         {"", "2026-11-20", "2026-11-20T20:47:38", "2026-11-20T20:47Z",
          "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
          "2026-11-20T24:00:00Z", "2026-11-20T20:60:00Z",
          "2026-11-20T20:47:38.Z", "2026-11-20T20:47:38Zx",
          "2026-11-20T20:47:38+1:00", "2026-11-20T20:47:38+24:00",
          "26-11-20T20:47:38Z", "2026-11-20T20:47:61Z", "1795207658"}) {
        EXPECT_FALSE(parse_rfc3339(bad)) << bad;
    }
}

TEST(Glob, Matches) {
    EXPECT_TRUE(glob_match("gpt-4o*", "gpt-4o"));
    EXPECT_TRUE(glob_match("gpt-4o*", "gpt-4o-mini"));
    EXPECT_FALSE(glob_match("gpt-4o*", "gpt-4"));
    EXPECT_FALSE(glob_match("gpt-4o", "gpt-4o-mini"));
    EXPECT_FALSE(glob_match("gpt-4o", "GPT-4O"));
    EXPECT_TRUE(glob_match("*", ""));
    EXPECT_TRUE(glob_match("", ""));
    EXPECT_FALSE(glob_match("", "a"));
    EXPECT_FALSE(glob_match("?", ""));
    EXPECT_TRUE(glob_match("a?c*e", "abcde"));
    EXPECT_TRUE(glob_match("*a*b*", "xxaxxbxx"));
    EXPECT_TRUE(glob_match("*ab", "aab"));
    EXPECT_FALSE(glob_match("*ab", "aba"));
    EXPECT_TRUE(glob_match("a.c", "a.c"));
    EXPECT_FALSE(glob_match("a.c", "abc"));
}

TEST(Glob, NoInputIsSlow) {
    std::string pattern;
    for (int i = 0; i < 60; i++) {
        pattern += "a*";
    }
    auto begin = std::chrono::steady_clock::now();
    EXPECT_FALSE(glob_match(pattern + "b", std::string(100000, 'a')));
    EXPECT_LT(std::chrono::steady_clock::now() - begin,
              std::chrono::seconds(1));
}

}  // namespace
}  // namespace llm::limit
