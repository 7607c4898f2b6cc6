// Whose tokens are counted and not estimated: llm_tokens.
#pragma once

#include "ngx_llm_module/room.hpp"

namespace llm::door {

struct TokensSetup;

struct TokensMain {
    TokensSetup* setup;  // nullptr: all are estimated
};

}  // namespace llm::door
