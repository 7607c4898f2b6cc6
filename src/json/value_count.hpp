// How many values a JSON text may hold, told without memory: what a Document
// of it would take is known before it is built.
//
// Cost: a pass over the text up to the first value that is too many; strings
// at the speed of memchr. Pure; any thread.
#pragma once

#include "src/base/bytes.hpp"

namespace llm::json {

// True when `text` can have more than `most` values. Never false for one that
// has; empty arrays and objects count twice. The text need not be JSON.
bool may_exceed(Bytes text, size_t most);

}  // namespace llm::json
