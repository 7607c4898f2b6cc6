// Many processes on one table, killed at random instants.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include <deque>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "src/metrics/table.hpp"
#include "tests/metrics/region.hpp"

namespace llm::metrics {
namespace {

constexpr int kShared = 16;  // series that every child adds to
constexpr int kOwnEvery = 4;  // operations a child makes a series of its own

// What a child notes beside each operation on the table.
struct Notes {
    uint64_t started[kShared];
    uint64_t done[kShared];
    uint64_t own_started;  // series of its own that it asked for
    uint64_t own_done;
};

void bump(uint64_t& word) {
    std::atomic_ref(word).fetch_add(1, std::memory_order_acq_rel);
}

std::string own_name(int child, uint64_t n) {
    return "c" + std::to_string(child) + "-" + std::to_string(n);
}

[[noreturn]] void work(Table table, Notes& notes, int child, int operations) {
    std::mt19937 random(static_cast<unsigned>(child));
    for (int i = 0; operations == 0 || i < operations; ++i) {
        unsigned at = random() % kShared;
        bump(notes.started[at]);
        table.counter(kLabelled, {"s" + std::to_string(at), "red"}).add(1);
        bump(notes.done[at]);
        if (i % kOwnEvery == 0) {
            bump(notes.own_started);
            table.histogram(kTimes, {own_name(child, notes.own_done), "red"})
                .observe(5);
            bump(notes.own_done);
        }
    }
    _exit(0);
}

// SIGKILL to the calling process after so long.
void die_after(int64_t ns) {
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGKILL;
    timer_t timer;
    itimerspec when{{}, {0, ns}};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0
        || timer_settime(timer, 0, &when, nullptr) != 0) {
        _exit(1);
    }
}

// Without a number of operations the child works until it is killed.
pid_t spawn(Table table, Notes& notes, int child, int operations) {
    pid_t pid = fork();
    if (pid == 0) {
        if (operations == 0) {
            std::mt19937 random(static_cast<unsigned>(child) + 1000);
            die_after(20000 + random() % 400000);
        }
        work(table, notes, child, operations);
    }
    return pid;
}

void wait_for(pid_t pid) {
    int status = 0;
    ASSERT_EQ(pid, waitpid(pid, &status, 0));
}

struct Sums {
    uint64_t started = 0;
    uint64_t done = 0;
};

void expect_exact(const Table& table, std::span<Notes> notes) {
    for (int at = 0; at < kShared; ++at) {
        Sums sums;
        for (Notes& note : notes) {
            sums.started += note.started[at];
            sums.done += note.done[at];
        }
        const uint64_t* cell =
            cells_of(table, kLabelled, {"s" + std::to_string(at), "red"});
        uint64_t counted = cell == nullptr ? 0 : *cell;
        EXPECT_LE(sums.done, counted) << at;
        EXPECT_GE(sums.started, counted) << at;
    }
}

TEST(MetricsKill, EveryFinishedOperationIsCounted) {
    constexpr int kChildren = 400;
    constexpr int kAtOnce = 3;
    SharedMemory memory(128 << 20);
    SharedMemory side(kChildren * sizeof(Notes));
    std::span notes(static_cast<Notes*>(side.data()), kChildren);
    Table table = memory.fresh_table();
    std::deque<pid_t> alive;
    for (int child = 0; child < kChildren; ++child) {
        alive.push_back(spawn(table, notes[child], child, 0));
        if (alive.size() == kAtOnce) {
            wait_for(alive.front());
            alive.pop_front();
        }
    }
    for (pid_t pid : alive) {
        wait_for(pid);
    }
    expect_exact(table, notes);
    EXPECT_EQ(0u, table.dropped());

    std::map<std::string, uint64_t> own;
    table.for_each([&](const SeriesView& view) {
        if (view.family == kTimes.id) {
            auto [place, fresh] =
                own.emplace(std::string(view.values[0]), view.cell(0));
            EXPECT_TRUE(fresh) << place->first << " is there twice";
        }
    });
    for (int child = 0; child < kChildren; ++child) {
        for (uint64_t n = 0; n < notes[child].own_done; ++n) {
            EXPECT_EQ(1u, own[own_name(child, n)]);
        }
    }
    // What nobody finished is at most one series a child.
    uint64_t done = 0;
    for (Notes& note : notes) {
        done += note.own_done;
        EXPECT_LE(note.own_started - note.own_done, 1u);
    }
    EXPECT_LE(own.size(), done + kChildren);
    printf("%zu series made, %zu by children killed over it\n", own.size(),
           own.size() - done);
}

TEST(MetricsKill, SurvivorsAreExact) {
    constexpr int kChildren = 8;
    constexpr int kOperations = 5000;
    SharedMemory memory(4 << 20);
    SharedMemory side(kChildren * sizeof(Notes));
    std::span notes(static_cast<Notes*>(side.data()), kChildren);
    Table table = memory.fresh_table();
    std::vector<pid_t> pids;
    for (int child = 0; child < kChildren; ++child) {
        pids.push_back(spawn(table, notes[child], child, kOperations));
    }
    for (pid_t pid : pids) {
        wait_for(pid);
    }
    expect_exact(table, notes);
    EXPECT_EQ(uint64_t{kChildren} * kOperations, total(table, kLabelled));
    EXPECT_EQ(size_t{kShared} + kChildren * kOperations / kOwnEvery,
              table.used());
}

}  // namespace
}  // namespace llm::metrics
