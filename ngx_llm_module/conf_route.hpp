// What the upstream is asked instead: llm_model, llm_set, llm_system,
// llm_model_response, llm_provider_cache.
#pragma once

#include "ngx_llm_module/room.hpp"

namespace llm::door {

struct RouteMain {};

struct RouteLoc {};

}  // namespace llm::door
