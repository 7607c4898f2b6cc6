// Whom to tell: llm_alert.
#pragma once

#include "ngx_llm_module/room.hpp"

namespace llm::door {

struct AlertMain {};

}  // namespace llm::door
