// Fault case 58: processes die by SIGKILL anywhere, most of all inside the
// critical sections. No lock is lost, no structure stays broken, every hit is
// byte-equal to something that was stored under its key.
//
// LLM_KILL_STEPS and LLM_KILL_ROUNDS=10000 make the random part as long as
// one likes.
#include <gtest/gtest.h>

#include <random>

#include "src/cache/store.hpp"
#include "tests/cache/store_zone.hpp"
#include "tests/shm/killed.hpp"

namespace llm::cache {
namespace {

constexpr uint64_t kKeys = 500;

// A body that tells how to make it again.
std::string stamped(uint64_t key, uint64_t version) {
    size_t size = (key * 7919 + version * 104729) % 3000;
    std::string out(16, '\0');
    std::memcpy(out.data(), &key, 8);
    std::memcpy(out.data() + 8, &version, 8);
    return out + body_of(key * 1000003 + version, size);
}

bool genuine(uint64_t key, const std::string& body) {
    uint64_t stamp[2];
    if (body.size() < sizeof(stamp)) {
        return false;
    }
    std::memcpy(stamp, body.data(), sizeof(stamp));
    return stamp[0] == key && body == stamped(key, stamp[1]);
}

// One operation of a worker; false when it was given a lie.
bool work(Store& store, std::mt19937& random) {
    uint64_t key = random() % kKeys;
    uint32_t dice = random() % 1000;
    if (dice < 500) {
        Got got = get(store, key_of(key));
        return !got.hit() || genuine(key, got.body);
    }
    if (dice < 985) {
        std::string tag = "g" + std::to_string(key % 10);
        Bytes tags[] = {tag};
        EntryMeta meta;
        meta.tags = tags;
        put(store, key_of(key), stamped(key, random() % 50), meta);
    } else if (dice < 999) {
        (void)store.purge(PurgeBy::kTag,
                          "g" + std::to_string(random() % 10));
    } else {
        (void)store.purge(PurgeBy::kAll, "");
    }
    return true;
}

// Everything that is there is whole; the numbers agree.
void expect_sound(Store& store) {
    auto checked = store.check();
    ASSERT_TRUE(checked.ok()) << checked.error().message;
    uint64_t hits = 0;
    for (uint64_t key = 0; key < kKeys; key++) {
        Got got = get(store, key_of(key));
        ASSERT_NE(got.lookup.status, Lookup::Status::kUnavailable);
        ASSERT_NE(got.lookup.status, Lookup::Status::kCorrupt) << key;
        if (got.hit()) {
            ASSERT_TRUE(genuine(key, got.body)) << key;
            hits++;
        }
    }
    EXPECT_EQ(store.stats().entries, hits);
}

using Death = test::Death<Step>;

bool die_at(Store& store, Step step, int n, uint32_t seed) {
    return test::die_at(step, n, seed, 20000, [&](std::mt19937& random) {
        return work(store, random);
    });
}

TEST(StoreKill, AtEveryStepOfACriticalSection) {
    Zone zone(512 << 10, 8192, Death::probe);  // small: evicts all the time
    uint64_t deaths = 0;
    for (int n : {1, 2, 7, 300}) {
        for (Step step :
             {Step::kEntered, Step::kChunksTaken, Step::kBodyWritten,
              Step::kHeadMarked, Step::kPublished, Step::kInBucket,
              Step::kInQueue, Step::kUnpublished, Step::kOffBucket,
              Step::kOffQueue, Step::kChunksFreed}) {
            ASSERT_TRUE(die_at(zone.store(), step, n, 1 + deaths))
                << static_cast<int>(step);
            deaths++;
            // A second one dies while it repairs what the first left.
            if (n == 2) {
                ASSERT_TRUE(
                    die_at(zone.store(), Step::kRepairMarked, 1, deaths));
            }
            expect_sound(zone.store());
        }
        ASSERT_TRUE(die_at(zone.store(), Step::kEmptied, n < 7 ? n : 7, 99));
        deaths++;
        expect_sound(zone.store());
    }
    EXPECT_GE(zone->stats().recovered, deaths);
    EXPECT_EQ(zone->stats().corrupt, 0u);
}

// Each death is inside a lock; LLM_KILL_STEPS says how many there are.
TEST(StoreKill, AtRandomStepsOfACriticalSection) {
    constexpr Step kSteps[] = {
        Step::kEntered,     Step::kChunksTaken, Step::kBodyWritten,
        Step::kHeadMarked,  Step::kPublished,   Step::kInBucket,
        Step::kInQueue,     Step::kUnpublished, Step::kOffBucket,
        Step::kOffQueue,    Step::kChunksFreed};
    int kills = test::number_from("LLM_KILL_STEPS", 2000);
    Zone zone(512 << 10, 8192, Death::probe);
    std::mt19937 random(58);
    for (int i = 0; i < kills; i++) {
        Step step = kSteps[random() % std::size(kSteps)];
        int n = 1 + static_cast<int>(random() % 20);
        ASSERT_TRUE(die_at(zone.store(), step, n, random()))
            << static_cast<int>(step);
        if (i % 50 == 0) {
            expect_sound(zone.store());
        }
    }
    expect_sound(zone.store());
    StoreStats stats = zone->stats();
    EXPECT_GE(stats.recovered, static_cast<uint64_t>(kills));
    EXPECT_EQ(stats.corrupt, 0u);
}

// What was published before the death of another is still there.
TEST(StoreKill, DeathOfOneCostsNobodyElsesEntries) {
    Zone zone(4 << 20, 8192, Death::probe);
    for (uint64_t key = 0; key < kKeys; key++) {
        put(zone.store(), key_of(key), stamped(key, 1));
    }
    uint64_t before = zone->stats().entries;
    ASSERT_EQ(before, kKeys);
    for (Step step : {Step::kChunksTaken, Step::kBodyWritten,
                      Step::kHeadMarked, Step::kPublished, Step::kInBucket}) {
        pid_t pid = test::fork_child();
        if (pid == 0) {
            Death::at(step, 1);
            put(zone.store(), key_of(kKeys + 1), "one more");
            _exit(0);
        }
        ASSERT_TRUE(test::was_killed(pid));
        bool published = step == Step::kPublished || step == Step::kInBucket;
        EXPECT_EQ(zone->stats().entries, before + (published ? 1 : 0));
        EXPECT_EQ(get(zone.store(), key_of(kKeys + 1)).hit(), published);
        for (uint64_t key = 0; key < kKeys; key++) {
            ASSERT_TRUE(get(zone.store(), key_of(key)).hit());
        }
        (void)zone->purge(PurgeBy::kEntry,
                          zone->id_text(get(zone.store(),
                                            key_of(kKeys + 1)).lookup.id));
        ASSERT_TRUE(zone->check().ok());
    }
}

TEST(StoreKill, AtRandomInstants) {
    Zone zone(1 << 20, 8192);
    int kills = test::kill_at_random_instants(
        [&](std::mt19937& random) { return work(zone.store(), random); },
        [&] {
            auto checked = zone->check();
            EXPECT_TRUE(checked.ok()) << checked.error().message;
        });
    expect_sound(zone.store());
    StoreStats stats = zone->stats();
    EXPECT_EQ(stats.corrupt, 0u);
    printf("%d kills, %llu of them inside a lock\n", kills,
           static_cast<unsigned long long>(stats.recovered));
}

}  // namespace
}  // namespace llm::cache
