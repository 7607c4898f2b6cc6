// Time as the core sees it: handed in, never asked for, so that a test can
// step it. Intervals run on the monotonic clock, calendars on the wall clock.
#pragma once

#include <cstdint>
#include <ctime>

namespace llm {

struct Now {
    int64_t mono_ns = 0;  // CLOCK_MONOTONIC, nanoseconds
    int64_t wall_ns = 0;  // CLOCK_REALTIME, nanoseconds since 1970 UTC

    int64_t mono_ms() const { return mono_ns / 1000000; }
    int64_t wall_s() const { return wall_ns / 1000000000; }
};

inline int64_t read_clock_ns(clockid_t id) {
    timespec t;
    clock_gettime(id, &t);
    return static_cast<int64_t>(t.tv_sec) * 1000000000 + t.tv_nsec;
}

inline Now read_clock() {
    return {read_clock_ns(CLOCK_MONOTONIC), read_clock_ns(CLOCK_REALTIME)};
}

}  // namespace llm
