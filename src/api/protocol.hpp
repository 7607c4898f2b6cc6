// The endpoints we understand and what is common to all of them.
// Sources: OpenAI API reference (chat completions, completions, embeddings,
// responses), Anthropic API reference (messages).
#pragma once

#include <string>

#include "src/base/bytes.hpp"

namespace llm::api {

enum class Endpoint : uint8_t {
    kNone,         // not ours
    kChat,         // POST …/chat/completions
    kCompletions,  // POST …/completions
    kEmbeddings,   // POST …/embeddings
    kResponses,    // POST …/responses
    kMessages,     // POST …/messages (Anthropic)
};

enum class Family : uint8_t { kOpenai, kAnthropic };

// By the end of a normalised path, so that a prefix (/openai/v1/…) works:
// whole segments only; one trailing slash is not tolerated.
Endpoint endpoint_of(Bytes path);
Family family_of(Endpoint endpoint);

// "chat", "text_completion", "embeddings", "responses", "messages": the value
// of $llm_api's second half and of gen_ai.operation.name is operation_of().
Bytes name_of(Endpoint endpoint);       // chat completions embeddings …
Bytes operation_of(Endpoint endpoint);  // OTel: chat text_completion embeddings
Bytes name_of(Family family);           // openai anthropic

// What is wrong, in words for the client. `status` is the HTTP status.
struct ApiError {
    int status = 400;
    std::string message;
    std::string type;   // empty: the family's usual one for `status`
    std::string param;  // OpenAI only; empty: null
    std::string code;   // OpenAI only; empty: null
};

// The body of an error answer in the family's shape:
//   OpenAI     {"error":{"message":…,"type":…,"param":…,"code":…}}
//   Anthropic  {"type":"error","error":{"type":…,"message":…},
//               "request_id":…}
std::string error_body(Family family, const ApiError& error,
                       Bytes request_id);

// The event that ends a stream in failure, with its blank line:
//   chat, completions  data: {"error":{…}}
//   responses          event: error + data: {"type":"error",…}
//   messages           event: error + data: {"type":"error","error":{…}}
// `sequence`: the event's number, where the protocol has them (responses).
std::string error_event(Endpoint endpoint, const ApiError& error,
                        int64_t sequence = 0);

}  // namespace llm::api
