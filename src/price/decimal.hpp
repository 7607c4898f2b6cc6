// Decimal numbers as integers of a smaller unit, without floats: "2.5e-06"
// dollars are 2500000 pico-dollars.
//
// Form: a JSON number (RFC 8259 §6), sign, fraction and exponent allowed.
// Digits below the unit are rounded half away from zero, which is the only
// loss. Time is linear in the text, whatever the exponent says.
//
// Pure functions; any thread.
#pragma once

#include <cstdint>

#include "src/base/bytes.hpp"
#include "src/base/result.hpp"

namespace llm::price {

// `text` * 10^places. kInvalid: not a number; kTooLarge: beyond 64 bits
// (1e309 is). The message says what is wrong and fits after a place.
// `exact`: whether nothing was rounded away.
Result<int64_t> parse_scaled(Bytes text, int places, bool* exact = nullptr);

// The inverse: `value` / 10^places in plain decimal with no more digits than
// needed, but at least `least` after the point: (1500000000, 9, 2) is "1.50".
std::string format_scaled(int64_t value, int places, int least = 0);

}  // namespace llm::price
