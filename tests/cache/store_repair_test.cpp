// A process that dies inside a lock because of a wild write has damaged more
// than a step left half: a repair follows nothing that it has not judged.
#include <gtest/gtest.h>

#include <random>

#include "src/cache/store.hpp"
#include "tests/cache/store_zone.hpp"
#include "tests/shm/killed.hpp"

namespace llm::cache {
namespace {

TEST(StoreRepair, BearsWhateverStandsThere) {
    Zone zone(1 << 20, 60000, test::Death<Step>::probe);
    ASSERT_EQ(zone->shards(), 1u);
    for (uint64_t n = 0; n < 2000; n++) {
        put(zone.store(), key_of(n), body_of(n, n % 1500));
    }
    constexpr size_t kHeads = 48 << 10;  // those of the store and the shard
    std::string whole(zone.memory(), zone.size());
    uint64_t kept = 0;
    for (uint32_t seed = 0; seed < 40; seed++) {
        std::memcpy(zone.memory(), whole.data(), whole.size());
        ASSERT_TRUE(test::die_at(Step::kEntered, 1, seed, 1,
                                 [&](std::mt19937&) {
                                     (void) get(zone.store(), key_of(1));
                                     return true;
                                 }));
        std::mt19937 random(seed);
        for (uint32_t n = 1 + random() % 300; n > 0; n--) {
            uint32_t word = random() >> random() % 32;
            std::memcpy(zone.memory() + kHeads
                            + random() % (zone.size() - kHeads - 4),
                        &word, random() % 2 == 0 ? 1 : 4);
        }
        auto checked = zone->check();
        ASSERT_TRUE(checked.ok()) << seed << ": " << checked.error().message;
        kept += zone->stats().entries;
        for (uint64_t n = 0; n < 2100; n++) {
            Got got = get(zone.store(), key_of(n));
            EXPECT_TRUE(!got.hit() || got.body == body_of(n, n % 1500));
        }
        for (uint64_t n = 0; n < 100; n++) {
            put(zone.store(), key_of(n), body_of(n, n * 300));
        }
        checked = zone->check();
        ASSERT_TRUE(checked.ok()) << seed << ": " << checked.error().message;
    }
    EXPECT_GT(kept, 40 * 300u);
}

}  // namespace
}  // namespace llm::cache
