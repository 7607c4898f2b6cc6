// Fault case 58 for the index: processes die by SIGKILL anywhere, most of
// all inside the critical sections. No lock is lost, no structure stays
// broken, every candidate is what was inserted.
//
// LLM_KILL_ROUNDS=10000 makes the random part as long as one likes.
#include <gtest/gtest.h>

#include "tests/semantic/index_zone.hpp"
#include "tests/shm/killed.hpp"

namespace llm::semantic {
namespace {

constexpr uint64_t kTexts = 200;
constexpr size_t kDims = 128;

// A fixed vector for each text.
const std::vector<Code>& codes() {
    static const std::vector<Code> all = [] {
        std::mt19937 random(5);
        std::vector<Code> made;
        for (uint64_t n = 0; n < kTexts; n++) {
            made.push_back(code_of(random_vector(random, kDims)));
        }
        return made;
    }();
    return all;
}

// Entries tell their text and partition.
uint64_t stamp(uint64_t partition, uint64_t text, uint64_t version) {
    return (version * 100 + partition) * kTexts + text;
}

bool genuine(const Candidate& found, uint64_t partition, uint64_t text) {
    uint64_t entry = found.entry.slot;
    return found.entry == entry_of(entry) && entry % kTexts == text
           && entry / kTexts % 100 == partition && found.cosine > 0.999f;
}

// One operation of a worker; false when it was given a lie.
bool work(Index& index, std::mt19937& random) {
    uint64_t partition = random() % 8 == 0 ? random() % 100 : 0;
    uint64_t text = random() % kTexts;
    uint32_t dice = random() % 1000;
    if (dice < 400) {
        Search search(index, partition_of(partition), codes()[text], 0.9f);
        while (!search.step(300, kNow)) {
        }
        for (const Candidate& each : search.candidates()) {
            if (!genuine(each, partition, text)) {
                return false;
            }
            if (dice < 40) {
                index.erase(each.place, each.entry);
            } else {
                index.touch(each.place, each.entry);
            }
        }
        return true;
    }
    if (dice < 998) {
        add(index, partition, codes()[text],
            stamp(partition, text, random() % 1000));
    } else if (dice < 999 || random() % 20 != 0) {
        index.sweep(100, kNow);
    } else {
        index.clear();
    }
    return true;
}

void expect_sound(Index& index) {
    auto checked = index.check();
    ASSERT_TRUE(checked.ok()) << checked.error().message;
    for (uint64_t partition = 0; partition < 100; partition++) {
        for (uint64_t text = partition % 7; text < kTexts; text += 7) {
            for (const Candidate& each :
                 find(index, partition, codes()[text], 0.9f)) {
                ASSERT_TRUE(genuine(each, partition, text));
            }
        }
    }
}

using Death = test::Death<IndexStep>;

bool die_at(Index& index, IndexStep step, int n, uint32_t seed) {
    return test::die_at(step, n, seed, 40000, [&](std::mt19937& random) {
        return work(index, random);
    });
}

TEST(IndexKill, AtEveryStepOfACriticalSection) {
    IndexOptions options;
    options.probe = Death::probe;
    IndexZone zone(700 << 10, options);  // small: evicts all the time
    uint64_t deaths = 0;
    for (int n : {1, 2, 7, 100}) {
        for (IndexStep step :
             {IndexStep::kEntered, IndexStep::kBlockTaken,
              IndexStep::kBlockWritten, IndexStep::kBlockUsed,
              IndexStep::kInChain, IndexStep::kSlotTaken,
              IndexStep::kSlotOpened, IndexStep::kSlotWritten,
              IndexStep::kSlotLive, IndexStep::kSlotClosed,
              IndexStep::kSlotZeroed, IndexStep::kSlotFreed,
              IndexStep::kBlockForgotten, IndexStep::kBlockUnused}) {
            ASSERT_TRUE(die_at(*zone, step, n, 1 + deaths))
                << static_cast<int>(step) << " " << n;
            deaths++;
            // A second one dies while it repairs what the first left.
            if (n == 2) {
                ASSERT_TRUE(die_at(*zone, IndexStep::kRepairing, 1, deaths));
            }
            expect_sound(*zone);
        }
    }
    EXPECT_GE(zone->stats().recovered, deaths);
}

// What was there before the death of another is still there.
TEST(IndexKill, DeathOfOneCostsNobodyElsesVectors) {
    IndexOptions options;
    options.probe = Death::probe;
    IndexZone zone(4 << 20, options);
    for (uint64_t text = 0; text < kTexts; text++) {
        add(*zone, 0, codes()[text], stamp(0, text, 1));
    }
    for (IndexStep step :
         {IndexStep::kSlotTaken, IndexStep::kSlotOpened,
          IndexStep::kSlotWritten, IndexStep::kSlotLive,
          IndexStep::kSlotClosed, IndexStep::kBlockWritten,
          IndexStep::kBlockUsed, IndexStep::kInChain}) {
        pid_t pid = test::fork_child();
        if (pid == 0) {
            Death::at(step, 1);
            add(*zone, 5, codes()[0], stamp(5, 0, 2));
            _exit(0);
        }
        ASSERT_TRUE(test::was_killed(pid));
        ASSERT_TRUE(zone->check().ok()) << zone->check().error().message;
        bool stored = step == IndexStep::kSlotClosed;
        EXPECT_EQ(zone->stats().vectors, kTexts + (stored ? 1 : 0));
        auto found = find(*zone, 5, codes()[0], 0.9f);
        EXPECT_EQ(found.size(), stored ? 1u : 0u);
        for (const Candidate& each : found) {
            zone->erase(each.place, each.entry);
        }
        EXPECT_EQ(zone->stats().partitions, 1u);
    }
}

TEST(IndexKill, AtRandomInstants) {
    codes();
    IndexZone zone(1 << 20);
    int kills = test::kill_at_random_instants(
        [&](std::mt19937& random) { return work(*zone, random); },
        [&] {
            auto checked = zone->check();
            EXPECT_TRUE(checked.ok()) << checked.error().message;
        });
    expect_sound(*zone);
    printf("%d kills, %llu of them inside the lock\n", kills,
           static_cast<unsigned long long>(zone->stats().recovered));
}

}  // namespace
}  // namespace llm::semantic
