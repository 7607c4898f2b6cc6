// Editor: the only place where a stream may lose, change or gain an event.
// Upstream bytes go in, a handler sees each completed event and decides,
// pieces of output come out. What is kept leaves byte for byte as it came,
// comments, line ends and odd spaces included.
//
//   Mode::kEdit   an event is held back until it is complete, then judged;
//                 the bytes held are bounded by max_event. An event beyond it
//                 is Errc::kTooLarge: the stream is dead, the caller ends it.
//   Mode::kWatch  every byte passes at once, events are only observed and
//                 edits have no effect. An event beyond max_event ends the
//                 observation (blind()), never the stream.
//
// Ownership: pieces() are views of the chunk and of the editor's own memory;
// both hold until the next feed() or flush(), the former no longer than the
// chunk. One Editor a stream, one thread. Linear in the input.
#pragma once

#include <string>
#include <vector>

#include "src/base/bytes.hpp"
#include "src/base/result.hpp"
#include "src/sse/parser.hpp"

namespace llm::sse {

// The handler's verdict on one event; keep, unless it says otherwise. All
// bytes are whole events with their blank line and are copied.
class Edit {
public:
    void drop() { keep_ = false; }
    void replace(Bytes bytes) {
        keep_ = false;
        instead_.append(bytes);
    }
    void before(Bytes bytes) { before_.append(bytes); }
    void after(Bytes bytes) { after_.append(bytes); }
    // The stream ends here: this event and all that follows are not passed,
    // `bytes` are sent instead. before() is sent ahead of them.
    void cut(Bytes bytes) {
        replace(bytes);
        cut_ = true;
    }

private:
    friend class Editor;
    void clear();

    std::string before_;
    std::string instead_;
    std::string after_;
    bool keep_ = true;
    bool cut_ = false;
};

class Editor {
public:
    enum class Mode : uint8_t { kEdit, kWatch };

    Editor(Mode mode, size_t max_event) : mode_(mode), parser_(max_event) {}

    // Handler: void(const Event&, Edit&), called for every completed block,
    // comments and blank lines included. After an error or a cut nothing is
    // taken and nothing comes out.
    template <typename Handler>
    Result<void> feed(Bytes chunk, Handler&& handler) {
        begin(chunk);
        Event event;
        while (!cut_ && parser_.next(chunk, event)) {
            handle(event, handler);
        }
        return end();
    }

    // The end of the upstream: an event that only lacks its blank line is
    // judged like any other, what is held beyond that passes as it is.
    template <typename Handler>
    Result<void> flush(Handler&& handler) {
        begin({});
        Event event;
        if (!cut_ && parser_.last(event)) {
            handle(event, handler);
        } else {
            pass_held();
        }
        parser_.reset();
        return end();
    }

    // What is to be sent now, in order; none of them is empty.
    const std::vector<Bytes>& pieces() const { return pieces_; }

    // Bytes held back of an unfinished event.
    size_t held() const {
        return mode_ == Mode::kEdit ? parser_.pending() : 0;
    }
    bool was_cut() const { return cut_; }
    // Events are no longer seen: one was larger than max_event.
    bool blind() const { return parser_.failed(); }

private:
    // A piece while own_ may still move.
    struct Span {
        bool own = false;
        size_t offset = 0;
        size_t size = 0;
    };

    template <typename Handler>
    void handle(const Event& event, Handler& handler) {
        edit_.clear();
        handler(event, edit_);
        if (mode_ == Mode::kEdit) {
            apply(event);
        }
    }

    void begin(Bytes chunk);
    Result<void> end();
    void apply(const Event& event);
    void pass_held();
    void add(Bytes bytes);
    void add_own(Bytes bytes);
    void add_span(Span span);

    Mode mode_;
    bool cut_ = false;
    Parser parser_;
    Edit edit_;
    Bytes chunk_;
    std::string own_;
    std::vector<Span> spans_;
    std::vector<Bytes> pieces_;
};

}  // namespace llm::sse
