// Fault case 58 for the index: processes die by SIGKILL anywhere, most of
// all inside the critical sections. No lock is lost, no structure stays
// broken, every candidate is what was inserted.
//
// LLM_KILL_ROUNDS=10000 makes the random part as long as one likes.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "tests/semantic/index_zone.hpp"

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

IndexStep g_step;
int g_countdown;

void die_there(IndexStep step) {
    if (step == g_step && --g_countdown == 0) {
        kill(getpid(), SIGKILL);
    }
}

// Runs a worker in a child that dies when `step` is reached for the n-th
// time; whether it died there.
bool die_at(Index& index, IndexStep step, int n, uint32_t seed) {
    pid_t pid = fork_child();
    if (pid == 0) {
        g_step = step;
        g_countdown = n;
        std::mt19937 random(seed);
        for (int i = 0; i < 40000; i++) {
            if (!work(index, random)) {
                _exit(3);
            }
        }
        _exit(0);
    }
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0)
        << WEXITSTATUS(status);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

TEST(IndexKill, AtEveryStepOfACriticalSection) {
    IndexOptions options;
    options.probe = die_there;
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
    options.probe = die_there;
    IndexZone zone(4 << 20, options);
    for (uint64_t text = 0; text < kTexts; text++) {
        add(*zone, 0, codes()[text], stamp(0, text, 1));
    }
    for (IndexStep step :
         {IndexStep::kSlotTaken, IndexStep::kSlotOpened,
          IndexStep::kSlotWritten, IndexStep::kSlotLive,
          IndexStep::kSlotClosed, IndexStep::kBlockWritten,
          IndexStep::kBlockUsed, IndexStep::kInChain}) {
        pid_t pid = fork_child();
        if (pid == 0) {
            g_step = step;
            g_countdown = 1;
            add(*zone, 5, codes()[0], stamp(5, 0, 2));
            _exit(0);
        }
        int status = 0;
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        ASSERT_TRUE(WIFSIGNALED(status));
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

pid_t start_worker(Index& index, uint32_t seed) {
    pid_t pid = fork_child();
    if (pid == 0) {
        std::mt19937 random(seed);
        while (work(index, random)) {
        }
        _exit(3);
    }
    return pid;
}

TEST(IndexKill, AtRandomInstants) {
    const char* wanted = std::getenv("LLM_KILL_ROUNDS");
    int rounds = wanted != nullptr ? std::atoi(wanted) : 200;
    codes();
    IndexZone zone(1 << 20);
    alarm(60 + static_cast<unsigned>(rounds) / 20);  // a lost lock ends here
    std::mt19937 random(4711);
    std::vector<pid_t> workers;
    for (uint32_t i = 0; i < 3; i++) {
        workers.push_back(start_worker(*zone, random()));
    }
    for (int round = 0; round < rounds; round++) {
        // The instant itself is the test's input.
        std::this_thread::sleep_for(
            std::chrono::microseconds(random() % 8000));
        pid_t& pid = workers[random() % workers.size()];
        kill(pid, SIGKILL);
        int status = 0;
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        EXPECT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
        pid = start_worker(*zone, random());
        if (round % 10 == 0) {
            auto checked = zone->check();
            EXPECT_TRUE(checked.ok()) << checked.error().message;
        }
    }
    for (pid_t pid : workers) {
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
    }
    expect_sound(*zone);
    alarm(0);
    printf("%d kills, %llu of them inside the lock\n", rounds,
           static_cast<unsigned long long>(zone->stats().recovered));
}

}  // namespace
}  // namespace llm::semantic
