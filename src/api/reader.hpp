// Readers and writers between bytes and Answer, for every protocol; each
// protocol's own file (chat.cpp, completions.cpp, embeddings.cpp,
// responses.cpp, messages.cpp) implements its half, reader.cpp dispatches.
//
// Bounds: an answer of more than `max_bytes` of content stops being kept
// (`overflow`), its usage is still followed.
//
// An answer that overflowed, or that had an event which was not understood
// (`lossy`), never becomes `complete`: it must not be stored.
#pragma once

#include <memory>
#include <string>

#include "src/api/answer.hpp"
#include "src/base/result.hpp"
#include "src/sse/parser.hpp"

namespace llm::api {

class ResponsesProgress;

// A whole JSON body. Errc::kInvalid when it is not the endpoint's answer
// (not JSON, no choices, …). A body {"error":…} is an Answer with `error`.
Result<Answer> read_json(Endpoint endpoint, Bytes body);

// The end of an OpenAI stream; blanks behind it say nothing.
inline bool is_done(const sse::Event& event) {
    constexpr Bytes kDone = "[DONE]";
    return event.data.starts_with(kDone)
           && event.data.find_first_not_of(" \t", kDone.size())
                  == Bytes::npos;
}

// What one event of a stream means to those who pass it on.
struct EventInfo {
    bool content = false;     // carries generated content (text, tool call
                              // fragment, reasoning, refusal): the first one
                              // is the time to first token
    bool usage = false;       // reported usage
    bool usage_only = false;  // OpenAI's extra chunk: usage and no choices
    bool terminal = false;    // [DONE], message_stop, response.completed …
    bool error = false;       // the protocol's error
    bool malformed = false;   // data is no JSON object: not understood
};

// Follows one stream. Feed it every event in order.
class StreamReader {
public:
    virtual ~StreamReader() = default;
    virtual EventInfo on_event(const sse::Event& event) = 0;

    Answer& answer() { return answer_; }
    const Answer& answer() const { return answer_; }
    bool overflow() const { return overflow_; }
    // Something was not understood and is not in the answer: data that is no
    // JSON, a shape that is not the protocol's, parts without bound.
    bool lossy() const { return lossy_; }
    // Responses: what of the stream is open.
    virtual const ResponsesProgress* progress() const { return nullptr; }
    // Bytes of generated content so far, for estimates of output tokens.
    size_t content_bytes() const { return content_bytes_; }

protected:
    StreamReader(Endpoint endpoint, size_t max_bytes) : max_bytes_(max_bytes) {
        answer_.endpoint = endpoint;
    }
    Answer answer_;
    size_t max_bytes_;
    size_t content_bytes_ = 0;
    bool overflow_ = false;
    bool lossy_ = false;
};

// nullptr for an endpoint that does not stream (embeddings).
std::unique_ptr<StreamReader> make_stream_reader(Endpoint endpoint,
                                                 size_t max_bytes);

// The answer as the body of a response to a request without `stream`.
void write_json(const Answer& answer, std::string& out);

struct StreamOptions {
    bool include_usage = false;  // chat, completions: the client asked for
                                 // the usage chunk
};

// The answer as a whole stream, obeying every rule of replay: role in the
// first delta, finish_reason in the last content chunk, event: lines where
// the protocol has them and nowhere else, the exact terminator, nothing
// after it, no event with empty data. Text goes out in one delta a block.
void write_sse(const Answer& answer, const StreamOptions& options,
               std::string& out);

}  // namespace llm::api
