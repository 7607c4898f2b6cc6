// The stops behind the upstream: its bytes are followed as they pass.
#include "src/api/responses_progress.hpp"
#include "src/exchange/exchange.hpp"

namespace llm::exchange {
namespace {

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

}  // namespace

void Exchange::on_head(const ResponseHead& head, Now now) {
    size_t max_size =
        storing_.max_size > 0 ? storing_.max_size : Response::kMostRead;
    response_.begin(head, !malformed_, request_.stream, max_size);
    if (response_.bought_before() && spending_) {
        spending_->release(now);
    }
    if (head.status >= 200 && head.status < 300 && !head.bought_before
        && !head.own_page) {
        rungs_.answered(now);
    }
    if (form() == Form::kIgnored) {
        return;
    }
    // Only what is called by its name is stored.
    if (store_wanted_ && (response_.has_odd_type() || head.status != kOk)) {
        store_wanted_ = false;
        reason_ = response_.has_odd_type() ? "no_store:content_type"
                                           : "no_store:status";
    }
    if (form() == Form::kStream) {
        auto mode = edits_stream() ? sse::Editor::Mode::kEdit
                                   : sse::Editor::Mode::kWatch;
        editor_ = std::make_unique<sse::Editor>(mode, event_max_size_);
    } else if (answer_model_) {
        body_model_.emplace(answer_name_);
    }
}

void Exchange::first_token(Now now) {
    if (ttft_ns_ < 0) {
        ttft_ns_ = now.mono_ns - start_.mono_ns;
    }
    last_token_ns_ = now.mono_ns - start_.mono_ns;
}

// Most answers come in one piece: that is looked at where it stands.
void Exchange::on_json(Bytes bytes, Now now) {
    if (form() != Form::kJson || ended_) {
        return;
    }
    keep(now);
    first_token(now);
    if (response_.add_json(response_.decode(bytes))) {
        (void) on_eof(true, End::kComplete, now);
        response_.forget_piece();
    }
}

// What the answer has turned out to be: only the whole of a body tells.
route::SecretMask::Verdict Exchange::verdict() const {
    using Verdict = route::SecretMask::Verdict;
    if (!response_.is_answer() || response_.has_failed()) {
        return Verdict::kError;
    }
    if (!ended_) {
        return Verdict::kUnknown;
    }
    return response_.is_understood() ? Verdict::kGood : Verdict::kError;
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
    bool after_end = response_.is_terminal();
    if (!event.has_data && !after_end) {
        rewrite(event, false, edit);
        return;  // comments pass
    }
    api::EventInfo info = response_.on_event(event);
    if (info.content) {
        first_token(now);
    }
    // The SDKs would show what comes after the terminal event as text.
    if (after_end || (info.usage_only && usage_injected_)) {
        edit.drop();
    } else if (info.malformed && !info.error) {
        edit.drop();  // the SDKs would end the stream with it
    } else {
        rewrite(event, !info.error, edit);
    }
    if (info.content && spending_ && !response_.is_terminal()) {
        check_ceiling(event, edit, now);
    }
}

const std::vector<Bytes>& Exchange::on_stream(Bytes bytes, Now now) {
    response_.receive(bytes.size());
    keep(now);
    Result<void> fed = editor_->feed(
        response_.decode(bytes),
        [this, now](const sse::Event& event, sse::Edit& edit) {
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
    if (response_.is_terminal() && response_.reader()->answer().usage.known()) {
        end(response_.has_failed() ? End::kUpstreamError : End::kComplete,
            now);
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
    const api::ResponsesProgress* progress = response_.reader()->progress();
    last_words_ = api::error_event(
        endpoint_, cut_error(how),
        progress == nullptr ? 0 : progress->next_sequence());
}

Bytes Exchange::on_eof(bool clean, End how, Now now) {
    if (eof_) {
        return {};
    }
    eof_ = true;
    response_.finish(clean);
    if (form() == Form::kJson) {
        end(clean ? End::kComplete : how, now);
        return {};
    }
    if (form() != Form::kStream) {
        return {};
    }
    if (clean && response_.ends_within_encoding()) {
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
    bool failed = response_.has_failed();
    bool whole =
        response_.is_terminal() || failed
        || (clean && (is_no_answer() || response_.all_finished()));
    if (whole) {
        last_words_ = std::move(tail);
        end(failed ? End::kUpstreamError : End::kComplete, now);
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
