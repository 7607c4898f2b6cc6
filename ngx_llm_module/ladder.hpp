// Where we lean on the insides of nginx's upstream. The reasons:
//
// finalize_request, a callback of the upstream's protocol module (proxy_pass
// and its kin), is called by nginx once at every end of an upstream, before
// error_page is looked at and before anything more is sent. Wrapping it is
// the one way to learn why an answer ended. It is the same from 1.22 to 1.31.
#pragma once

#include "ngx_llm_module/context.hpp"

namespace llm::door {

// Called from the header filter, where r->upstream is set up.
void watch_upstream_end(ngx_http_request_t* r, Context& ctx);

// Why nginx answers with an error of its own instead of the upstream's
// answer.
exchange::End end_without_answer(ngx_http_request_t* r);

}  // namespace llm::door
