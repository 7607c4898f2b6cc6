// Whether one of two prompts says the opposite of the other: denies what that
// says, or has the other member of a set (buy, sell); whether one asks for
// another thing (when, how; can I, must I).
//
// Threads: pure functions.
#pragma once

#include "src/semantic/alignment.hpp"

namespace llm::semantic {

// Negations cancel out by two. What one side denies may be said by a word of
// the other; long texts that both deny something may deny it more than once.
// There the probability alone decides.
bool negation_differs(const Alignment& alignment, const Lists& lists);

bool opposite_differs(const Alignment& alignment, const Lists& lists);

// Where both texts deny, one more denial tells them apart below this
// (hundredths of ln, what they share).
constexpr double kMuchShared = 2800;

}  // namespace llm::semantic
