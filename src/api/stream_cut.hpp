// The end of a stream that we stop in the middle of its content because no
// more may be spent on it: what a provider sends when max_tokens is reached.
//
//   chat, completions  a chunk with finish_reason "length" for every choice
//                      that has none yet, the usage chunk where the client
//                      asked for it, [DONE]
//   messages           content_block_stop of the open block, message_delta
//                      with stop_reason "max_tokens" and usage, message_stop
//   responses          response.incomplete with the reason max_output_tokens
//                      and usage; its output names no item, since those that
//                      were streamed were never closed
//
// Sources: OpenAI and Anthropic streaming references. Pure function.
#pragma once

#include <string>

#include "src/api/reader.hpp"

namespace llm::api {

// `data` is that of the content event which is replaced. Appends to `out`.
void write_cut(const StreamReader& reader, Bytes data, const Usage& usage,
               bool include_usage, std::string& out);

}  // namespace llm::api
