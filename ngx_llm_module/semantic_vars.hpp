// Variables of the semantic cache.
#pragma once

#include "ngx_llm_module/room.hpp"

namespace llm::door {

std::span<const Variable> semantic_variables();

}  // namespace llm::door
