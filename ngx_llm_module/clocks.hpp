// Clocks: the timers of one request on its ladder. They are not cancelable,
// so that a worker that shuts down waits for the request. Owned by the
// request's Context, gone with it. Event loop only.
#pragma once

#include "ngx_llm_module/ngx.hpp"

namespace llm::door {

enum class Clock : uint8_t {
    kFirstByte,  // llm_first_byte_timeout: until an attempt's answer begins
    kIdle,       // llm_idle_timeout: silence in mid-answer
    kDeadline,   // llm_deadline: the whole request
};

class Clocks {
public:
    // Called when one has run down; it may be the end of the request.
    using Expired = void (*)(ngx_http_request_t* r, Clock clock);

    Clocks(ngx_http_request_t* r, Expired expired);
    ~Clocks();
    Clocks(const Clocks&) = delete;
    Clocks& operator=(const Clocks&) = delete;

    // 0 starts nothing. One that runs starts anew.
    void start(Clock clock, ngx_msec_t time);
    void stop(Clock clock);

    // The upstream was heard; how long ago.
    void heard() { heard_ = ngx_current_msec; }
    ngx_msec_t silence() const { return ngx_current_msec - heard_; }

private:
    static constexpr size_t kClocks = 3;

    struct Timer {
        ngx_event_t event;
        Clocks* owner;
        Clock clock;
    };

    static void on_timer(ngx_event_t* event);
    ngx_event_t& event_of(Clock clock) {
        return timers_[static_cast<size_t>(clock)].event;
    }

    ngx_http_request_t* r_;
    Expired expired_;
    Timer timers_[kClocks];
    ngx_msec_t heard_;
};

}  // namespace llm::door
