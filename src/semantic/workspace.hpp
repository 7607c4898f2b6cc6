// Workspace: the memory that one encode() works in, for any encoder. Grows to
// what the largest one needed and stays there.
//
// Threads: one encode() at a time; a thread keeps one for good.
#pragma once

#include "src/semantic/aligned.hpp"
#include "src/semantic/tokenizer.hpp"

namespace llm::semantic {

struct Workspace {
    TokenSpace tokens;
    AlignedArray<float> floats;
    AlignedArray<uint8_t> bytes;
    AlignedArray<int32_t> integers;
};

}  // namespace llm::semantic
