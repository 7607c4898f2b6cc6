// Server-sent events, read incrementally (WHATWG HTML, "Parsing an event
// stream"): lines end in LF, CRLF or CR; a BOM at the start is skipped; a
// space after the colon is optional; several data lines join with LF; a line
// that starts with a colon is a comment; an event ends with an empty line.
//
// Any split at any byte gives the same events. Linear in the input. Nothing
// is copied while an event lies whole inside one feed() with one data line;
// otherwise its bytes are gathered in a buffer bounded by max_event.
//
// A blank line that ends in CR waits for one more byte, which may be its LF,
// unless the line before ended in a bare CR: then the stream has CR alone and
// the event is given out at once (an LF after it opens the next event's raw).
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

class Parser {
public:
    explicit Parser(size_t max_event) : max_event_(max_event) {}

    // Calls on_event(const Event&) once for every completed block, blocks of
    // comments and blank lines alone included. Errc::kTooLarge when an event
    // passes max_event: the parser then takes nothing more.
    template <typename F>
    Result<void> feed(Bytes chunk, F&& on_event) {
        Event event;
        while (next(chunk, event)) {
            on_event(static_cast<const Event&>(event));
        }
        return status();
    }

    // The end of the stream: an unfinished event whose last line is a data
    // line is delivered, with or without its line end (recorded streams of
    // Anthropic's end so); anything else is discarded.
    template <typename F>
    Result<void> finish(F&& on_event) {
        Event event;
        if (last(event)) {
            on_event(static_cast<const Event&>(event));
        }
        reset();
        return status();
    }

    // The same, pulled: takes bytes off the front of `chunk` up to the end of
    // the next event; false when `chunk` is used up or the parser failed. The
    // views in `event` live until the next call, or as long as the chunk.
    bool next(Bytes& chunk, Event& event);
    // The unfinished event at the end of the stream, see finish(); reset()
    // must follow. Its views live until then.
    bool last(Event& event);
    // Forgets the unfinished event.
    void reset() { clear(); }

    // Bytes held of an unfinished event.
    size_t pending() const { return complete_ ? 0 : buffer_.size(); }
    Bytes pending_bytes() const {
        return complete_ ? Bytes() : Bytes(buffer_);
    }
    bool failed() const { return failed_; }
    Result<void> status() const;

private:
    enum class LineEnd : uint8_t { kNone, kLf, kCr };

    // A part of the event by its place from the event's first byte, so that
    // it holds in the chunk and in the buffer alike.
    struct Part {
        size_t offset = 0;
        size_t size = 0;
    };

    void clear();
    Bytes hold(Bytes chunk, size_t used);
    bool after_cr(bool is_lf, size_t before, size_t& pos);
    bool end_line(Bytes text, bool cr);
    void skip_bom(char c, size_t offset);
    void take_line(Bytes line, size_t offset, Bytes event);
    void add_data(Part part, Bytes event);
    void fill(Bytes raw, Event& event) const;

    size_t max_event_;
    std::string buffer_;      // the event so far, when a chunk ended in it
    std::string joined_;      // data of an event with several data lines
    size_t held_ = 0;         // bytes of the chunk that buffer_ has
    size_t line_start_ = 0;   // of the line being read, from the event's start
    size_t data_lines_ = 0;
    Part type_, data_, id_;
    LineEnd last_end_ = LineEnd::kNone;  // of the line before, in this event
    bool bom_done_ = false;   // the start of the stream was looked at
    bool skip_lf_ = false;    // an LF right here belongs to the CR before it
    bool blank_cr_ = false;   // the event's blank line ended in CR so far
    bool data_last_ = false;  // the last whole line was a data line
    bool complete_ = false;   // the event was given out: start a new one
    bool failed_ = false;
};

}  // namespace llm::sse
