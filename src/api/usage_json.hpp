// Reads the providers' usage objects into Usage. The rules are in usage.hpp.
#pragma once

#include "src/api/usage.hpp"
#include "src/json/document.hpp"

namespace llm::api {

// OpenAI's two spellings: prompt_tokens, completion_tokens (chat,
// completions, embeddings) and input_tokens, output_tokens (responses), with
// their details; what was read from and written to the provider's cache also
// by the words of DeepSeek, Moonshot, Qwen and LiteLLM. `usage` that is not an
// object changes nothing.
void merge_openai_usage(const json::Document& doc, json::NodeId usage,
                        Usage& into);

// Of embeddings there is no output, and some (Voyage, Jina) say the total
// alone.
void merge_embeddings_usage(const json::Document& doc, json::NodeId usage,
                            Usage& into);

// The member service_tier of `object`: what was served, or is asked for. What
// the provider chooses ("auto") and what is not a word is kUnsaid.
Service read_service(const json::Document& doc, json::NodeId object);
// By the member's JSON text.
Service service_of(Bytes raw);

// One count: true and `out` is set when `id` is a whole number in
// [0, Usage::kMax] written without fraction or exponent. Absent (kNoNode) and
// null are just missing; anything else sets `absurd`.
bool read_count(const json::Document& doc, json::NodeId id, int64_t& out,
                bool& absurd);

}  // namespace llm::api
