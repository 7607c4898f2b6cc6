// Keys, rates and budgets: llm_keys, llm_limit, llm_budget, llm_snapshot.
#pragma once

#include "ngx_llm_module/room.hpp"

namespace llm::door {

struct LimitMain {};

struct LimitLoc {};

}  // namespace llm::door
