// What nginx's upstream tells of an attempt: how it began, how it ended, what
// the provider asks for. Reads r->upstream alone.
#pragma once

#include "ngx_llm_module/context.hpp"
#include "src/exchange/opening.hpp"

namespace llm::door {

// One code for each cause of a failure. nginx has several: with buffering
// both a stalled client and a stalled upstream end in other codes than
// without.
ngx_int_t cause_of(ngx_http_request_t* r, ngx_int_t rc);

// What an upstream that ended before its answer did wrong; `cause` is
// cause_of() it. kNone: it was us.
route::Fault fault_of_end(ngx_http_request_t* r, const RungState& rung,
                          ngx_int_t cause);

// After the head was read.
exchange::OpeningHead head_of(ngx_http_upstream_t* u);
// How long the provider asks to be left alone, nanoseconds.
std::optional<int64_t> wait_of(ngx_http_upstream_t* u, Now at);

// Why nginx answers with an error of its own instead of the upstream's
// answer.
exchange::End end_without_answer(ngx_http_request_t* r);

}  // namespace llm::door
