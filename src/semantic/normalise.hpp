// normalised_key_text: a prompt with everything taken off that cannot change
// what it asks: case, runs of white space, marks at its end, greetings and
// courtesies at its ends. Two prompts of equal text are one question; the
// digest of this text is the key of the step before the encoder.
//
// A text that may be code (backquotes, braces, several lines of it) or holds
// quotation marks keeps its case and its inner spaces, one with a colon inside
// its marks at the end too, a short word behind a
// number its capitals (5 mW, 5 MW), a name like max_size its case, and a word
// that with a capital names another thing (Polish and polish, Co and CO) that
// capital, where who wrote it sets capitals. Numbers,
// signs and negations are never touched; nothing is taken out of the middle.
//
// "" when nothing would be left: no key, no step. Bytes that are not UTF-8
// stay as they are. Time is linear in the text.
#pragma once

#include <string>

#include "src/semantic/lists.hpp"

namespace llm::semantic {

std::string normalised_key_text(Bytes text, const Lists& lists);

// The same, and the part of the text that asks: without the greetings and
// courtesies at its ends, otherwise as it is. That is what is turned into a
// vector: a courtesy brings two questions nearer or takes them apart for
// nothing. A view of `text`, all of it where nothing would be left.
struct Normalised {
    std::string key_text;
    Bytes asking;
};
Normalised normalise(Bytes text, const Lists& lists);

}  // namespace llm::semantic
