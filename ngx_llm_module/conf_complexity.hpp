// How hard a request is, and what it is about: llm_complexity_signal,
// llm_critical, llm_complexity_levels.
#pragma once

#include "ngx_llm_module/room.hpp"

namespace llm::door {

struct ComplexityMain {};

struct ComplexityLoc {};

}  // namespace llm::door
