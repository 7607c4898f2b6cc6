#include "src/exchange/response.hpp"

#include <algorithm>

#include "src/api/loose_json.hpp"
#include "src/exchange/media_type.hpp"
#include "src/exchange/opening.hpp"
#include "src/json/doubles.hpp"

namespace llm::exchange {
namespace {

// A length is believed up to here, beyond it memory comes with the bytes.
constexpr size_t kMostReserved = size_t{256} << 10;

constexpr int kOk = 200;

}  // namespace

void Response::name_form(Bytes content_type, bool stream) {
    bool events = is_event_stream(content_type);
    bool json = is_json(content_type);
    odd_type_ = !events && !json;
    form_ = events || (odd_type_ && stream) ? Form::kStream : Form::kJson;
}

void Response::begin(const ResponseHead& head, bool read, bool stream,
                     size_t max_size) {
    status_ = head.status;
    bought_before_ = head.bought_before;
    own_page_ = head.own_page;
    form_ = Form::kIgnored;
    if (!is_answer() || !read) {
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
    name_form(head.content_type, stream);
    if (form_ == Form::kJson) {
        content_length_ = head.content_length;
        return;
    }
    reader_ = api::make_stream_reader(endpoint_, max_size);
    if (!reader_) {
        form_ = Form::kIgnored;
    }
}

Bytes Response::decode(Bytes bytes) {
    if (!inflater_) {
        return bytes;
    }
    decoded_.clear();
    if (!inflater_->feed(bytes, decoded_).ok()) {
        unreadable_ = true;
    }
    return decoded_;
}

bool Response::add_json(Bytes plain) {
    received_ += plain.size();
    if (overflow_ || body_.size() + plain.size() > kMostRead) {
        overflow_ = true;
        return false;
    }
    auto length = static_cast<size_t>(std::max<int64_t>(content_length_, 0));
    if (!inflater_ && body_.empty() && plain.size() == length && length > 0) {
        piece_ = plain;
        return true;
    }
    if (!inflater_) {
        body_.reserve(std::min(length, kMostReserved));
    }
    body_.append(plain);
    return false;
}

void Response::read_json(json::Document& document, bool to_store) {
    if (form_ != Form::kJson || overflow_ || unreadable_
        || (inflater_ && !inflater_->finish().ok())) {
        return;
    }
    std::string loose;
    bool strict = document.parse_as_written(json()).ok();
    if (!strict && !api::read_loosely(json(), document, loose)) {
        return;
    }
    Result<api::Summary> summary = api::summarize(endpoint_, document);
    if (summary.ok()) {
        summary_ = std::move(summary).value();
        failed_ = failed_ || summary_->error.has_value();
        writable_ = !to_store || (strict && !json::has_doubles(document));
    }
}

api::EventInfo Response::on_event(const sse::Event& event) {
    api::EventInfo info = reader_->on_event(event);
    heard_ = heard_ || !info.malformed || info.error;
    failed_ = failed_ || info.error;
    terminal_ = terminal_ || info.terminal;
    return info;
}

bool Response::is_unread() const {
    return reader_ ? !heard_ && (odd_type_ || came_whole_) : !summary_;
}

bool Response::is_no_answer() const {
    bool unread = form_ == Form::kIgnored || (odd_type_ && is_unread());
    return (status_ != 0 && is_none(status_))
           || (is_answer() && unread && !unreadable_);
}

bool Response::all_finished() const {
    const api::Answer& answer = reader_->answer();
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

Bytes Response::why_not_stored(size_t max_size) const {
    if (status_ != kOk) {
        return "status";
    }
    if (unreadable_) {
        return "encoding";
    }
    if (overflow_ || (reader_ && reader_->overflow())
        || json().size() > max_size) {
        return "size";
    }
    if (failed_) {
        return "error";
    }
    if (reader_) {
        const api::Answer& answer = reader_->answer();
        if (answer.error) {
            return "error";
        }
        if (!answer.complete) {
            return terminal_ ? "malformed" : "truncated";
        }
        return answer.finished_well() ? "" : "finish";
    }
    if (!summary_) {
        return "malformed";
    }
    return summary_->finished_well ? "" : "finish";
}

api::Usage Response::usage() const {
    if (reader_) {
        return reader_->answer().usage;
    }
    return summary_ ? summary_->usage : api::Usage{};
}

std::optional<api::ApiError> Response::error() const {
    if (reader_) {
        return reader_->answer().error;
    }
    return summary_ ? summary_->error : std::nullopt;
}

Bytes Response::id() const {
    if (reader_) {
        return reader_->answer().id;
    }
    return summary_ ? Bytes(summary_->id) : Bytes{};
}

Bytes Response::model() const {
    if (reader_) {
        return reader_->answer().model;
    }
    return summary_ ? Bytes(summary_->model) : Bytes{};
}

Bytes Response::finish_reason() const {
    if (reader_) {
        return reader_->answer().finish_reason();
    }
    return summary_ ? Bytes(summary_->finish_reason) : Bytes{};
}

TextSize Response::generated(bool held) const {
    if (endpoint_ == api::Endpoint::kEmbeddings) {
        return {};
    }
    if (summary_) {
        return summary_->text;
    }
    TextSize size;
    if (is_unread()) {
        // Who begins to send a whole answer has made it.
        auto length = static_cast<uint64_t>(
            std::max<int64_t>(content_length_, 0));
        size.ascii_bytes = std::max(received_ + unseen_, length);
        return size;
    }
    size = text_of_stream();
    size.ascii_bytes += unseen_text(held);
    return size;
}

TextSize Response::text_of_stream() const {
    TextSize size;
    if (!reader_->overflow()) {
        for (const api::Choice& choice : reader_->answer().choices) {
            for (const api::Block& block : choice.blocks) {
                size += TextSize::of(block.text);
                size += TextSize::of(block.name);
            }
        }
    }
    if (size.empty()) {
        size.ascii_bytes = reader_->content_bytes();
    }
    return size;
}

// As much of what went past us is text as of what was seen. Where that was
// none nothing is known, but who holds money for it cannot know either.
uint64_t Response::unseen_text(bool held) const {
    size_t seen = reader_->content_bytes();
    if (seen == 0 || received_ == 0) {
        return held ? unseen_ : 0;
    }
    return static_cast<uint64_t>(static_cast<double>(unseen_)
                                 / static_cast<double>(received_)
                                 * static_cast<double>(seen));
}

}  // namespace llm::exchange
