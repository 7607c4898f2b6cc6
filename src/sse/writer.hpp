// Writes server-sent events. Rules that official clients need: never an event
// with empty data, LF alone, data with line breaks split into several data
// lines, the event: line only where the protocol has one.
#pragma once

#include <string>

#include "src/base/bytes.hpp"

namespace llm::sse {

// Appends one event with its blank line; `type` "" writes no event: line.
// Nothing is written when `data` is empty. `type` must hold no line break.
void append_event(std::string& out, Bytes type, Bytes data);

// The event that ends a stream of OpenAI's chat and completions, exactly.
inline constexpr Bytes kDone = "data: [DONE]\n\n";

}  // namespace llm::sse
