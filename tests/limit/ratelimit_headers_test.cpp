#include "src/limit/ratelimit_headers.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace llm::limit {
namespace {

TEST(GoDuration, AsGoWritesAndReadsIt) {
    EXPECT_EQ(go_duration(0), "0s");
    EXPECT_EQ(go_duration(-5), "0s");
    EXPECT_EQ(go_duration(1), "1ms");
    EXPECT_EQ(go_duration(120000000), "120ms");
    EXPECT_EQ(go_duration(999000001), "1s");
    EXPECT_EQ(go_duration(1500000000), "1.5s");
    EXPECT_EQ(go_duration(1050000000), "1.05s");
    EXPECT_EQ(go_duration(360000000000), "6m0s");
    EXPECT_EQ(go_duration(3661234000000), "1h1m1.234s");
    EXPECT_EQ(go_duration(INT64_MAX), "2562047h47m16.855s");
}

Demand demand(Kind kind, bool dry_run = false) {
    Demand d;
    d.kind = kind;
    d.dry_run = dry_run;
    return d;
}

Standing standing(int64_t limit, int64_t remaining, int64_t reset_ms) {
    Standing s;
    s.limit = limit;
    s.remaining = remaining;
    s.reset_ns = reset_ms * 1000000;
    return s;
}

TEST(LimitHeaders, TheTightestOfEachKind) {
    std::vector<Demand> demands{
        demand(Kind::kRequests), demand(Kind::kRequests),
        demand(Kind::kTokens), demand(Kind::kTokens, true),
        demand(Kind::kBudget)};
    std::vector<Standing> standings{
        standing(500, 499, 120), standing(10, 2, 60000),
        standing(200000, 199996, 2), standing(10, 0, 5),
        standing(10, 0, 7)};
    LimitHeaders headers = limit_headers(demands, standings);
    EXPECT_EQ(headers.requests.limit, "10");
    EXPECT_EQ(headers.requests.remaining, "2");
    EXPECT_EQ(headers.requests.reset, "1m0s");
    EXPECT_EQ(headers.tokens.limit, "200000");
    EXPECT_EQ(headers.tokens.remaining, "199996");
    EXPECT_EQ(headers.tokens.reset, "2ms");
    headers = limit_headers({}, {});
    EXPECT_EQ(headers.requests.limit, "");
    EXPECT_EQ(headers.tokens.reset, "");
}

TEST(RetryHeaders, SecondsMillisecondsAndWhetherAtAll) {
    RetryHeaders soon = retry_headers({0, 1200000000, false});
    EXPECT_EQ(soon.retry_after, "2");
    EXPECT_EQ(soon.retry_after_ms, "1200");
    EXPECT_EQ(soon.should_retry, "true");
    // 0 means at once to some clients and nothing at all to others.
    RetryHeaders now = retry_headers({0, 0, false});
    EXPECT_EQ(now.retry_after, "1");
    EXPECT_EQ(now.retry_after_ms, "1");
    RetryHeaders tomorrow = retry_headers({0, 36000000000000, true});
    EXPECT_EQ(tomorrow.retry_after, "36000");
    EXPECT_EQ(tomorrow.retry_after_ms, "36000000");
    EXPECT_EQ(tomorrow.should_retry, "false");
    EXPECT_EQ(retry_headers({0, 60000000000, false}).should_retry, "true");
    EXPECT_EQ(retry_headers({0, 60000000001, false}).should_retry, "false");
}

}  // namespace
}  // namespace llm::limit
