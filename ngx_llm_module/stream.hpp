// The header and body filters: what comes back is followed and, as a stream,
// edited; everything that is not edited passes as the buffers it came in.
#pragma once

#include "ngx_llm_module/context.hpp"

namespace llm::door {

void add_filters();

// The upstream ended with `rc` after the header was sent and before its
// answer was whole: the client gets the protocol's error event.
void break_off(ngx_http_request_t* r, Context& ctx, ngx_int_t rc);

}  // namespace llm::door
