#include "src/price/decimal.hpp"

#include <gtest/gtest.h>

namespace llm::price {
namespace {

int64_t pico(Bytes text) {
    auto value = parse_scaled(text, 12);
    EXPECT_TRUE(value.ok()) << text;
    return value ? *value : -1;
}

TEST(Decimal, ReadsEveryFormExactly) {
    EXPECT_EQ(pico("0"), 0);
    EXPECT_EQ(pico("0.0"), 0);
    EXPECT_EQ(pico("0e999999999999999999999"), 0);
    EXPECT_EQ(pico("2.5e-06"), 2500000);
    EXPECT_EQ(pico("2.5E-6"), 2500000);
    EXPECT_EQ(pico("0.0000025"), 2500000);
    EXPECT_EQ(pico("25e-7"), 2500000);
    EXPECT_EQ(pico("1"), 1000000000000);
    EXPECT_EQ(pico("1e+3"), 1000000000000000);
    EXPECT_EQ(pico("-3e-7"), -300000);
    EXPECT_EQ(pico("4.5003000000000007e-07"), 450030);
}

TEST(Decimal, RoundsHalfAwayFromZeroOnce) {
    EXPECT_EQ(pico("7.9752604167e-09"), 7975);
    EXPECT_EQ(pico("0.4e-12"), 0);
    EXPECT_EQ(pico("0.5e-12"), 1);
    EXPECT_EQ(pico("1.49999999999999999999999e-12"), 1);
    EXPECT_EQ(pico("9.9999995e-07"), 1000000);
    EXPECT_EQ(pico("1e-13"), 0);
    EXPECT_EQ(pico("9e-400"), 0);
    EXPECT_EQ(pico("9e-99999999999999999999"), 0);
}

TEST(Decimal, RefusesWhatDoesNotFitOrIsNoNumber) {
    EXPECT_EQ(*parse_scaled("9223372036854775807", 0), INT64_MAX);
    for (Bytes text : {"9223372036854775808", "1e309", "1e19",
                       "1e99999999999999999999", "99999999999999999999"}) {
        auto value = parse_scaled(text, 0);
        ASSERT_FALSE(value.ok()) << text;
        EXPECT_EQ(value.error().code, Errc::kTooLarge) << text;
    }
    for (Bytes text : {"", "-", ".5", "1.", "1e", "+1", "01", "1 ", "NaN",
                       "Infinity", "0x10", "1_000"}) {
        auto value = parse_scaled(text, 0);
        ASSERT_FALSE(value.ok()) << text;
        EXPECT_EQ(value.error().code, Errc::kInvalid) << text;
    }
}

TEST(Decimal, Formats) {
    EXPECT_EQ(format_scaled(1500000000, 9, 2), "1.50");
    EXPECT_EQ(format_scaled(0, 9), "0");
    EXPECT_EQ(format_scaled(1, 9), "0.000000001");
    EXPECT_EQ(format_scaled(-2500000000, 9), "-2.5");
    EXPECT_EQ(format_scaled(INT64_MIN, 9), "-9223372036.854775808");
    EXPECT_EQ(format_scaled(7, 0), "7");
}

}  // namespace
}  // namespace llm::price
