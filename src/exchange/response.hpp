// Response: what the upstream sends for one exchange, followed as it comes:
// its encoding is undone, its events or its JSON are read, and at its end it
// says what was made, whether that is whole and what of it may be kept. What
// of it goes on to the client is the Exchange's.
//
// What can be read is read, whatever it is called: it has been paid for.
// is_plain() tells what may be edited: bytes that come as they are, under
// their own name.
//
// Memory: of JSON that comes in several pieces, and of what a stream's reader
// keeps, kMostRead bytes or what begin() allows. One answer, one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "src/api/reader.hpp"
#include "src/api/summary.hpp"
#include "src/base/bytes.hpp"
#include "src/base/inflate.hpp"
#include "src/base/text_size.hpp"
#include "src/json/document.hpp"

namespace llm::exchange {

struct ResponseHead {
    int status = 0;
    Bytes content_type;
    Bytes content_encoding;  // "" or identity: plain
    int64_t content_length = -1;  // -1: it is not said
    bool bought_before = false;   // kept by nginx: no provider has made it now
    bool own_page = false;        // nginx's own, in an error's place
};

// What the bytes that come back are to us.
enum class Form : uint8_t {
    kIgnored,  // not an answer that we can read: passes
    kJson,     // one body; passes, is read at its end
    kStream,   // events; pass one by one
};

class Response {
public:
    // What is read of an answer at the most when nothing is to be stored.
    static constexpr size_t kMostRead = size_t{16} << 20;

    explicit Response(api::Endpoint endpoint) : endpoint_(endpoint) {}

    // `read`: false leaves its bytes alone. `stream`: the client has asked for
    // one, which is what an unknown type is taken for. `max_size`: bytes of a
    // stream's answer that its reader keeps.
    void begin(const ResponseHead& head, bool read, bool stream,
               size_t max_size);

    int status() const { return status_; }
    // A success that may have an answer in it.
    bool is_answer() const { return status_ >= 200 && status_ < 204; }
    bool bought_before() const { return bought_before_; }
    bool own_page() const { return own_page_; }
    Form form() const { return form_; }
    bool has_odd_type() const { return odd_type_; }
    bool is_plain() const { return !inflater_ && !odd_type_; }
    bool is_encoded() const { return inflater_ != nullptr; }

    // Bytes of the body without their encoding, as far as it can be read.
    // Lives until the next call or as long as `bytes`.
    Bytes decode(Bytes bytes);
    // So many bytes of it have come; so many of what is not read.
    void receive(uint64_t size) { received_ += size; }
    // All that came of it: more than receive() was told where nginx brought to
    // its end what it keeps, after the client had left.
    void receive_in_all(uint64_t size) {
        unseen_ = size > received_ ? size - received_ : 0;
    }
    bool has_unseen() const { return unseen_ > 0; }

    // More of a JSON body, decoded. True: all of it has come in this one
    // piece, which is looked at where it stands until forget_piece().
    bool add_json(Bytes plain);
    void forget_piece() { piece_ = {}; }
    // The body of an answer as one text.
    Bytes json() const { return piece_.empty() ? body_ : piece_; }
    // Its end: what it says. `to_store`: is_writable() is wanted. `document`
    // is used meanwhile.
    void read_json(json::Document& document, bool to_store);

    // One event of a stream; a comment says nothing.
    api::EventInfo on_event(const sse::Event& event);
    // The upstream's end; `clean`: as its protocol says.
    void finish(bool clean) { came_whole_ = clean; }
    // An encoding has an end of its own, whatever the connection's looks
    // like. Where the thread is lost nothing is known.
    bool ends_within_encoding() const {
        return inflater_ && !unreadable_ && !inflater_->finish().ok();
    }

    // nullptr: it is no stream.
    api::StreamReader* reader() const { return reader_.get(); }
    // Of a whole JSON answer that was understood.
    const std::optional<api::Summary>& summary() const { return summary_; }

    bool is_terminal() const { return terminal_; }  // its last event has come
    bool has_failed() const { return failed_; }     // an error inside a 200
    // Its head says how long it is: it was made before it was sent.
    bool has_length() const { return content_length_ >= 0; }
    // Something of it was understood, or is too large to be.
    bool is_understood() const {
        return form_ == Form::kJson ? summary_ || overflow_ : heard_;
    }
    // Nothing of what came was understood. Of a stream that is cut nothing may
    // have come yet.
    bool is_unread() const;
    // A redirect, or a success of another type, of a captive portal's for
    // instance: no model has made it.
    bool is_no_answer() const;
    // Every choice of a stream says why it ended: the text is whole even if
    // the stream's own end is missing.
    bool all_finished() const;
    // A stream could be written from it, too.
    bool is_writable() const { return writable_; }
    // "" when it is whole, good and not over `max_size`, otherwise why it may
    // not be stored.
    Bytes why_not_stored(size_t max_size) const;

    api::Usage usage() const;
    std::optional<api::ApiError> error() const;
    Bytes id() const;
    Bytes model() const;
    Bytes finish_reason() const;
    // What was generated: its text where we have it, otherwise its bytes.
    // `held`: somebody has money held for it, who pays for what nobody has
    // seen, too.
    TextSize generated(bool held) const;

private:
    void name_form(Bytes content_type, bool stream);
    TextSize text_of_stream() const;
    uint64_t unseen_text(bool held) const;

    const api::Endpoint endpoint_;
    int status_ = 0;
    bool bought_before_ = false;
    bool own_page_ = false;
    Form form_ = Form::kIgnored;
    bool odd_type_ = false;  // neither JSON's nor a stream's: form_ is a guess
    bool heard_ = false;     // an event of a stream that was understood
    bool came_whole_ = false;
    bool unreadable_ = false;  // an encoding that we do not read
    bool overflow_ = false;
    bool terminal_ = false;
    bool failed_ = false;
    bool writable_ = true;
    int64_t content_length_ = -1;
    uint64_t received_ = 0;  // bytes of the answer
    uint64_t unseen_ = 0;    // and those that went past us
    std::unique_ptr<Inflater> inflater_;
    std::string decoded_;
    Bytes piece_;       // JSON that came in one
    std::string body_;  // and in several
    std::unique_ptr<api::StreamReader> reader_;
    std::optional<api::Summary> summary_;
};

}  // namespace llm::exchange
