#include "ngx_llm_module/clocks.hpp"

namespace llm::door {

Clocks::Clocks(ngx_http_request_t* r, Expired expired)
    : r_(r), expired_(expired), heard_(ngx_current_msec) {
    for (size_t i = 0; i < kClocks; i++) {
        ngx_memzero(&timers_[i].event, sizeof(ngx_event_t));
        timers_[i].event.handler = on_timer;
        timers_[i].event.data = &timers_[i];
        timers_[i].event.log = r->connection->log;
        timers_[i].owner = this;
        timers_[i].clock = static_cast<Clock>(i);
    }
}

Clocks::~Clocks() {
    for (size_t i = 0; i < kClocks; i++) {
        stop(static_cast<Clock>(i));
    }
}

// nginx keeps an old deadline that is close to the new one.
void Clocks::start(Clock clock, ngx_msec_t time) {
    stop(clock);
    if (time > 0) {
        ngx_add_timer(&event_of(clock), time);
    }
}

void Clocks::stop(Clock clock) {
    ngx_event_t& event = event_of(clock);
    if (event.timer_set) {
        ngx_del_timer(&event);
    }
}

void Clocks::on_timer(ngx_event_t* event) {
    auto* timer = static_cast<Timer*>(event->data);
    timer->owner->expired_(timer->owner->r_, timer->clock);
}

}  // namespace llm::door
