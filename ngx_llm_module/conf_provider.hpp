// Where models live: llm_provider.
#pragma once

#include "ngx_llm_module/room.hpp"

namespace llm::door {

struct ProviderMain {};

struct ProviderLoc {};

}  // namespace llm::door
