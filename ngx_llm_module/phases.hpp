// The phases we act in: PRECONTENT (everything that needs the body) and LOG
// (every exchange ends there at the latest).
#pragma once

#include "ngx_llm_module/ngx.hpp"

namespace llm::door {

ngx_int_t add_phase_handlers(ngx_conf_t* cf);

}  // namespace llm::door
