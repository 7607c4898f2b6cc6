// Evaluates a location's configuration for one request.
#pragma once

#include "ngx_llm_module/context.hpp"

namespace llm::door {

// Fills `policy` and the tenant in `ctx`. NGX_OK or NGX_ERROR (memory).
ngx_int_t read_policy(ngx_http_request_t* r, Context& ctx,
                      exchange::Policy& policy);

}  // namespace llm::door
