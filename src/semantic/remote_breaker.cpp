#include "src/semantic/remote_breaker.hpp"

#include <algorithm>

namespace llm::semantic {

bool RemoteBreaker::allow(const Now& now) {
    if (state_ == State::kClosed) {
        return true;
    }
    if (now.mono_ns < until_ns_) {
        return false;
    }
    state_ = State::kProbing;
    until_ns_ = now.mono_ns + policy_.probe_lease_ns;
    return true;
}

void RemoteBreaker::succeeded() {
    state_ = State::kClosed;
    in_a_row_ = 0;
    pause_ns_ = 0;
}

void RemoteBreaker::failed(const Now& now) {
    switch (state_) {
    case State::kClosed:
        if (++in_a_row_ >= policy_.failures) {
            open(now, policy_.first_pause_ns);
        }
        return;
    case State::kProbing:
        open(now, std::min(pause_ns_ * 2, policy_.max_pause_ns));
        return;
    case State::kOpen:
        return;
    }
}

void RemoteBreaker::open(const Now& now, int64_t pause_ns) {
    state_ = State::kOpen;
    pause_ns_ = pause_ns;
    until_ns_ = now.mono_ns + pause_ns;
}

}  // namespace llm::semantic
