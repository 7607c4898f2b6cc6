// Signs: what a text says between its words, of which neither a vector nor a
// list of words knows: x < 5 and x > 5, (2 + 3) * 4 and 2 + (3 * 4), one
// emoji and another.
//
// Time is linear in the text. Threads: pure functions.
#pragma once

#include <cstdint>

#include "src/base/bytes.hpp"

namespace llm::semantic {

struct Signs {
    // Digests, in the order of the text; 0: there is none.
    uint64_t formula = 0;   // operators, and the brackets round them
    uint64_t code = 0;      // marks at the front of words (!x, ../a, %d) and
                            // those that stand alone (??, &&, @)
    uint64_t pictures = 0;  // emoji and other symbols
    uint64_t quoted = 0;    // what stands in backquotes, to the letter
    uint64_t quoted_words = 0;  // the same but for case and spaces
    uint64_t layout = 0;    // how lines are indented
    uint64_t sample = 0;    // what stands behind a colon, to the letter
};

Signs signs_of(Bytes text);

// Whether they say something else. A picture that only one side has adorns.
// Other words in backquotes are for others to judge; the layout is for who
// finds the same words on both sides, the sample for who asks about words as
// they are written.
bool signs_differ(const Signs& a, const Signs& b);

}  // namespace llm::semantic
