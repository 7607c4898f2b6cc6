// Request: what we need to know of a client's body, the same for every
// protocol, and where each value stands in its bytes. Fields that we do not
// know are not our business and pass, unless their name differs from one
// that we know in its case alone: upstreams written in Go would read them.
//
// Sources: OpenAI API reference, Anthropic API reference, vLLM's request
// models for what compatible servers add.
//
// Ownership: owns its strings; node ids belong to the Document it was read
// from. Threads: a plain value.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "src/api/protocol.hpp"
#include "src/api/usage.hpp"
#include "src/base/result.hpp"
#include "src/json/document.hpp"

namespace llm::api {

// A value's place in the body, quotes and brackets included.
struct Span {
    size_t offset = 0;
    size_t size = 0;  // 0: the member is absent

    bool present() const { return size != 0; }
};

enum class Tri : uint8_t { kAbsent, kFalse, kTrue };

struct Request {
    static constexpr size_t kMaxModel = 256;
    static constexpr int64_t kMaxCount = 1 << 20;  // clamp of n
    static constexpr int64_t kMaxTokens = int64_t{1} << 40;

    Endpoint endpoint = Endpoint::kNone;
    Family family = Family::kOpenai;
    std::string model;           // unescaped; "" where absent is allowed
                                 // (responses with a stored prompt)
    bool model_missing = false;  // and no stored prompt names one
    bool stream = false;
    bool include_usage = false;  // stream_options.include_usage
    Tri store = Tri::kAbsent;    // absent means true to OpenAI's responses
    bool has_tools = false;      // tools or functions, not empty
    int64_t n = 1;               // answers asked for: max(n, best_of), in
                                 // [1, kMaxCount]

    // The largest of max_tokens, max_completion_tokens, max_output_tokens
    // that are numbers, up to kMaxTokens: which of two an upstream goes by is
    // its own affair. To some servers a negative one is none at all.
    std::optional<int64_t> max_output_tokens;
    std::optional<double> temperature;
    Service service = Service::kUnsaid;  // asked for
    bool speaks = false;         // modalities: "audio" is among them
    bool background = false;     // answered later, elsewhere (responses)

    // Why an answer must be neither shared nor replayed, `store` aside; ""
    // when nothing speaks against it. One of, the first in the body:
    // background, conversation, previous_response_id, prompt,
    // web_search_options, search_parameters, plugins, enable_search,
    // mcp_servers, container, tools:<kind>, where kind is web_search,
    // web_fetch, file_search, code_interpreter, code_execution, mcp,
    // image_generation, shell, or server for a kind that we do not know. Tools
    // that the client runs (function, custom, computer, bash, text editor,
    // memory, …) are fine. Static storage.
    Bytes side_effect;

    // Text that the model is given (messages, system, instructions, prompt,
    // input, tool calls and results), in bytes after unescaping, and what it
    // is given in other forms, in bytes as written.
    uint64_t ascii_bytes = 0;
    uint64_t other_bytes = 0;    // of UTF-8 sequences beyond ASCII
    uint64_t media_bytes = 0;    // images, audio, files, by value or address
    uint64_t tools_bytes = 0;    // definitions of tools
    uint64_t beside_bytes = 0;   // schemas of answers, predictions, documents,
                                 // variables of a stored prompt
    uint64_t input_tokens = 0;   // given as token numbers (prompt, input)
    uint32_t messages = 0;       // or input items, or prompts

    // The string node with the last text of the last user message that has
    // text (completions, embeddings: the last prompt or input that is a
    // string); kNoNode when there is none.
    json::NodeId last_user_text = json::kNoNode;
    bool ends_with_user = false;  // and that message is the last one, with
                                  // nothing but this text in it

    // Where the values stand that edits touch.
    Span model_span;
    Span stream_span;
    Span stream_options_span;
    Span include_usage_span;
    size_t insert_at = 0;         // after the opening brace
    bool empty_object = false;    // nothing but white space up to `}`

    // The same with `store`.
    Bytes effect() const {
        return side_effect.empty() && store == Tri::kTrue ? Bytes("store")
                                                          : side_effect;
    }
};

// Reads the body of a request to `endpoint` (not kNone). Errc::kInvalid when
// the upstream could only refuse it too: the message is for the client, and
// `why`, when given, holds it with status and `param`. A body without a model
// is refused too, unless its reader knows one for it.
Result<Request> parse_request(Endpoint endpoint, const json::Document& doc,
                              ApiError* why = nullptr,
                              bool model_required = true);

// That error.
ApiError missing_model();

// A member of the body's root that an operator's edits give another value.
struct SetMember {
    Bytes name;
    Bytes raw;  // JSON text: a scalar, or "{}" for an object of any kind
};

// Lets `request`, which was read from `doc`, be as those edits make it, all of
// which are in `members`. Of the members that decide on caching and on cost
// but are no limit of tokens: temperature, n, best_of, service_tier,
// modalities, store, and those that side_effect names; others change nothing
// here. A side effect that the client asks for stays one, whatever is made of
// it.
void assume(Request& request, const json::Document& doc,
            std::span<const SetMember> members);

// The client's words for a body that Document::parse refused.
ApiError body_error(const Error& error);

}  // namespace llm::api
