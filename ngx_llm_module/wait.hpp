// Wait: a request that is suspended holds exactly one. It says how the
// request goes on, how the work it waits for is called off, and it carries
// the guard timer without which a suspended request is dropped when its
// worker shuts down (nginx exits once no non-cancelable timer is left). The
// guard is also the deadline.
//
// Life: begin with a Wait that belongs to the request (destroyed with its
// pool at the latest); exactly one of resume() and the deadline ends it by
// calling `go_on`. When the request dies first, the destructor calls
// `cancel`; the work must not touch the request after that. Event loop only.
#pragma once

#include "ngx_llm_module/ngx.hpp"

namespace llm::door {

class Wait {
public:
    // How the request goes on: ngx_http_core_run_phases in a phase handler
    // that returned NGX_DONE, a function of its own in a content handler.
    using GoOn = void (*)(ngx_http_request_t* r);
    // `cancel` may be nullptr; `data` is its argument.
    using Cancel = void (*)(void* data);

    Wait(ngx_http_request_t* r, ngx_msec_t deadline, GoOn go_on,
         Cancel cancel, void* data);
    ~Wait();
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

    // The awaited work is done. The caller must not touch the request, nor
    // this Wait, afterwards.
    void resume();

    // True once the deadline has passed without resume().
    bool timed_out() const { return timed_out_; }

private:
    static void on_deadline(ngx_event_t* event);
    void run();

    ngx_http_request_t* r_;
    GoOn go_on_;
    Cancel cancel_;
    void* data_;
    ngx_event_t guard_;
    bool pending_ = true;
    bool timed_out_ = false;
};

}  // namespace llm::door
