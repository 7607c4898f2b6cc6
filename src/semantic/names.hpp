// name_differs: whether two prompts are about another person, place or product:
// a name in the place of a name, another variant (8, 8 Pro), another place of
// a like name (Korea, North Korea), a word that a capital makes a name (polish,
// Polish), somebody else (my wife), somebody else's (my, their).
//
// Threads: pure functions.
#pragma once

#include "src/semantic/alignment.hpp"

namespace llm::semantic {

bool name_differs(const Alignment& alignment, const Lists& lists);

}  // namespace llm::semantic
