// A process that dies inside the lock because of a wild write has damaged
// more than a step left half: whoever repairs must live to tell.
#include <cstring>
#include <random>

#include "src/limit/ledger_layout.hpp"
#include "tests/limit/ledger_region.hpp"
#include "tests/shm/killed.hpp"

namespace llm::limit {
namespace {

void die() { kill(getpid(), SIGKILL); }

// All kinds.
std::vector<Demand> demands_of(Zone& zone, const std::string& value) {
    return {zone.requests(value, 100, {60, 60 * kSecond}),
            zone.tokens(value, 10, 1000, {7, kSecond}),
            zone.concurrency(value, 5),
            zone.budget(value, kDollar, 50 * kDollar)};
}

// One owner dies in there.
void break_lock(Zone& zone) {
    LedgerOptions deadly{64, 32, die};
    pid_t child = test::fork_child();
    if (child == 0) {
        Ledger ledger = *Ledger::attach(zone.region(), deadly);
        Demand one = zone.concurrency("0", 5);
        (void) ledger.reserve({&one, 1}, kMe, kSecond, at(21));
        _exit(0);
    }
    ASSERT_TRUE(test::was_killed(child));
}

void damage(Zone& zone, std::mt19937& random) {
    char* begin = zone.region().data + sizeof(Head);
    size_t size = zone.region().size - sizeof(Head);
    for (uint32_t n = 1 + random() % 100; n > 0; n--) {
        char* at = begin + random() % (size - 8);
        uint64_t word = random() % 2 == 0 ? 0 : ~uint64_t{0} >> random() % 64;
        std::memcpy(at, &word, random() % 2 == 0 ? 1 : 8);
    }
}

TEST(LedgerRepair, BearsWhateverStandsThere) {
    for (uint32_t seed = 0; seed < 60; seed++) {
        Zone zone;
        std::mt19937 random(seed);
        std::vector<Reservation> open;
        std::vector<Demand> demands;
        for (int i = 0; i < 12; i++) {
            auto more = demands_of(zone, std::to_string(i));
            open.push_back(take(zone.ledger, more, at(i)));
            demands.insert(demands.end(), more.begin(), more.end());
        }
        settle(zone.ledger, open[3], {1, 20, 1, kDollar / 2}, at(20));
        break_lock(zone);
        damage(zone, random);
        pid_t child = test::fork_child();
        if (child == 0) {
            (void) zone.ledger.stats();
            for (const Reservation& each : open) {
                (void) zone.ledger.extend(each, kSecond,
                                          std::vector<int64_t>{1, 2, 1, 4},
                                          at(30));
                (void) zone.ledger.settle(
                    each, std::vector<int64_t>{1, 1, 1, 1}, at(30));
            }
            for (const Demand& each : demands) {
                (void) zone.ledger.reserve({&each, 1}, kMe, kSecond, at(31));
            }
            (void) zone.ledger.sweep(100, at(1000));
            (void) zone.ledger.check();
            _exit(0);
        }
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0) << "seed " << seed;
    }
}

}  // namespace
}  // namespace llm::limit
