// RemoteBreaker: whether an endpoint that has failed is asked again.
//
// Closed, it lets everything through. `failures` in a row open it for
// first_pause, twice as long after each probe that fails, max_pause at most.
// After a pause one call goes through as a probe: its success closes the
// breaker. A probe that is never reported counts as lost after probe_lease.
//
// Ownership: a plain value, one for each endpoint and worker. Threads: one.
// Time is handed in: Now::mono_ns.
#pragma once

#include "src/base/clock.hpp"

namespace llm::semantic {

class RemoteBreaker {
public:
    struct Policy {
        unsigned failures = 5;
        int64_t first_pause_ns = 1000000000;
        int64_t max_pause_ns = int64_t{30} * 1000000000;
        int64_t probe_lease_ns = int64_t{10} * 1000000000;
    };
    enum class State : uint8_t { kClosed, kOpen, kProbing };

    RemoteBreaker() : RemoteBreaker(Policy()) {}
    explicit RemoteBreaker(const Policy& policy) : policy_(policy) {}

    // Whether a call may begin now. Each true is to be followed by one
    // succeeded() or failed().
    bool allow(const Now& now);

    // Of a call, also of one that began before the breaker opened: an answer
    // is a sign of life, a late failure prolongs nothing.
    void succeeded();
    void failed(const Now& now);

    State state() const { return state_; }

private:
    void open(const Now& now, int64_t pause_ns);

    Policy policy_;
    State state_ = State::kClosed;
    unsigned in_a_row_ = 0;
    int64_t pause_ns_ = 0;
    int64_t until_ns_ = 0;  // of the pause, or of the probe's lease
};

}  // namespace llm::semantic
