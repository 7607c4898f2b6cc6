// The stop at the route: what the upstream is asked for instead of what the
// client wrote. Evaluates llm_model, llm_system and llm_set of the location
// into the Exchange's edits.
#pragma once

#include <optional>

#include "ngx_llm_module/context.hpp"

namespace llm::door {

// After the body is read and before the look-up. `model` is not empty when a
// budget goes back to the route with a smaller one: it then stands in the
// place of llm_model. An error is for the client. `rc` is NGX_ERROR when
// memory is out.
std::optional<api::ApiError> plan_route(ngx_http_request_t* r, Context& ctx,
                                        Bytes model, ngx_int_t& rc);

// False where llm_model may name the model of a body without one.
bool needs_model(ngx_http_request_t* r);

std::span<const Variable> route_variables();

}  // namespace llm::door
