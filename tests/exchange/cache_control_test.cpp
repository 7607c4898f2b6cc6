#include "src/exchange/cache_control.hpp"

#include <gtest/gtest.h>

namespace llm::exchange {
namespace {

ClientControl parse(Bytes value) {
    ClientControl control;
    control.read(value);
    return control;
}

TEST(CacheControl, NothingSaidChangesNothing) {
    ClientControl control = parse("");
    EXPECT_FALSE(control.no_cache || control.no_store
                 || control.only_if_cached || control.max_age_s
                 || control.min_fresh_s);
}

TEST(CacheControl, ReadsEveryDirectiveWhateverItsCaseAndSpacing) {
    ClientControl control =
        parse(" No-Cache ,NO-STORE,\tonly-if-cached, max-age = 30,"
              "min-fresh=\"5\"");
    EXPECT_TRUE(control.no_cache);
    EXPECT_TRUE(control.no_store);
    EXPECT_TRUE(control.only_if_cached);
    EXPECT_EQ(control.max_age_s, 30);
    EXPECT_EQ(control.min_fresh_s, 5);
}

TEST(CacheControl, MaxAgeZeroIsNoCache) {
    EXPECT_TRUE(parse("max-age=0").no_cache);
    EXPECT_FALSE(parse("max-age=1").no_cache);
}

TEST(CacheControl, NonsenseIsSkipped) {
    ClientControl control =
        parse("max-age=-1, max-age=abc, max-age, x=\"no-store, no-cache\",,=");
    EXPECT_FALSE(control.max_age_s);
    EXPECT_FALSE(control.no_store);
    EXPECT_FALSE(control.no_cache);
}

TEST(CacheControl, EscapedQuotesEndNothing) {
    EXPECT_TRUE(parse(R"(x="a\"b", no-store)").no_store);
    EXPECT_FALSE(parse(R"(x="a\", no-store")").no_store);
    EXPECT_TRUE(parse(R"(x="a\\", no-store)").no_store);
}

TEST(CacheControl, OverflowIsVeryLong) {
    EXPECT_EQ(parse("max-age=99999999999999999999999").max_age_s,
              int64_t{1} << 31);
}

TEST(CacheControl, StricterOfTwoHeadersWins) {
    ClientControl control;
    control.read("max-age=60");
    control.read("max-age=10");
    EXPECT_EQ(control.max_age_s, 10);
}

}  // namespace
}  // namespace llm::exchange
