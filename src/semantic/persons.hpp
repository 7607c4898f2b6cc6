// Persons: who acts in a prompt (I, you, they) and whose things it is about.
//
// Threads: pure functions.
#pragma once

#include "src/semantic/alignment.hpp"

namespace llm::semantic {

// Of the words of a fact: bit 1 for the first person, bits 2 and 3 for the
// second and third.
unsigned actors_of(const Facts& facts, const Fact& fact, const Lists& lists);

// "My fence" and "their fence" where the same one acts and nothing else that
// has content differs. Not where each asks in general: "how do I paint my fence" and "how do you paint your fence".
bool owners_differ(const Alignment& alignment, const Lists& lists);

}  // namespace llm::semantic
