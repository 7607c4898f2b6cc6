// Who is asked when the first one fails: llm_fallback and the clocks.
#pragma once

#include "ngx_llm_module/room.hpp"

namespace llm::door {

struct LadderMain {};

struct LadderLoc {};

}  // namespace llm::door
