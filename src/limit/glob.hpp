// Globs of model names: `*` is any number of bytes, `?` any one, everything
// else itself; case counts. Time is at most the product of both lengths, on
// any input: after a mismatch only the last star is tried further on.
#pragma once

#include "src/base/bytes.hpp"

namespace llm::limit {

bool glob_match(Bytes pattern, Bytes text);

}  // namespace llm::limit
