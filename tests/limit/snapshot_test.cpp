#include "src/limit/snapshot.hpp"

#include <gtest/gtest.h>

#include "src/base/digest.hpp"
#include "tests/limit/ledger_region.hpp"

namespace llm::limit {
namespace {

std::vector<SavedAccount> accounts(size_t count) {
    std::vector<SavedAccount> all;
    for (size_t i = 0; i < count; i++) {
        SavedAccount a;
        a.key = {UINT64_MAX - i, i};
        a.kind = i % 2 == 0 ? Kind::kBudget : Kind::kTokens;
        a.level = static_cast<int64_t>(i) * 1000000007;
        a.fraction = 3;
        a.held = 5;
        a.rate = {7, 60 * kSecond};
        a.window = {-86400, 86400};
        a.crossed = 3;
        all.push_back(a);
    }
    return all;
}

const Digest kSecret = sha256("secret");
const LedgerKeys kKeys{{1, UINT64_MAX}, {3, 4}};

std::string written(size_t count) {
    std::string file;
    append_snapshot_head(file, 123456789, kKeys, kSecret);
    append_snapshot_accounts(file, accounts(count));
    return file;
}

TEST(Snapshot, ComesBackWhole) {
    auto read = read_snapshot(written(100));
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->wall_ns, 123456789);
    EXPECT_EQ(read->keys.high.k1, UINT64_MAX);
    EXPECT_EQ(read->keys.low.k0, 3u);
    EXPECT_EQ(read->secret.bytes, kSecret.bytes);
    EXPECT_EQ(read->accounts, accounts(100));
    EXPECT_EQ(read->ignored_bytes, 0u);
    EXPECT_TRUE(read_snapshot(written(0))->accounts.empty());
}

// Fault case 81, here and below.
TEST(Snapshot, CutAnywhereKeepsWhatStandsBefore) {
    std::string file = written(5);
    size_t last = 0;
    for (size_t size = 0; size < file.size(); size++) {
        auto read = read_snapshot(Bytes(file).substr(0, size));
        if (!read.ok()) {
            EXPECT_EQ(read.error().code, Errc::kCorrupt);
            EXPECT_EQ(last, 0u);
            continue;
        }
        EXPECT_GE(read->accounts.size(), last);
        EXPECT_LT(read->accounts.size(), 5u);
        last = read->accounts.size();
        EXPECT_EQ(read->accounts, accounts(last));
    }
    EXPECT_EQ(last, 4u);
}

// What stands behind a damaged record counts as well, wherever in it the
// damage is.
TEST(Snapshot, AFlippedBitCostsItsRecordAlone) {
    std::string good = written(5);
    const size_t head = written(0).size();
    for (size_t at = 0; at < good.size(); at++) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ (1 << at % 8));
        auto read = read_snapshot(bad);
        ASSERT_EQ(read.ok(), at >= head) << at;
        if (!read.ok()) {
            continue;
        }
        size_t hit = 0;
        while (written(hit + 1).size() <= at) {
            hit++;
        }
        std::vector<SavedAccount> others = accounts(5);
        others.erase(others.begin() + static_cast<ptrdiff_t>(hit));
        EXPECT_EQ(read->accounts, others) << at;
        EXPECT_EQ(read->ignored_bytes,
                  written(hit + 1).size() - written(hit).size())
            << at;
    }
    EXPECT_EQ(read_snapshot(good + "garbage")->ignored_bytes, 7u);
    EXPECT_EQ(read_snapshot("").error().code, Errc::kCorrupt);
    EXPECT_FALSE(read_snapshot(std::string(1000, '\0')).ok());
}

// A record whose frame is right, whatever its payload.
std::string framed(Bytes payload) {
    std::string out;
    for (uint32_t word : {static_cast<uint32_t>(payload.size()),
                          crc32c(payload)}) {
        for (int shift = 0; shift < 32; shift += 8) {
            out.push_back(static_cast<char>(word >> shift & 0xff));
        }
    }
    return out + std::string(payload);
}

TEST(Snapshot, OtherPayloadsAreIgnored) {
    for (Bytes payload :
         {Bytes(""), Bytes("\xdd\xff\xff\xff\xff"),
          Bytes("\x9b\x01\xdd\xff\xff\xff\xff"), Bytes("\x9b\x01"),
          Bytes("\x91\x01"), Bytes("\xc0"),
          Bytes("\x9b\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\xc4"),
          Bytes("\x9b\x09\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"),
          Bytes("\x9b\x01\xa1x\x01\x01\x01\x01\x01\x01\x01\x01\x01")}) {
        auto read = read_snapshot(written(2) + framed(payload));
        ASSERT_TRUE(read.ok());
        EXPECT_EQ(read->accounts.size(), 2u);
        EXPECT_EQ(read->ignored_bytes, 8 + payload.size());
        EXPECT_FALSE(read_snapshot(framed(payload)).ok());
    }
}

TEST(Snapshot, AnotherVersionIsTold) {
    std::string payload = "\x9b\xaallm-ledger";
    payload += std::string("\x03\0\0\0\0\0\0\0\0\0", 10);
    auto read = read_snapshot(framed(payload));
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().code, Errc::kUnsupported);
}

TEST(Snapshot, CarriesALedgerOver) {
    Zone before;
    Demand d = before.budget("team", kDollar, 10 * kDollar, {0, 86400});
    settle(before.ledger, take(before.ledger, {d}, at(0)), {3 * kDollar},
           at(0));
    std::vector<SavedAccount> saved;
    ASSERT_TRUE(before.ledger.save(0, 1000, saved, at(0)).ok());
    std::string file;
    append_snapshot_head(file, at(0).wall_ns, before.ledger.keys(), kSecret);
    append_snapshot_accounts(file, saved);
    auto read = read_snapshot(file);
    ASSERT_TRUE(read.ok());
    Zone after;
    ASSERT_TRUE(after.ledger
                    .restore(read->keys, read->accounts, read->wall_ns,
                             false, at(1))
                    .ok());
    // The same words name the same account again.
    Demand again = after.budget("team", kDollar, 10 * kDollar, {0, 86400});
    EXPECT_EQ(look(after.ledger, again, at(1)).remaining, 7 * kDollar);
}

}  // namespace
}  // namespace llm::limit
