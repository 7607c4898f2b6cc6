// Server-sent events, read incrementally (WHATWG HTML, "Parsing an event
// stream"): lines end in LF, CRLF or CR; a BOM at the start is skipped; a
// space after the colon is optional; several data lines join with LF; a line
// that starts with a colon is a comment; an event ends with an empty line.
//
// Any split at any byte gives the same events. Linear in the input. Nothing
// is copied while an event lies whole inside one feed() with one data line;
// otherwise its bytes are gathered in a buffer bounded by max_event.
//
// One Parser a stream, one thread. Views in Event live until the callback
// returns.
#pragma once

#include <cstdint>
#include <string>

#include "src/base/bytes.hpp"
#include "src/base/result.hpp"

namespace llm::sse {

struct Event {
    Bytes type;      // value of the last event: line, "" = none
    Bytes data;      // data lines joined by LF
    Bytes id;        // value of the id: line, "" = none
    Bytes raw;       // every byte of the event as received, with comments
                     // and the blank line that ends it
    bool has_data = false;  // a data: line stood there, even an empty one;
                            // false for a block of comments alone
};

// To be filled in by the room's owner: class Parser with
//   explicit Parser(size_t max_event);
//   template <F> Result<void> feed(Bytes chunk, F&& on_event);
//       F: void(const Event&), called once for every completed block
//       (comment-only blocks too, has_data false). Errc::kTooLarge when an
//       event passes max_event: the parser then takes nothing more.
//   template <F> Result<void> finish(F&& on_event);
//       The end of the stream: an unfinished event whose last line was a
//       complete data line is delivered (Anthropic's recorded fixtures end
//       without the last newline), anything else is discarded;
//   size_t pending() const;  bytes held of an unfinished event.

}  // namespace llm::sse
