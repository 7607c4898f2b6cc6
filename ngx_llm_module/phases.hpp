// The phases we act in: PRECONTENT (everything that needs the body) and LOG
// (every exchange ends there at the latest).
#pragma once

#include "ngx_llm_module/conf.hpp"
#include "src/api/protocol.hpp"

namespace llm::door {

// Ours: POST, JSON (or no type at all), a path of the location's protocol;
// kNone otherwise.
api::Endpoint endpoint_of(ngx_http_request_t* r, const CoreLoc& conf);

ngx_int_t add_phase_handlers(ngx_conf_t* cf);

}  // namespace llm::door
