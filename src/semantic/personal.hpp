// holds_personal_number: whether a text names somebody by a number that has
// checks of its own: a payment card (13 to 19 digits, Luhn's sum), an IBAN
// (mod 97) or a US social security number (its form). Groups may stand apart
// by up to three spaces, hyphens, dashes or points.
//
// Threads: a pure function. Time is linear in the text.
#pragma once

#include "src/base/bytes.hpp"

namespace llm::semantic {

bool holds_personal_number(Bytes text);

}  // namespace llm::semantic
