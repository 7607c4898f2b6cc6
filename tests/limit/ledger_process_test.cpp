// Many processes over one ledger: races for the last dollar, and SIGKILL at
// every place of a critical section and at random instants.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <random>

#include "tests/limit/ledger_region.hpp"

namespace llm::limit {
namespace {

constexpr int64_t kLong = 3600 * kSecond;

// Counters that all processes see.
struct Tally {
    std::atomic<int64_t> granted;
    std::atomic<int64_t> refused;
    std::atomic<int64_t> settled;   // nano-dollars, known to be charged
    std::atomic<int64_t> begun;     // nano-dollars, perhaps charged
    std::atomic<int64_t> errors;
};

Tally* shared_tally() {
    void* p = mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return new (p) Tally{};
}

template <typename Work>
pid_t run(Work work) {
    pid_t pid = fork();
    if (pid == 0) {
        work();
        _exit(0);
    }
    return pid;
}

void await_all(const std::vector<pid_t>& pids) {
    for (pid_t pid : pids) {
        int status = 0;
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
    }
}

// Fault case 74.
TEST(LedgerProcesses, ThousandRaceForTheLastDollar) {
    Zone zone({64, 2048, nullptr});
    Tally* tally = shared_tally();
    // Nine of ten dollars are gone; each wants seven cents.
    Demand last = zone.budget("team", 9 * kDollar, 10 * kDollar);
    settle(zone.ledger, take(zone.ledger, {last}, at(0)), {9 * kDollar},
           at(0));
    last.amount = 70000000;
    Demand wide = zone.budget("organisation", 70000000, 1000 * kDollar);
    Demand rate = zone.requests("key", 100000, {100000, kSecond});
    std::vector<pid_t> pids;
    for (int p = 0; p < 4; p++) {
        pids.push_back(run([&] {
            std::vector<Reservation> mine;
            for (int i = 0; i < 250; i++) {
                auto got = zone.ledger.reserve(
                    std::vector{rate, wide, last}, {p, 1}, kLong, at(0));
                if (!got.ok()) {
                    tally->errors++;
                } else if (got->refusal) {
                    tally->refused++;
                } else {
                    tally->granted++;
                    mine.push_back(got->reservation);
                }
            }
            for (const Reservation& r : mine) {
                int64_t actual[] = {0, 70000000, 70000000};
                if (!zone.ledger.settle(r, actual, at(0)).ok()) {
                    tally->errors++;
                }
            }
        }));
    }
    await_all(pids);
    EXPECT_EQ(tally->errors, 0);
    EXPECT_EQ(tally->granted + tally->refused, 1000);
    // At most what the dollar pays for; settled ones cost what they held.
    EXPECT_EQ(tally->granted, kDollar / 70000000);
    EXPECT_EQ(look(zone.ledger, last, at(0)).remaining,
              kDollar % 70000000);
    EXPECT_EQ(look(zone.ledger, wide, at(0)).remaining,
              1000 * kDollar - tally->granted * 70000000);
    expect_sound(zone.ledger);
}

int g_steps_left = 0;

void die_at_step() {
    if (--g_steps_left == 0) {
        kill(getpid(), SIGKILL);
    }
}

// One way through the ledger, killed after each of its writes in turn.
// Fault cases 58 and 59.
TEST(LedgerProcesses, EachStepHappensWhollyOrNotAtAll) {
    LedgerOptions options{64, 32, die_at_step};
    int deaths = 0;
    for (int step = 1; step < 100; step++) {
        Zone zone(options);
        g_steps_left = 0;
        std::vector<Demand> all{zone.requests("k", 10, {1, kLong}),
                                zone.concurrency("k", 10),
                                zone.budget("k", 10, 1000),
                                zone.budget("org", 10, 1000)};
        Reservation first = take(zone.ledger, all, at(0), kLong);
        Reservation ends = take(zone.ledger, all, at(0), kSecond);
        pid_t pid = run([&] {
            g_steps_left = step;
            auto second = zone.ledger.reserve(all, kMe, kLong, at(0));
            int64_t more[] = {0, 2, 20, 20};
            zone.ledger.extend(second->reservation, kLong, more, at(0)).ok();
            int64_t actual[] = {0, 0, 7, 7};
            zone.ledger.settle(first, actual, at(0)).ok();
            zone.ledger.release(second->reservation, at(0)).ok();
            zone.ledger.sweep(100, at(2)).ok();
        });
        int status = 0;
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        bool died = WIFSIGNALED(status);
        deaths += died ? 1 : 0;
        g_steps_left = 0;
        expect_sound(zone.ledger);
        EXPECT_EQ(zone.ledger.stats()->repairs, died ? 1u : 0u);
        // Both budgets moved together, and the receipts tell where it was.
        EXPECT_EQ(look(zone.ledger, all[2], at(0)).remaining,
                  look(zone.ledger, all[3], at(0)).remaining)
            << step;
        settle(zone.ledger, first, {0, 0, 7, 7}, at(0));
        settle(zone.ledger, ends, {0, 0, 5, 5}, at(2));
        zone.ledger.expire_owner(kMe, at(3)).ok();
        EXPECT_EQ(look(zone.ledger, all[2], at(3)).remaining, 1000 - 12);
        EXPECT_EQ(look(zone.ledger, all[1], at(3)).remaining, 10);
        expect_sound(zone.ledger);
    }
    EXPECT_GT(deaths, 25);
    EXPECT_LT(deaths, 99);
}

void work_until_killed(Ledger ledger, const std::vector<Demand>& demands,
                       Tally* tally, int32_t pid) {
    std::mt19937_64 random(static_cast<uint64_t>(getpid()));
    for (;;) {
        Now now = read_clock();
        auto got = ledger.reserve(demands, {pid, 1}, kLong, now);
        if (!got.ok()) {
            tally->errors++;
            continue;
        }
        if (got->refusal) {
            tally->refused++;
            continue;
        }
        auto spent = static_cast<int64_t>(random() % 1000);
        int64_t actual[] = {0, spent, 0, spent, spent};
        tally->begun += spent;
        auto settled = ledger.settle(got->reservation, actual, now);
        if (settled.ok() && settled->charged) {
            tally->settled += spent;
        } else {
            tally->errors++;
        }
        tally->granted++;
    }
}

// Fault cases 58, 59 and 75.
TEST(LedgerProcesses, SurviveRandomKills) {
    const char* longer = std::getenv("LLM_KILL_SECONDS");
    auto seconds = longer != nullptr ? std::atoi(longer) : 3;
    Zone zone({256, 64, nullptr});
    Tally* tally = shared_tally();
    std::vector<Demand> demands{
        zone.requests("k", 1 << 30, {1 << 30, kSecond}),
        zone.tokens("k", 1000, 1 << 30, {1 << 30, kSecond}),
        zone.concurrency("k", 8), zone.budget("k", 1000, int64_t{1} << 50),
        zone.budget("org", 1000, int64_t{1} << 50)};
    std::mt19937_64 random(7);
    auto end = std::chrono::steady_clock::now()
               + std::chrono::seconds(seconds);
    int kills = 0;
    while (std::chrono::steady_clock::now() < end) {
        std::vector<pid_t> pids;
        for (int p = 0; p < 3; p++) {
            pids.push_back(run([&, p] {
                work_until_killed(zone.ledger, demands, tally, p);
            }));
        }
        usleep(static_cast<useconds_t>(500 + random() % 3000));
        for (pid_t pid : pids) {
            kill(pid, SIGKILL);
        }
        await_all(pids);
        kills += 3;
        Now now = read_clock();
        expect_sound(zone.ledger);
        for (int p = 0; p < 3; p++) {
            ASSERT_TRUE(zone.ledger.expire_owner({p, 1}, now).ok());
        }
        expect_sound(zone.ledger);
        ASSERT_EQ(look(zone.ledger, demands[2], now).remaining, 8);
        Standing key = look(zone.ledger, demands[3], now);
        Standing org = look(zone.ledger, demands[4], now);
        ASSERT_EQ(key.remaining, org.remaining);
        int64_t charged = (int64_t{1} << 50) - key.remaining;
        ASSERT_GE(charged, tally->settled);
        ASSERT_LE(charged, tally->begun);
    }
    std::printf("%d processes killed, %ld repairs, %ld reservations, "
                "charged for certain %ld, at most %ld\n",
                kills, static_cast<long>(zone.ledger.stats()->repairs),
                tally->granted.load(), tally->settled.load(),
                tally->begun.load());
    EXPECT_EQ(tally->errors, 0);
    EXPECT_GT(tally->granted, 0);
}

}  // namespace
}  // namespace llm::limit
