// What a conversation begins with, as a short name: $llm_prefix. Requests
// that begin alike have the same one, so that `hash $llm_prefix consistent`
// sends a growing conversation to the replica that still holds its state.
//
// It is 16 hexadecimal digits of a SHA-256 over
//   chat        tools, the system and developer messages at the start, and
//               the first message after them
//   messages    tools, system, the first message
//   responses   tools, instructions, and of `input` as in chat; `conversation`
//               alone where there is one
//   completions the first kPromptBlock bytes of the first prompt
//   embeddings  the input: nothing is shared there, it only spreads
// Messages that are added later change nothing. Of each of the parts at most
// kPartMax bytes are read (and how long it is): a long system text does not
// hide in what the conversations differ. Marks of cache_control, which clients
// move from turn to turn, do not count, nor whether a text stands alone or as
// the only part of a content.
//
// The model and the tenant are no part of it: write them beside it where
// replicas must differ by them.
//
// A pure function; any thread.
#pragma once

#include <string>

#include "src/api/request.hpp"
#include "src/json/document.hpp"

namespace llm::route {

inline constexpr size_t kPartMax = 32 * 1024;
inline constexpr size_t kPromptBlock = 256;

std::string prefix_of(const json::Document& doc, const api::Request& request);

}  // namespace llm::route
