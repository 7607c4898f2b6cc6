// The end of a stream that we stop in the middle of its content because no
// more may be spent on it: what a provider sends when max_tokens is reached.
//
//   chat, completions  a chunk with finish_reason "length" for every choice
//                      that has none yet, the usage chunk where the client
//                      asked for it, [DONE]
//   messages           content_block_stop of the open block, message_delta
//                      with stop_reason "max_tokens" and usage, message_stop
//   responses          what is open is closed: the texts, parts and items,
//                      then response.incomplete with the reason
//                      max_output_tokens, all items and usage. Of an answer
//                      that is too large to be kept nothing is closed or
//                      named
//
// Sources: OpenAI and Anthropic streaming references. Pure function.
#pragma once

#include <string>

#include "src/api/reader.hpp"

namespace llm::api {

// What is sent instead of `event`, the content event that `reader` has seen
// last. Appends to `out`.
void write_cut(const StreamReader& reader, const sse::Event& event,
               const Usage& usage, bool include_usage, std::string& out);

}  // namespace llm::api
