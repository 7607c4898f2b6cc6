// The head of an answer from upstream: what the exchange learns of it, and what
// of it is changed on its way to the client.
#pragma once

#include "ngx_llm_module/context.hpp"

namespace llm::door {

// Once, when it comes. NGX_OK, or NGX_ERROR.
ngx_int_t head_answer(ngx_http_request_t* r, Context& ctx, Now at);

// "": the body comes as it is.
Bytes encoding_of(const ngx_http_request_t* r);

}  // namespace llm::door
