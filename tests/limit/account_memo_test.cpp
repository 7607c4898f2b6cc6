#include "src/limit/account_memo.hpp"

#include <gtest/gtest.h>

#include "tests/limit/ledger_region.hpp"

namespace llm::limit {
namespace {

// Far more than there are places, twice, so that each one is asked for when
// it is new, when it is known and when another one has taken its place.
TEST(AccountMemo, SaysWhatTheLedgerSays) {
    Zone zone;
    AccountMemo memo;
    for (int i = 0; i < 20000; i++) {
        int n = i % 5000;
        std::string name = "limit" + std::to_string(n % 3);
        std::string value(static_cast<size_t>(n % 300), 'v');
        value += std::to_string(n);
        Kind kind = static_cast<Kind>(1 + n % 4);
        int64_t window = n % 5 * 3600;
        AccountKey wanted = zone.ledger.key(kind, name, value, window);
        EXPECT_EQ(memo.key(zone.ledger, kind, name, value, window), wanted);
        EXPECT_EQ(memo.key(zone.ledger, kind, name, value, window), wanted);
        EXPECT_EQ(memo.key(zone.ledger, kind, name, value, window + 1),
                  zone.ledger.key(kind, name, value, window + 1));
    }
}

TEST(AccountMemo, EmptyNamesAndValuesAreLikeOthers) {
    Zone zone;
    AccountMemo memo;
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(memo.key(zone.ledger, Kind::kRequests, "", ""),
                  zone.ledger.key(Kind::kRequests, "", ""));
        EXPECT_EQ(memo.key(zone.ledger, Kind::kRequests, "n", ""),
                  zone.ledger.key(Kind::kRequests, "n", ""));
    }
}

}  // namespace
}  // namespace llm::limit
