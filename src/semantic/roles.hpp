// roles_differ: whether two prompts of nearly the same words say that another
// one acts: "who taught A" and "who did A teach", "can A see my B" and "can I
// see my A's B", "did A hire B" and "was A hired by B", "how do you store my A"
// and "how do I store your A", "how do I pay" and "how do I get paid"; of other
// languages but the second. The order of words alone does not tell these apart,
// since little words decide.
//
// Threads: pure functions.
#pragma once

#include "src/semantic/alignment.hpp"

namespace llm::semantic {

// Only of texts that hardly differ in their words.
bool roles_differ(const Alignment& alignment, const Lists& lists);

}  // namespace llm::semantic
