// order_differs: whether the words of two prompts are the same but change
// roles: "A to B" and "B to A", "convert X into Y" and "Y into X", "does A
// owe B" and "does B owe A"; or what follows behind the last word that was
// read differs. Only of texts that hardly differ in their words: another
// wording may turn them round ("to do A use B", "B is used to do A").
//
// Threads: pure functions.
#pragma once

#include "src/semantic/alignment.hpp"

namespace llm::semantic {

bool order_differs(const Alignment& alignment, const Lists& lists);

// How rare the words are (hundredths, of a pair the less rare) that stand for
// one another in one slot: between equal neighbours, or at an end.
uint16_t slot_rarity(const Alignment& alignment);

// Share of neighbouring matched words that stand the other way round, 0 to 1.
double moved_share(const Alignment& alignment);

}  // namespace llm::semantic
