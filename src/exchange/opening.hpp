// The opening of an answer: what the bytes that came after its head say while
// the head is held back from the client, so that a provider that has failed
// can be left for another one unseen.
//
//   a stream     waits for the first event that says something: comments,
//                Anthropic's pings and what only announces an answer
//                (api/announcement.hpp) do not. An error there is a fault.
//   JSON, and    wait until the body is whole, where its end can be told from
//   any error    its framing; otherwise what is there has to do. JSON of no
//                byte with the status 200 is none: it was cut. Nor, where
//                it can be waited for, is what does not begin, and end, as an
//                object or an array does.
//   HTML         waits for its first byte. One that begins as a page does is
//                of something that stands in the way, a portal that wants a
//                login: a fault. What is only called HTML is an answer.
//   a redirect   is a fault at once: who follows it carries the prompt off. So
//                is what is only said in between (1xx but 103) and what is no HTTP.
//   all else     is good as it is.
//
// Whoever calls holds the bytes in a buffer of a fixed size: when that is
// full, what is there decides, and an answer is good.
//
// Pure; cost: linear in the bytes. Sources: RFC 9112 §7.1 (chunks), WHATWG
// HTML (events).
#pragma once

#include <optional>

#include "src/api/protocol.hpp"
#include "src/base/bytes.hpp"
#include "src/route/fault.hpp"

namespace llm::exchange {

struct OpeningHead {
    int status = 0;  // 0: it was no HTTP
    Bytes content_type;
    Bytes content_encoding;
    bool chunked = false;
    int64_t content_length = -1;  // -1: not said
};

struct Opening {
    bool wait = false;  // more bytes are needed to tell
    route::Fault fault = route::Fault::kNone;
    bool announced = false;  // though a stream has told of its answer
};

// `raw`: every byte after the head so far, framing and coding included.
// `last`: more cannot be waited for.
Opening read_opening(const OpeningHead& head, api::Endpoint endpoint,
                     Bytes raw, bool last);

// A status that makes clients ask somebody else; 304 does not.
inline bool sends_elsewhere(int status) {
    return status >= 300 && status < 400 && status != 304;
}

// An error where a 200 promised an answer, at its start or later.
route::Fault fault_of(const std::optional<api::ApiError>& error);

// No answer, whatever stands behind it. nginx (1.22) passes a 1xx as the
// answer, and no HTTP as it is: what the client takes for the head is then what
// stands in the body. Behind early hints (103) that is an honest answer often
// enough.
constexpr int kEarlyHints = 103;
inline bool is_none(int status) {
    return (status < 200 && status != kEarlyHints) || sends_elsewhere(status);
}

// What of a body in chunks is there, appended to `out`. True once the last
// chunk has been seen, or when it is no chunked body.
bool read_chunks(Bytes raw, std::string& out);

}  // namespace llm::exchange
