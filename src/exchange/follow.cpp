// The stops behind the upstream: its bytes are followed as they pass.
#include <algorithm>

#include "src/api/responses_progress.hpp"
#include "src/exchange/exchange.hpp"
#include "src/exchange/media_type.hpp"

namespace llm::exchange {
namespace {

// A length is believed up to here, beyond it memory comes with the bytes.
constexpr size_t kMostReserved = size_t{256} << 10;

constexpr int kOk = 200;

api::ApiError cut_error(End how) {
    api::ApiError error;
    switch (how) {
    case End::kTimeout:
        error.status = 504;
        error.message = "The upstream stopped answering in mid-stream.";
        error.code = "upstream_timeout";
        break;
    case End::kTooLarge:
        error.status = 502;
        error.message = "The upstream sent an event that is too large.";
        error.code = "upstream_event_too_large";
        break;
    default:
        error.status = 502;
        error.message =
            "The upstream closed its connection before the answer was whole.";
        error.code = "upstream_cut";
    }
    return error;
}

// Every choice says why it ended: the text is whole even if the stream's own
// end is missing.
bool all_finished(const api::Answer& answer) {
    if (answer.complete) {
        return true;
    }
    for (const api::Choice& choice : answer.choices) {
        if (choice.finish_reason.empty()) {
            return false;
        }
    }
    return !answer.choices.empty();
}

}  // namespace

// What can be read is read, whatever it is called: it has been paid for. Only
// what is called by its name is stored and edited.
void Exchange::guess_form(Bytes content_type) {
    bool events = is_event_stream(content_type);
    bool json = is_json(content_type);
    odd_type_ = !events && !json;
    form_ = events || (odd_type_ && request_.stream) ? Form::kStream
                                                     : Form::kJson;
    if (store_wanted_ && (odd_type_ || response_status_ != kOk)) {
        store_wanted_ = false;
        reason_ = odd_type_ ? "no_store:content_type" : "no_store:status";
    }
}

void Exchange::on_head(const ResponseHead& head, Now now) {
    response_status_ = head.status;
    bought_before_ = head.bought_before;
    own_page_ = head.own_page;
    if (bought_before_ && spending_) {
        spending_->release(now);
    }
    if (head.status >= 200 && head.status < 300 && !bought_before_
        && !own_page_) {
        rungs_.answered(now);
    }
    form_ = Form::kIgnored;
    if (!is_answer(head.status) || malformed_) {
        return;
    }
    bool encoded = !head.content_encoding.empty()
                   && !equals_ignore_case(head.content_encoding, "identity");
    if (encoded) {
        std::optional<Coding> coding = coding_of(head.content_encoding);
        if (!coding) {
            unreadable_ = true;
            return;
        }
        inflater_ = std::make_unique<Inflater>(*coding, InflateLimits{});
    }
    size_t max_size = storing_.max_size > 0 ? storing_.max_size : kAnswerMax;
    guess_form(head.content_type);
    if (form_ == Form::kStream) {
        reader_ = api::make_stream_reader(endpoint_, max_size);
        if (!reader_) {
            form_ = Form::kIgnored;
            return;
        }
        auto mode = edits_stream() ? sse::Editor::Mode::kEdit
                                   : sse::Editor::Mode::kWatch;
        editor_ = std::make_unique<sse::Editor>(mode, event_max_size_);
    } else {
        content_length_ = head.content_length;
        if (answer_model_) {
            body_model_.emplace(answer_name_);
        }
    }
}

Bytes Exchange::decode(Bytes bytes) {
    if (!inflater_) {
        return bytes;
    }
    decoded_.clear();
    if (!inflater_->feed(bytes, decoded_).ok()) {
        unreadable_ = true;
    }
    return decoded_;
}

void Exchange::first_token(Now now) {
    if (ttft_ns_ < 0) {
        ttft_ns_ = now.mono_ns - start_.mono_ns;
    }
    last_token_ns_ = now.mono_ns - start_.mono_ns;
}

// Most answers come in one piece: that is looked at where it stands.
void Exchange::on_json(Bytes bytes, Now now) {
    if (form_ != Form::kJson || ended_) {
        return;
    }
    keep(now);
    first_token(now);
    Bytes plain = decode(bytes);
    received_ += plain.size();
    if (overflow_ || body_.size() + plain.size() > kAnswerMax) {
        overflow_ = true;
        return;
    }
    auto length = static_cast<size_t>(std::max<int64_t>(content_length_, 0));
    if (!inflater_ && body_.empty() && plain.size() == length && length > 0) {
        whole_ = plain;
        (void) on_eof(true, End::kComplete, now);
        whole_ = {};
        return;
    }
    if (!inflater_) {
        body_.reserve(std::min(length, kMostReserved));
    }
    body_.append(plain);
}

// What the answer has turned out to be: only the whole of a body tells.
route::SecretMask::Verdict Exchange::verdict() const {
    using Verdict = route::SecretMask::Verdict;
    if (!is_answer(response_status_) || failed_) {
        return Verdict::kError;
    }
    if (!ended_) {
        return Verdict::kUnknown;
    }
    bool read = form_ == Form::kJson ? summary_ || overflow_ : heard_;
    return read ? Verdict::kGood : Verdict::kError;
}

const std::vector<Bytes>& Exchange::edit_body(Bytes bytes, bool last) {
    if (!masks_body()) {
        return body_model_->feed(bytes);
    }
    const std::vector<Bytes>& masked = mask_->feed(bytes, verdict(), last);
    if (!renames_json()) {
        return masked;
    }
    pieces_.clear();
    for (Bytes piece : masked) {
        const std::vector<Bytes>& named = body_model_->feed(piece);
        pieces_.insert(pieces_.end(), named.begin(), named.end());
    }
    return pieces_;
}

// An event that goes on: with the model's name that the client is to read,
// and without our credential where it is no part of an answer.
void Exchange::rewrite(const sse::Event& event, bool answer,
                       sse::Edit& edit) {
    std::optional<Bytes> other;
    if (answer_model_ && event.has_data) {
        other = answer_model_->in_event(event);
    }
    if (mask_ && !answer) {
        std::string text(other.value_or(event.raw));
        if (mask_->mask(text)) {
            edit.replace(text);
            return;
        }
    }
    if (other) {
        edit.replace(*other);
    }
}

void Exchange::on_event(const sse::Event& event, sse::Edit& edit, Now now) {
    if (!event.has_data && !terminal_) {
        rewrite(event, false, edit);
        return;  // comments pass
    }
    api::EventInfo info = reader_->on_event(event);
    heard_ = heard_ || !info.malformed || info.error;
    if (info.content) {
        first_token(now);
    }
    failed_ = failed_ || info.error;
    // The SDKs would show what comes after the terminal event as text.
    if (terminal_ || (info.usage_only && usage_injected_)) {
        edit.drop();
    } else if (info.malformed && !info.error) {
        edit.drop();  // the SDKs would end the stream with it
    } else {
        rewrite(event, !info.error, edit);
    }
    terminal_ = terminal_ || info.terminal;
    if (info.content && spending_ && !terminal_) {
        check_ceiling(event, edit, now);
    }
}

const std::vector<Bytes>& Exchange::on_stream(Bytes bytes, Now now) {
    received_ += bytes.size();
    keep(now);
    Result<void> fed = editor_->feed(
        decode(bytes), [this, now](const sse::Event& event, sse::Edit& edit) {
            on_event(event, edit, now);
        });
    if (!fed.ok() && edits_stream() && !broken_) {
        break_stream(End::kTooLarge);
        end(End::kTooLarge, now);
        pieces_ = editor_->pieces();
        pieces_.push_back(last_words_);
        return pieces_;
    }
    if (cut_) {
        end(End::kCeiling, now);
        return editor_->pieces();
    }
    if (terminal_ && reader_->answer().usage.known()) {
        end(failed_ ? End::kUpstreamError : End::kComplete, now);
    }
    return editor_->pieces();
}

// Events of our own making, with the answer's model as answer_as() wants it.
std::string Exchange::named(Bytes events) {
    if (!answer_model_) {
        return std::string(events);
    }
    std::string out;
    sse::Editor editor(sse::Editor::Mode::kEdit, events.size() + 1);
    (void) editor.feed(events, [this](const sse::Event& event,
                                      sse::Edit& edit) {
        if (std::optional<Bytes> other = answer_model_->in_event(event)) {
            edit.replace(*other);
        }
    });
    for (Bytes piece : editor.pieces()) {
        out += piece;
    }
    return out;
}

void Exchange::break_stream(End how) {
    broken_ = true;
    const api::ResponsesProgress* progress = reader_->progress();
    last_words_ = api::error_event(
        endpoint_, cut_error(how),
        progress == nullptr ? 0 : progress->next_sequence());
}

Bytes Exchange::on_eof(bool clean, End how, Now now) {
    if (eof_) {
        return {};
    }
    eof_ = true;
    came_whole_ = clean;
    if (form_ == Form::kJson) {
        end(clean ? End::kComplete : how, now);
        return {};
    }
    if (form_ != Form::kStream) {
        return {};
    }
    // An encoding has an end of its own, whatever the connection's looks
    // like. Where we have lost the thread ourselves nothing is known.
    if (clean && inflater_ && !unreadable_ && !inflater_->finish().ok()) {
        clean = false;
        how = End::kUpstreamCut;
        broken_ = !observe_;
    }
    std::string tail;
    if (clean) {
        bool judged = false;
        (void) editor_->flush(
            [&, now](const sse::Event& event, sse::Edit& edit) {
                judged = true;
                on_event(event, edit, now);
            });
        for (Bytes piece : editor_->pieces()) {
            tail.append(piece);
        }
        if (mask_ && !judged) {
            (void) mask_->mask(tail);
        }
    }
    bool whole =
        terminal_ || failed_
        || (clean && (is_no_answer() || all_finished(reader_->answer())));
    if (whole) {
        last_words_ = std::move(tail);
        end(failed_ ? End::kUpstreamError : End::kComplete, now);
        return edits_stream() ? Bytes(last_words_) : Bytes{};
    }
    End cause = clean ? End::kUpstreamCut : how;
    if (edits_stream()) {
        break_stream(cause);
    }
    end(cause, now);
    return last_words_;
}

}  // namespace llm::exchange
