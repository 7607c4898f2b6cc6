// Answer: one complete answer of a model, in every protocol, with nothing
// lost. It is what a JSON body and what an SSE stream of the same answer have
// in common; readers fill it, writers print it in either form.
//
// Whatever has no field of its own is kept as raw JSON text under its key in
// the nearest `extra`, and is written back there. Two things are dropped on
// purpose: `obfuscation` (random padding of a stream) and OpenAI's
// `"usage":null` placeholders.
//
// Ownership: owns all its strings. Threads: a plain value.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/api/protocol.hpp"
#include "src/api/usage.hpp"

namespace llm::api {

// A member that we carry without understanding it: `raw` is JSON text. How a
// stream's fragments become one: accumulate.hpp. Extras of a stream are in
// place when the answer is complete, not before.
struct Extra {
    std::string key;
    std::string raw;
};
using Extras = std::vector<Extra>;

// One piece of a choice's content, in the order in which it was produced.
// kOther holds a whole block or item as raw JSON (images, server tool
// results, citations' documents, audio, …).
struct Block {
    enum class Kind : uint8_t {
        kText,
        kRefusal,
        kReasoning,  // reasoning_content, reasoning, thinking
        kToolCall,   // tool_calls[], tool_use, function_call
        kOther,
    };
    Kind kind = Kind::kText;
    std::string text;       // text, refusal, thinking; of a tool call: the
                            // arguments as JSON text, exactly as received
    std::string id;         // tool call
    std::string name;       // tool call: the function
    std::string signature;  // thinking: bound to the provider, verbatim
    std::string type;       // the protocol's own word ("tool_use",
                            // "server_tool_use", "redacted_thinking", …) or
                            // the member it came in ("reasoning_content")
    std::string raw;        // kOther: the whole value
    int64_t index = 0;      // the protocol's own index of a tool call
    Extras extra;           // members of the block itself (annotations,
                            // citations, caller, …)
};

struct Choice {
    int64_t index = 0;
    std::string role;
    std::vector<Block> blocks;
    std::string finish_reason;  // OpenAI finish_reason, Anthropic
                                // stop_reason, Responses status; "" = none
    std::string logprobs;       // raw JSON value, "" = absent
    bool content_null = false;  // chat: "content":null stood there
    Extras message_extra;       // members of message / delta
    Extras extra;               // members of the choice
};

// stop, tool_calls, function_call, end_turn, tool_use, stop_sequence or
// (responses) completed.
bool ends_well(Bytes finish_reason);

struct Answer {
    Endpoint endpoint = Endpoint::kNone;
    std::string id;
    std::string model;
    std::string object;         // "chat.completion", "message", "response", …
    int64_t created = 0;        // OpenAI created / created_at, 0 = absent
    std::string fingerprint;    // system_fingerprint, "" = absent
    std::vector<Choice> choices;  // chat, completions: n of them; messages,
                                  // responses: one; embeddings: none
    std::vector<std::string> embeddings;  // raw data[] elements, as received
    std::string usage_raw;      // the provider's usage object, verbatim
    Usage usage;
    Extras extra;               // members of the answer itself
    std::string document;       // responses: the raw final response object,
                                // from which both forms are written

    // How it ended.
    bool complete = false;      // terminal event seen, or a whole JSON body
    std::optional<ApiError> error;  // an error inside a 200, or in a stream

    // The first choice's reason, the worst one where choices differ.
    Bytes finish_reason() const;
    // Chat, and completions whose choices are messages as chat's.
    bool has_messages() const;
    // Every choice ends_well(); embeddings: has data.
    bool finished_well() const;
};

}  // namespace llm::api
