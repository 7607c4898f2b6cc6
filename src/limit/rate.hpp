// Rate and Bucket: GCRA in its leaky-bucket form, in exact integers.
//
// A bucket's level is what was charged and has not drained; it drains by
// `units` every `period_ns`, whole units in `level` and the rest as a
// fraction of 1 / period_ns of a unit in `fraction` (0 <= fraction <
// period_ns), so that nothing is lost however often it is looked at. The
// level may stand above the burst (a debt: true usage beyond the estimate);
// it is never negative.
//
// Pure arithmetic, 128 bits inside; any thread.
#pragma once

#include <algorithm>
#include <cstdint>

namespace llm::limit {

struct Rate {
    int64_t units = 0;      // > 0
    int64_t period_ns = 1;  // > 0, at most kMaxPeriod

    static constexpr int64_t kMaxPeriod = int64_t{1} << 57;  // four years

    bool valid() const {
        return units > 0 && period_ns > 0 && period_ns <= kMaxPeriod;
    }
    bool operator==(const Rate&) const = default;
};

// One of `nodes` edges that share a rate or a sum without talking to each
// other. Exact for rates, which take the longer period; sums and bursts are
// rounded down, a burst to no less than 1.
Rate share_of(Rate rate, int64_t nodes);
inline int64_t share_of_burst(int64_t burst, int64_t nodes) {
    return std::max<int64_t>(1, burst / std::max<int64_t>(1, nodes));
}
inline int64_t share_of_budget(int64_t nano, int64_t nodes) {
    return nano / std::max<int64_t>(1, nodes);
}

struct Bucket {
    int64_t level = 0;
    int64_t fraction = 0;
    int64_t stamp_ns = 0;

    static constexpr int64_t kMaxLevel = int64_t{1} << 60;
    // A clock that is behind the stamp by less than this was read by another
    // process a moment earlier; by more, it is another clock.
    static constexpr int64_t kSkew = int64_t{10000000000};

    void drain(const Rate& rate, int64_t now_ns);
    // Whether drain() would leave nothing; cheaper.
    bool drains_by(const Rate& rate, int64_t now_ns) const;
    void charge(int64_t amount) {
        level = std::min(kMaxLevel, level + std::min(amount, kMaxLevel));
    }
    // Takes back `amount` charged at `then_ns`, less what may have drained
    // of it since; so nobody gains by asking and giving back.
    void refund(const Rate& rate, int64_t amount, int64_t then_ns);
    // How long until the level is at most `target`; saturates.
    int64_t wait_ns(const Rate& rate, int64_t target) const;
    // The same bucket under another rate's unit of fractions.
    void rescale(const Rate& from, const Rate& to);
};

}  // namespace llm::limit
