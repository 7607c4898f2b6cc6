#include "src/exchange/opening.hpp"

#include <algorithm>
#include <cstring>

#include "src/api/announcement.hpp"
#include "src/api/reader.hpp"
#include "src/base/inflate.hpp"
#include "src/exchange/media_type.hpp"
#include "src/sse/parser.hpp"

namespace llm::exchange {
namespace {

using route::Fault;

constexpr size_t kMaxOpening = 1024 * 1024;  // decoded
constexpr int kOk = 200;
constexpr int kNoContent = 204;
constexpr int kMaxSizeDigits = 15;           // of a chunk

int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The size at the start of a chunk; takes its line off `raw`. 1: read,
// 0: the line is not whole, -1: it is no chunk.
int read_size(Bytes& raw, size_t& size) {
    size = 0;
    int digits = 0;
    while (static_cast<size_t>(digits) < raw.size()) {
        int digit = hex_digit(raw[static_cast<size_t>(digits)]);
        if (digit < 0) {
            break;
        }
        if (++digits > kMaxSizeDigits) {
            return -1;
        }
        size = size * 16 + static_cast<size_t>(digit);
    }
    size_t end = raw.find('\n');
    if (end == Bytes::npos) {
        return 0;
    }
    raw.remove_prefix(end + 1);
    return digits > 0 ? 1 : -1;
}

// A body without framing and coding, as far as it is there.
struct Body {
    Bytes text;
    bool whole = false;
    bool readable = true;
};

Body read_body(const OpeningHead& head, Bytes raw, std::string& plain,
               std::string& decoded) {
    Body body{raw, false, true};
    if (head.chunked) {
        body.whole = read_chunks(raw, plain);
        body.text = plain;
    } else if (head.content_length >= 0) {
        auto length = static_cast<size_t>(head.content_length);
        body.text = raw.substr(0, length);
        body.whole = body.text.size() == length;
    }
    if (head.content_encoding.empty()
        || equals_ignore_case(head.content_encoding, "identity")) {
        return body;
    }
    std::optional<Coding> coding = coding_of(head.content_encoding);
    if (!coding) {
        body.readable = false;
        return body;
    }
    InflateLimits limits;
    limits.max_output = kMaxOpening;
    Inflater inflater(*coding, limits);
    body.readable = inflater.feed(body.text, decoded).ok();
    body.text = decoded;
    return body;
}

bool is_ping(const sse::Event& event) {
    return event.type == "ping";
}

// The next event that says something; takes what is before it off `text`.
bool next_event(sse::Parser& parser, Bytes& text, bool whole,
                sse::Event& event) {
    while (parser.next(text, event)) {
        if (event.has_data && !is_ping(event)) {
            return true;
        }
    }
    return whole && parser.last(event) && event.has_data;
}

using Lanes [[gnu::vector_size(16)]] = unsigned char;

Lanes load(const char* p) {
    Lanes lanes;
    std::memcpy(&lanes, p, sizeof(lanes));
    return lanes;
}

bool has_zero(const Lanes& lanes) {
    auto zero = lanes == 0;
    uint64_t halves[2];
    std::memcpy(halves, &zero, sizeof(halves));
    return (halves[0] | halves[1]) != 0;
}

// Where `"er` stands first, if not before that; a block at a time. find()
// would stop at each quote, of which JSON is full.
size_t may_begin_at(Bytes text) {
    constexpr size_t kBlock = 64;
    size_t at = 0;
    for (; text.size() - at >= kBlock + 2; at += kBlock) {
        Lanes least = ~Lanes{};  // zero in a lane: it stood there
        for (size_t i = 0; i < kBlock; i += sizeof(Lanes)) {
            const char* p = text.data() + at + i;
            Lanes other = (load(p) ^ '"') | (load(p + 1) ^ 'e')
                          | (load(p + 2) ^ 'r');
            least = other < least ? other : least;
        }
        if (has_zero(least)) {
            break;
        }
    }
    return at;
}

// A word that every error has, so that good answers are not parsed.
bool may_be_error(Bytes text) {
    constexpr Bytes kWord = "\"error\"";
    text.remove_prefix(may_begin_at(text));
    return memmem(text.data(), text.size(), kWord.data(), kWord.size())
           != nullptr;
}

// An answer that says nothing is none.
bool is_blank(Bytes text) {
    return text.find_first_not_of(" \t\r\n") == Bytes::npos;
}

// Without a byte order mark, which may still be on its way, and blanks.
Bytes start_of(Bytes text) {
    constexpr Bytes kMark = "\xef\xbb\xbf";
    if (text.starts_with(kMark)) {
        text.remove_prefix(kMark.size());
    }
    size_t begin = text.find_first_not_of(" \t\r\n");
    return begin == Bytes::npos || kMark.starts_with(text)
               ? Bytes()
               : text.substr(begin);
}

// As far as it is there; the two ends of it tell enough.
bool is_json_answer(const Body& body) {
    Bytes text = start_of(body.text);
    if (text.empty()) {
        return true;
    }
    char begin = text.front();
    char end = text[text.find_last_not_of(" \t\r\n")];
    return (begin == '{' && (!body.whole || end == '}'))
           || (begin == '[' && (!body.whole || end == ']'));
}

Opening read_events(api::Endpoint endpoint, const Body& body, bool last) {
    sse::Parser parser(kMaxOpening);
    sse::Event event;
    Bytes text = body.text;
    bool announced = false;
    for (;;) {
        if (!next_event(parser, text, body.whole, event)) {
            if (body.whole) {
                return {false, Fault::kCut};
            }
            return {!last, Fault::kNone, announced};
        }
        if (!api::is_announcement(endpoint, event)) {
            break;
        }
        announced = true;
    }
    if (event.type != "error" && !may_be_error(event.data)) {
        return {};
    }
    auto reader = api::make_stream_reader(endpoint, kMaxOpening);
    if (!reader || !reader->on_event(event).error) {
        return {};
    }
    return {false, fault_of(reader->answer().error)};
}

Opening read_page(const Body& body, bool last) {
    Bytes text = start_of(body.text);
    if (text.empty()) {
        return {!last && !body.whole, Fault::kNone};
    }
    return {false, text.front() == '<' ? Fault::kInvalid : Fault::kNone};
}

Opening read_good_status(const OpeningHead& head, api::Endpoint endpoint,
                         const Body& body, bool last) {
    if (!body.readable) {
        return {};
    }
    if (is_event_stream(head.content_type)) {
        return read_events(endpoint, body, last);
    }
    if (is_html(head.content_type) && head.status != kNoContent) {
        return read_page(body, last);
    }
    if (!is_json(head.content_type)) {
        return {};
    }
    bool framed = head.chunked || head.content_length >= 0;
    bool blank = head.status == kOk && is_blank(body.text);
    if (!last && (framed ? !body.whole : blank)) {
        return {true, Fault::kNone};
    }
    if (blank && body.whole) {
        return {false, Fault::kCut};
    }
    if (!last && !is_json_answer(body)) {
        return {false, Fault::kInvalid};
    }
    if (!may_be_error(body.text)) {
        return {};
    }
    return {false,
            route::classify(200, route::read_error_words(body.text))};
}

Opening read_bad_status(const OpeningHead& head, const Body& body,
                        bool last) {
    bool framed = head.chunked || head.content_length >= 0;
    if (!body.whole && framed && !last) {
        return {true, Fault::kNone};
    }
    route::ErrorWords words;
    if (body.readable && is_event_stream(head.content_type)) {
        sse::Parser parser(kMaxOpening);
        sse::Event event;
        Bytes text = body.text;
        if (next_event(parser, text, true, event)) {
            words = route::read_error_words(event.data);
        }
    } else if (body.readable) {
        words = route::read_error_words(body.text);
    }
    return {false, route::classify(head.status, words)};
}

}  // namespace

bool read_chunks(Bytes raw, std::string& out) {
    for (;;) {
        size_t size = 0;
        int read = read_size(raw, size);
        if (read <= 0) {
            return read < 0;
        }
        if (size == 0) {
            return true;
        }
        out.append(raw.substr(0, size));
        if (raw.size() < size) {
            return false;
        }
        raw.remove_prefix(size);
        size_t end = raw.find('\n');
        if (end == Bytes::npos) {
            return false;
        }
        raw.remove_prefix(end + 1);
    }
}

Fault fault_of(const std::optional<api::ApiError>& error) {
    route::ErrorWords words;
    if (error) {
        words = {error->type, error->code, error->message};
    }
    Fault fault = route::classify(kOk, words);
    return fault == Fault::kNone ? Fault::kErrorIn200 : fault;
}

Opening read_opening(const OpeningHead& head, api::Endpoint endpoint,
                     Bytes raw, bool last) {
    if (is_none(head.status)) {
        return {false, Fault::kInvalid};
    }
    bool good = head.status >= 200 && head.status < 300;
    if (!good && head.status < 400) {
        return {};
    }
    std::string plain;
    std::string decoded;
    Body body = read_body(head, raw, plain, decoded);
    return good ? read_good_status(head, endpoint, body, last)
                : read_bad_status(head, body, last);
}

}  // namespace llm::exchange
