// Fault: what went wrong with one attempt at one provider, in the few words
// that matter to whoever decides: the ladder (is another rung tried) and the
// cooldown (is the provider left alone for a while).
//
// Plain values; any thread. Sources: OpenAI error codes, Anthropic API errors
// (types and statuses), RFC 9110.
#pragma once

#include <string>

#include "src/base/bytes.hpp"

namespace llm::route {

enum class Fault : uint8_t {
    kNone,           // a good answer
    kConnect,        // refused, unreachable, TLS, no such name; nothing sent
    kCut,            // the connection ended before the answer did
    kTimeout,        // no first byte, silence between events, 408
    kInvalid,        // no HTTP, no JSON, no events where they had to be
    kAuth,           // 401, 403: the credential
    kRateLimit,      // 429
    kQuota,          // 402, 429 with insufficient_quota: money is gone
    kServer,         // 5xx but those below
    kOverloaded,     // 503, 529
    kErrorIn200,     // an error where a 200 promised an answer
    kModel,          // 404, or an error that names the model as unknown
    kContextLength,  // the prompt is too long for this model
    kContentFilter,  // the provider refuses the content
    kRequest,        // any other 4xx: the client's to mend
    kClientGone,     // the client left; says nothing about the provider
};

// "connect", "cut", …, "none": for logs, labels and reasons.
Bytes name_of(Fault fault);

// An error as a provider words it; each may be empty.
struct ErrorWords {
    std::string type;
    std::string code;  // a number is written out
    std::string message;

    bool empty() const {
        return type.empty() && code.empty() && message.empty();
    }
};

// From the JSON of an error body, or of an event's data: OpenAI's
// {"error":{type, code, message}}, Anthropic's {"type":"error","error":{…}},
// vLLM's {"object":"error", type, code, message}, {"error":"text"}. At most
// kMaxErrorBody bytes are read; what is longer, cut short or no JSON is
// empty. Messages are cut to 512 bytes and are for classify() alone: they
// may quote the client.
inline constexpr size_t kMaxErrorBody = 65536;
ErrorWords read_error_words(Bytes json);

// What an HTTP status with an error body means. With 200 to 299 the words say
// it (a code of 4xx is a status), else kErrorIn200; kNone without words.
Fault classify(int status, const ErrorWords& words);

}  // namespace llm::route
