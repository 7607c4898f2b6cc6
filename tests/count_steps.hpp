// How much work a call is, as the number of instructions that it executes: no
// clock, so a busy machine does not change it, and what grows with the size of
// a table shows after one call. Counted by single steps of a child process; a
// step takes some microseconds.
//
// What the call does happens in the child: it reaches the parent only through
// shared memory. Call it once before, so that what is made once (pages, names
// that are bound when they are first used) is there.
#pragma once

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <optional>

namespace llm {

// Nothing: this system lets no process trace its child, or the call ended it.
template <typename Work>
std::optional<uint64_t> count_raw_steps(Work&& work) {
    pid_t child = fork();
    if (child < 0) {
        return std::nullopt;
    }
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
            _exit(1);
        }
        raise(SIGSTOP);
        work();
        raise(SIGSTOP);
        _exit(0);
    }
    int status = 0;
    uint64_t steps = 0;
    bool stopped = waitpid(child, &status, 0) == child && WIFSTOPPED(status);
    while (stopped && ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0
           && waitpid(child, &status, 0) == child && WIFSTOPPED(status)
           && WSTOPSIG(status) == SIGTRAP) {
        steps++;
    }
    bool whole = stopped && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP
                 && steps > 0;
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return whole ? std::optional<uint64_t>(steps) : std::nullopt;
}

// Without the steps of the way there and back.
template <typename Work>
std::optional<uint64_t> count_steps(Work&& work) {
    static const auto nothing = count_raw_steps([] {});
    auto all = count_raw_steps(work);
    if (!nothing || !all || *all < *nothing) {
        return std::nullopt;
    }
    return *all - *nothing;
}

}  // namespace llm
