#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "src/cache/store.hpp"
#include "tests/cache/store_zone.hpp"
#include "tests/shm/killed.hpp"

namespace llm::cache {
namespace {

using Status = Lookup::Status;

// Entry n: tenant t<n%3>, model m<n%2>, answer id a<n>, tags g<n%5> and "all".
PutResult put_number(Store& store, uint64_t n, uint64_t born = 0,
                     size_t size = 200) {
    std::string tenant = "t" + std::to_string(n % 3);
    std::string model = "m" + std::to_string(n % 2);
    std::string answer = "a" + std::to_string(n);
    std::string group = "g" + std::to_string(n % 5);
    Bytes tags[] = {group, "everything"};
    EntryMeta meta;
    meta.tenant = tenant;
    meta.model = model;
    meta.answer_id = answer;
    meta.tags = tags;
    meta.born = born;
    return put(store, key_of(n), body_of(n, size), meta);
}

uint64_t purge(Store& store, PurgeBy by, Bytes value) {
    auto gone = store.purge(by, value);
    EXPECT_TRUE(gone.ok());
    return gone.ok() ? *gone : 0;
}

class Purge : public ::testing::Test {
protected:
    void fill(uint64_t count) {
        for (uint64_t n = 0; n < count; n++) {
            ASSERT_EQ(put_number(zone_.store(), n).status, Put::kStored);
        }
    }
    uint64_t alive(uint64_t count) {
        uint64_t hits = 0;
        for (uint64_t n = 0; n < count; n++) {
            hits += get(zone_.store(), key_of(n)).hit() ? 1 : 0;
        }
        return hits;
    }
    void TearDown() override {
        auto checked = zone_->check();
        EXPECT_TRUE(checked.ok()) << checked.error().message;
    }
    Zone zone_{16 << 20};
};

TEST_F(Purge, EachKindTakesItsOwn) {
    fill(300);
    Store& store = zone_.store();
    EXPECT_EQ(purge(store, PurgeBy::kTenant, "t1"), 100u);
    EXPECT_EQ(alive(300), 200u);
    EXPECT_EQ(get(store, key_of(1)).lookup.status, Status::kNone);
    EXPECT_TRUE(get(store, key_of(0)).hit());
    // Of what is left (n % 3 != 1), half have model m0.
    EXPECT_EQ(purge(store, PurgeBy::kModel, "m0"), 100u);
    EXPECT_EQ(purge(store, PurgeBy::kAnswer, "a3"), 1u);
    EXPECT_EQ(purge(store, PurgeBy::kAnswer, "a3"), 0u);
    // Odd n, n % 3 != 1, not 3: of n % 5 == 2 there are 20 with n % 30 in
    // {17, 27}.
    EXPECT_EQ(purge(store, PurgeBy::kTag, "g2"), 20u);
    EXPECT_EQ(alive(300), 79u);
    EXPECT_EQ(purge(store, PurgeBy::kTag, "no such"), 0u);
    // A tenant's name is not a tag's.
    EXPECT_EQ(purge(store, PurgeBy::kTag, "t0"), 0u);
    EXPECT_EQ(purge(store, PurgeBy::kAll, ""), 79u);
    EXPECT_EQ(alive(300), 0u);
    EXPECT_EQ(store.stats().entries, 0u);
    EXPECT_EQ(store.stats().bytes, 0u);
    fill(300);
    EXPECT_EQ(alive(300), 300u);
}

TEST_F(Purge, EntryIdAndWrongWords) {
    fill(3);
    Store& store = zone_.store();
    std::string id = store.id_text(get(store, key_of(2)).lookup.id);
    EXPECT_EQ(purge(store, PurgeBy::kEntry, id), 1u);
    EXPECT_EQ(purge(store, PurgeBy::kEntry, id), 0u);
    EXPECT_EQ(alive(3), 2u);
    EXPECT_EQ(store.purge(PurgeBy::kEntry, "nonsense").error().code,
              Errc::kNotFound);
    for (PurgeBy by : {PurgeBy::kAnswer, PurgeBy::kTag, PurgeBy::kTenant,
                       PurgeBy::kModel}) {
        EXPECT_EQ(store.purge(by, "").error().code, Errc::kInvalid);
    }
    EXPECT_EQ(alive(3), 2u);
}

TEST_F(Purge, SixteenTagsEachWork) {
    Store& store = zone_.store();
    std::vector<std::string> names;
    for (int i = 0; i < 16; i++) {
        names.push_back("tag-" + std::to_string(i));
    }
    std::vector<Bytes> tags(names.begin(), names.end());
    EntryMeta meta;
    meta.tags = tags;
    for (const std::string& name : names) {
        put(store, key_of(1), body_of(1, 500), meta);
        EXPECT_EQ(purge(store, PurgeBy::kTag, name + "x"), 0u);
        EXPECT_EQ(get(store, key_of(1)).body, body_of(1, 500));
        EXPECT_EQ(purge(store, PurgeBy::kTag, name), 1u);
    }
}

// Requests in flight: looked up before the purge, stored after it.
TEST_F(Purge, StoredLateIsDead) {
    Store& store = zone_.store();
    uint64_t born = store.sequence();
    EXPECT_EQ(purge(store, PurgeBy::kTag, "g2"), 0u);
    EXPECT_EQ(put_number(store, 7, born).status, Put::kPurged);
    EXPECT_EQ(put_number(store, 8, born).status, Put::kStored);
    EXPECT_EQ(put_number(store, 7).status, Put::kStored);
    EXPECT_EQ(purge(store, PurgeBy::kTenant, "t1"), 1u);
    EXPECT_EQ(put_number(store, 1, born).status, Put::kPurged);
    EXPECT_EQ(purge(store, PurgeBy::kAll, ""), 1u);
    EXPECT_EQ(put_number(store, 9, born).status, Put::kPurged);
    EXPECT_EQ(put_number(store, 9).status, Put::kStored);
    // An entry from the future does not outlive later purges.
    EXPECT_EQ(put_number(store, 10, UINT64_MAX).status, Put::kStored);
    EXPECT_EQ(purge(store, PurgeBy::kModel, "m0"), 1u);
    EXPECT_EQ(store.stats().refusals, 3u);
}

// A replaced entry does not come back, and a purge that came in between does
// not count it twice.
TEST_F(Purge, OverlappingPurgesCountEachEntryOnce) {
    fill(100);
    Store& store = zone_.store();
    auto by_tag = store.begin_purge(PurgeBy::kTag, "g0");
    ASSERT_TRUE(by_tag.ok());
    // In force although nothing is swept yet.
    EXPECT_EQ(get(store, key_of(5)).lookup.status, Status::kNone);
    EXPECT_TRUE(get(store, key_of(6)).hit());
    EXPECT_EQ(put_number(store, 10).status, Put::kStored);  // kills the old
    auto by_tenant = store.begin_purge(PurgeBy::kTenant, "t0");
    ASSERT_TRUE(by_tenant.ok());
    while (!store.sweep(*by_tenant, 64)) {
    }
    while (!store.sweep(*by_tag, 64)) {
    }
    EXPECT_EQ(by_tag->count, 20u);
    // 34 have n % 3 == 0, 7 of them had tag g0.
    EXPECT_EQ(by_tenant->count, 27u);
    EXPECT_EQ(purge(store, PurgeBy::kAll, ""), 100u - 20 - 27 + 1);
}

TEST_F(Purge, AllAfterTagIsExact) {
    fill(1000);
    Store& store = zone_.store();
    EXPECT_EQ(purge(store, PurgeBy::kTag, "everything"), 1000u);
    EXPECT_EQ(purge(store, PurgeBy::kAll, ""), 0u);
    fill(10);
    EXPECT_EQ(purge(store, PurgeBy::kTag, "g1"), 2u);
    EXPECT_EQ(purge(store, PurgeBy::kAll, ""), 8u);
    EXPECT_EQ(purge(store, PurgeBy::kAll, ""), 0u);
}

TEST_F(Purge, AllIsInForceBeforeAnySweep) {
    fill(500);
    Store& store = zone_.store();
    auto all = store.begin_purge(PurgeBy::kAll, "");
    ASSERT_TRUE(all.ok());
    EXPECT_EQ(alive(250), 0u);  // empties the shards that it touches
    EXPECT_EQ(put_number(store, 1).status, Put::kStored);
    while (!store.sweep(*all, 1)) {
    }
    EXPECT_EQ(all->count, 500u);
    EXPECT_EQ(alive(500), 1u);
}

// More purges than the log has records: nothing that was purged comes back.
TEST_F(Purge, ForgottenRecordsNeverResurrect) {
    Store& store = zone_.store();
    uint64_t born = store.sequence();
    EXPECT_EQ(purge(store, PurgeBy::kTag, "g2"), 0u);
    for (uint32_t i = 0; i < 3 * kPurgeRecords; i++) {
        purge(store, PurgeBy::kAnswer, "other" + std::to_string(i));
        if (i % 100 == 0) {
            EXPECT_EQ(put_number(store, 7, born).status, Put::kPurged) << i;
        }
    }
    // Too long ago to tell: refused though it does not match.
    EXPECT_EQ(put_number(store, 8, born).status, Put::kPurged);
    // And what was stored meanwhile stays.
    put_number(store, 8);
    for (uint32_t i = 0; i < 2 * kPurgeRecords; i++) {
        purge(store, PurgeBy::kAnswer, "other" + std::to_string(i));
    }
    EXPECT_TRUE(get(store, key_of(8)).hit());
}

// Sweeps that nobody finishes do not block later purges.
TEST_F(Purge, AbandonedSweepsAreTakenUp) {
    fill(50);
    Store& store = zone_.store();
    for (uint32_t i = 0; i < 2 * kPurgeRecords; i++) {
        auto begun = store.begin_purge(PurgeBy::kAnswer,
                                       "a" + std::to_string(i % 25));
        ASSERT_TRUE(begun.ok()) << begun.error().message;
    }
    EXPECT_EQ(alive(50), 25u);
    EXPECT_EQ(purge(store, PurgeBy::kTag, "everything"), 25u);
    EXPECT_EQ(store.stats().entries, 0u);
}

// Many processes store what they looked up earlier while this one purges:
// when purge() returns, nothing that matches and was born before is served,
// then or ever after.
// A thousand purges at once cost one or two ways through the zone.
TEST_F(Purge, OneSweepDoesForAllThatWait) {
    fill(300);
    std::vector<Sweep> waiting;
    for (const char* tag : {"g0", "g1", "g0", "g2"}) {
        waiting.push_back(*zone_->begin_purge(PurgeBy::kTag, tag));
    }
    while (!zone_->sweep(waiting[1], 64)) {
    }
    for (Sweep& sweep : waiting) {
        EXPECT_TRUE(zone_->sweep(sweep, 1));
    }
    EXPECT_EQ(waiting[0].count, 60u);
    EXPECT_EQ(waiting[1].count, 60u);
    EXPECT_EQ(waiting[2].count, 0u);
    EXPECT_EQ(waiting[3].count, 60u);
}

// One that came when it was under way has to go itself.
TEST_F(Purge, ASweepDoesForNoneThatCameLater) {
    fill(300);
    Sweep first = *zone_->begin_purge(PurgeBy::kTag, "g0");
    ASSERT_FALSE(zone_->sweep(first, 1));
    Sweep later = *zone_->begin_purge(PurgeBy::kTag, "g1");
    while (!zone_->sweep(first, 64)) {
    }
    EXPECT_EQ(first.count, 60u);
    EXPECT_FALSE(zone_->sweep(later, 1));
    while (!zone_->sweep(later, 64)) {
    }
    EXPECT_EQ(later.count, 60u);
}

TEST_F(Purge, RacesWithStoresInOtherProcesses) {
    constexpr uint64_t kKeys = 200;
    Store& store = zone_.store();
    std::vector<pid_t> children;
    for (uint32_t child = 0; child < 2; child++) {
        pid_t pid = test::fork_child();
        ASSERT_GE(pid, 0);
        if (pid == 0) {
            for (uint64_t i = child;; i++) {
                uint64_t born = store.sequence();
                sched_yield();  // the answer takes its time
                Bytes tag = i % 2 == 0 ? "even" : "odd";
                EntryMeta meta;
                meta.tags = {&tag, 1};
                meta.born = born;
                std::string body(8 + i % 300, '.');
                std::memcpy(body.data(), &born, sizeof(born));
                put(store, key_of(i % kKeys), body, meta);
            }
        }
        children.push_back(pid);
    }
    uint64_t purged = 0;
    for (int round = 0; round < 150; round++) {
        // On a busy machine the children may not have had their turn.
        for (int i = 0; store.stats().entries == 0 && i < 20000; i++) {
            usleep(1000);
        }
        bool all = round % 5 == 0;
        auto sweep = store.begin_purge(all ? PurgeBy::kAll : PurgeBy::kTag,
                                       all ? "" : "even");
        ASSERT_TRUE(sweep.ok());
        // Half of the rounds look before the sweep, half after it.
        while (round % 2 == 0 && !store.sweep(*sweep, 4096)) {
        }
        for (uint64_t key = 0; key < kKeys; key += all ? 1 : 2) {
            Got got = get(store, key_of(key));
            if (got.hit()) {
                uint64_t born = 0;
                std::memcpy(&born, got.body.data(), sizeof(born));
                EXPECT_GE(born, sweep->sequence);
            }
        }
        while (!store.sweep(*sweep, 4096)) {
        }
        purged += sweep->count;
    }
    for (pid_t pid : children) {
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
    }
    EXPECT_GT(purged, 0u);
}

}  // namespace
}  // namespace llm::cache
