// Ticks of a tenth of a second on the monotonic clock: the index's time.
// No step of the wall clock makes a vector immortal.
#pragma once

#include <algorithm>
#include <cstdint>

#include "src/base/clock.hpp"

namespace llm::semantic {

inline constexpr int64_t kTicksPerSecond = 10;

inline uint32_t index_tick(Now now) {
    int64_t tick = now.mono_ns / (1000000000 / kTicksPerSecond);
    return static_cast<uint32_t>(
        std::clamp<int64_t>(tick, 0, UINT32_MAX - 1));
}

inline uint32_t index_expiry(uint32_t tick, int64_t ttl_s) {
    int64_t room = (int64_t{UINT32_MAX} - tick) / kTicksPerSecond;
    return ttl_s >= room
               ? UINT32_MAX
               : tick + static_cast<uint32_t>(ttl_s * kTicksPerSecond);
}

}  // namespace llm::semantic
