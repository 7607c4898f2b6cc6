// Children that die by SIGKILL where a test wants it: at the n-th time that a
// step of a critical section is reached, or at any instant.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

namespace llm::test {

// fork(), and the child does not outlive its parent.
inline pid_t fork_child() {
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    return pid;
}

// Waits for the child's end: by SIGKILL, or it has ended well, which is false.
inline bool was_killed(pid_t pid) {
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0)
        << WEXITSTATUS(status);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

// Where this process is to die; `probe` is the hook of what is tested.
template <class Step>
class Death {
public:
    static void probe(Step step) {
        if (step == step_ && --countdown_ == 0) {
            kill(getpid(), SIGKILL);
        }
    }
    static void at(Step step, int n) {
        step_ = step;
        countdown_ = n;
    }

private:
    static inline Step step_;
    static inline int countdown_ = 0;
};

// Runs work(random), which says false when it was given a lie, so many times
// in a child that dies when `step` is reached for the n-th time. Whether it
// died there.
template <class Step, class Work>
bool die_at(Step step, int n, uint32_t seed, int times, Work work) {
    pid_t pid = fork_child();
    if (pid == 0) {
        Death<Step>::at(step, n);
        std::mt19937 random(seed);
        for (int i = 0; i < times; i++) {
            if (!work(random)) {
                _exit(3);
            }
        }
        _exit(0);
    }
    return was_killed(pid);
}

// A child that works until it is killed.
template <class Work>
pid_t start_worker(uint32_t seed, Work work) {
    pid_t pid = fork_child();
    if (pid == 0) {
        std::mt19937 random(seed);
        while (work(random)) {
        }
        _exit(3);
    }
    return pid;
}

inline int number_from(const char* variable, int otherwise) {
    const char* wanted = std::getenv(variable);
    return wanted != nullptr ? std::atoi(wanted) : otherwise;
}

// Three workers of which one is killed and replaced at a random instant,
// LLM_KILL_ROUNDS times; check() after each tenth. How many were killed.
template <class Work, class Check>
int kill_at_random_instants(Work work, Check check) {
    int rounds = number_from("LLM_KILL_ROUNDS", 200);
    alarm(60 + static_cast<unsigned>(rounds) / 20);  // a lost lock ends here
    std::mt19937 random(4711);
    std::vector<pid_t> workers;
    for (uint32_t i = 0; i < 3; i++) {
        workers.push_back(start_worker(random(), work));
    }
    for (int round = 0; round < rounds; round++) {
        // The instant itself is the test's input.
        std::this_thread::sleep_for(
            std::chrono::microseconds(random() % 8000));
        pid_t& pid = workers[random() % workers.size()];
        kill(pid, SIGKILL);
        EXPECT_TRUE(was_killed(pid));
        pid = start_worker(random(), work);
        if (round % 10 == 0) {
            check();
        }
    }
    for (pid_t pid : workers) {
        kill(pid, SIGKILL);
        EXPECT_TRUE(was_killed(pid));
    }
    alarm(0);
    return rounds;
}

}  // namespace llm::test
