// The stop at keys, limits and budgets, at the door: which of them apply,
// with which values, and what the client is told.
#pragma once

#include <optional>

#include "ngx_llm_module/context.hpp"

namespace llm::door {

// Keys, limits or budgets stand here: then every request counts, also what
// is not understood.
bool is_guarded(ngx_http_request_t* r);

// Before the body is read: identity, whose account it is, request rates and
// concurrency. An error is for the client.
std::optional<api::ApiError> admit(ngx_http_request_t* r, Context& ctx);

// Before the reservation of a miss: keys that name the body's own.
void read_late_keys(ngx_http_request_t* r, Context& ctx);

// When to come back.
ngx_int_t add_retry_headers(ngx_http_request_t* r,
                            const limit::RetryHeaders& retry);

// x-ratelimit-*, and after a refusal Retry-After and its kin.
ngx_int_t add_limit_headers(ngx_http_request_t* r, Context& ctx);

// limit_room and price_room.
std::span<const Variable> limit_variables();
std::span<const Variable> price_variables();
ngx_int_t start_limits(ngx_cycle_t* cycle, MainConf& conf);
void stop_limits(ngx_cycle_t* cycle);
void tick_limits(ngx_cycle_t* cycle, MainConf& conf, Now now);

}  // namespace llm::door
