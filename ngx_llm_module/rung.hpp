// What the door keeps of a request's ladder: see ladder.hpp.
#pragma once

#include <optional>

#include "ngx_llm_module/clocks.hpp"
#include "src/base/bytes.hpp"
#include "src/route/fault.hpp"

namespace llm::door {

// The response headers as they were before anybody was asked: what other
// modules have put there stays, what an attempt leaves behind goes.
class SavedHead {
public:
    void save(ngx_http_request_t* r);
    void restore(ngx_http_request_t* r) const;

private:
    ngx_http_headers_out_t head_;
    ngx_uint_t headers_ = 0;   // in the last part of each list
    ngx_uint_t trailers_ = 0;
    size_t limit_rate_ = 0;    // X-Accel-Limit-Rate is an attempt's as well
    bool limit_rate_set_ = false;
};

struct RungState {
    // The location's own handler, proxy_pass or its kin; nullptr: no ladder.
    ngx_http_handler_pt client = nullptr;
    ngx_chain_t* body = nullptr;  // the client's own, for further attempts
    SavedHead head;
    std::optional<Clocks> clocks;

    // Of the attempt that is under way.
    ngx_int_t (*process_header)(ngx_http_request_t* r) = nullptr;
    ngx_int_t (*reinit_request)(ngx_http_request_t* r) = nullptr;
    bool announced = false;  // the answer, but no more of it yet
    bool hold = false;       // the head waits for what the body says
    bool head_read = false;
    bool decided = false;    // it failed and it is known what comes next:
    bool retry = false;      // another attempt,
    ngx_int_t refuse = 0;    // or this status instead of what was sent
    bool ended = false;      // its upstream is gone
    bool unstarted = false;  // nginx had not begun with it when a clock ran out
    route::Fault fault = route::Fault::kNone;  // by what it has sent

    // What nginx would change on its way to an error page.
    unsigned error_page = 0;
    unsigned keepalive = 0;
};

}  // namespace llm::door
