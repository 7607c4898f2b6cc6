// Near matches: llm_embedder, llm_semantic, llm_semantic_guard.
#pragma once

#include "ngx_llm_module/room.hpp"

namespace llm::door {

struct SemanticMain {};

struct SemanticLoc {};

}  // namespace llm::door
