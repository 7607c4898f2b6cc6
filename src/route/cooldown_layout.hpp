// What stands in the cooldown's region: Head | Entry[entries].
//
// An entry lies within kProbe places from the one that its key chooses, all
// of which are looked at, so that none is missed behind a gap; no key stands
// twice. Everything is guarded by Head::mutex. While an entry is written
// `editing` holds its index plus one; whoever finds the lock of a dead owner
// clears that entry. Times are CLOCK_MONOTONIC in nanoseconds.
//
// An entry is closed (is_open 0), or open while now < until_ns, or else half
// open, and then `probe` is the request that may try (a serial and, in the low
// kPidBits, its process), until probe_end_ns, or 0. Trivially copyable, no
// pointers.
#pragma once

#include <type_traits>

#include "src/base/siphash.hpp"
#include "src/route/cooldown.hpp"
#include "src/shm/layout.hpp"
#include "src/shm/robust_mutex.hpp"

namespace llm::route {

inline constexpr uint32_t kCooldownProbe = 16;

struct alignas(64) Cooldown::Entry {
    uint64_t key;              // 0: free
    int64_t window_start_ns;   // of the failures that are counted
    int64_t until_ns;
    int64_t last_open_ns;      // how long it was opened for the last time
    int64_t closed_at_ns;      // the last time; 0: never
    uint64_t probe;
    int64_t probe_end_ns;
    uint16_t failures;
    uint8_t trips;             // openings without calm between them
    uint8_t is_open;
    uint32_t reserved;

    bool is_troubled() const { return is_open != 0 || failures > 0; }
};

struct alignas(64) Cooldown::Head {
    shm::RobustMutex mutex;
    uint64_t region_size;
    uint32_t entries;  // a power of two
    uint32_t editing;
    uint32_t troubled;  // entries that are open or count failures
    uint32_t reserved;
    SipKey secret;
    uint64_t serial;   // of the last probe
    uint64_t opened;   // counts, for metrics
    uint64_t closed;
    uint64_t refused;
    uint64_t probes;
    uint64_t evicted;
    uint64_t repairs;
};

}  // namespace llm::route
