#include "tests/mock/producer.hpp"

#include <algorithm>

#include "tests/mock/text.hpp"

namespace llm::mock {

namespace {

constexpr std::size_t kBatch = 65536;
constexpr std::uint64_t kResetDelayMs = 20;  // lets the peer read what came
constexpr std::uint64_t kMaxHeader = 1U << 20;

// Where the text of a delta event begins.
std::size_t text_offset(const std::string& data) {
    for (std::string_view mark :
         {"\"content\":\"", "\"delta\":\"", "\"text\":\""}) {
        std::size_t at = data.find(mark);
        if (at != std::string::npos) {
            return at + mark.size();
        }
    }
    return 0;
}

std::size_t last_delta(const std::vector<Event>& events) {
    std::size_t found = 0;
    for (std::size_t i = 0; i < events.size(); ++i) {
        found = events[i].delta ? i : found;
    }
    return found;
}

const char* phrase(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 429:
            return "Too Many Requests";
        case 500:
            return "Internal Server Error";
        case 503:
            return "Service Unavailable";
        default:
            return "Status";
    }
}

}  // namespace

Producer::Producer(Reply reply, const Knobs& knobs, Event error, Peer peer)
    : reply_(std::move(reply)), knobs_(knobs) {
    if (reply_.stream) {
        script_events(error);
    } else {
        script_json(error);
    }
    if (!knobs_.gzip.empty() && (knobs_.gzip != "ask" || peer.accepts_gzip)
        && knobs_.gzip != "0") {
        deflate_.reset(new z_stream{});
        deflateInit2(deflate_.get(), 6, Z_DEFLATED, 15 + 16, 8,
                     Z_DEFAULT_STRATEGY);
    }
    choose_framing(peer);
}

void Producer::script_events(const Event& error) {
    std::vector<Event>& events = reply_.events;
    if (knobs_.error200) {
        events.assign(1, error);
    }
    std::size_t middle = events.size() / 2;
    if (events.empty()) {
        return;
    }
    if (knobs_.hugeline > 0) {
        std::size_t where = last_delta(events);
        Event huge = events[where];
        huge.fill_at = text_offset(huge.data);
        huge.fill = knobs_.hugeline;
        events.insert(events.begin() + static_cast<long>(where), huge);
    }
    if (knobs_.malformed) {
        Event broken = events[middle];
        broken.data.resize(broken.data.size() / 2);
        events.insert(events.begin() + static_cast<long>(middle), broken);
    }
    if (knobs_.error_at != kUnset) {
        events.resize(std::min<std::uint64_t>(events.size(), knobs_.error_at));
        events.push_back(error);
    }
    repeat_ = last_delta(events);
    if (knobs_.midcut && knobs_.cut == kUnset && knobs_.reset == kUnset) {
        knobs_.cut = middle;
    }
    if (reply_.content_type == "application/json") {
        reply_.content_type = "text/event-stream; charset=utf-8";
    }
}

void Producer::script_json(const Event& error) {
    std::string& body = reply_.body;
    if (knobs_.error200) {
        body = error.data;
    }
    std::uint64_t end = std::min(knobs_.cut, knobs_.reset);
    if (end != kUnset || knobs_.midcut) {
        knobs_.cut_bytes =
            std::min<std::uint64_t>(knobs_.cut_bytes,
                                    end == 0 ? 0 : body.size() / 2);
    }
    if (knobs_.bom) {
        body.insert(0, "\xef\xbb\xbf");
    }
    if (knobs_.malformed) {
        body.resize(body.size() - std::min<std::size_t>(body.size(), 2));
    }
    if (knobs_.pretty) {
        body = "\n  " + body + "\n";
    }
}

void Producer::choose_framing(const Peer& peer) {
    bool lazy = reply_.stream && (knobs_.endless || knobs_.hugeline > 0);
    bool sized = knobs_.te == "length" || (!reply_.stream && knobs_.te.empty());
    bool bodiless = reply_.status == 204 || reply_.status == 304;
    head_only_ = peer.head_only || bodiless;
    http10_ = knobs_.http10 || !peer.http11;
    close_ = !peer.keep_alive || knobs_.http10 || knobs_.te == "close";
    if (sized && !lazy && !knobs_.http10) {
        framing_ = Framing::kLength;
    } else {
        framing_ = http10_ || knobs_.te == "close" ? Framing::kClose
                                                   : Framing::kChunked;
        close_ = close_ || framing_ == Framing::kClose;
    }
    if (framing_ != Framing::kLength) {
        return;
    }
    std::size_t count = reply_.stream ? reply_.events.size() : 1;
    for (std::size_t i = 0; i < count; ++i) {
        bool last = i + 1 == count;
        ready_.push_back(
            reply_.stream ? encode(block(i), last ? Z_FINISH : Z_SYNC_FLUSH)
            : deflate_    ? encode(reply_.body, Z_FINISH)
                          : std::move(reply_.body));
        length_ += ready_.back().size();
    }
}

void Producer::append_fault_headers(std::string& out) const {
    auto header = [&out](const char* name, std::string_view value) {
        if (!value.empty()) {
            out.append(name).append(": ").append(value).append("\r\n");
        }
    };
    header("Content-Encoding", deflate_ ? "gzip" : "");
    header("Cache-Control", knobs_.cc);
    header("X-Accel-Redirect", knobs_.xaccel);
    header("Set-Cookie", knobs_.setcookie ? "mock=1; Path=/" : "");
    if (knobs_.bigheader > 0) {
        header("X-Big",
               std::string(std::min(knobs_.bigheader, kMaxHeader), 'b'));
    }
    if (knobs_.leak) {
        header("Alt-Svc", "h3=\":443\"; ma=86400");
        header("Via", "1.1 mock");
        header("X-Accel-Expires", "3600");
        header("X-Accel-Limit-Rate", "1000000");
        header("Proxy-Authenticate", "Basic realm=\"mock\"");
        header("Strict-Transport-Security", "max-age=31536000");
    }
    if (knobs_.crheader) {
        header("X-Evil", "a\rSet-Cookie: evil=1");
    }
    if (knobs_.trailers && framing_ == Framing::kChunked) {
        header("Trailer", "X-Mock-Trailer");
    }
}

void Producer::append_head(std::string& out) {
    out.reserve(out.size() + 1024
                + std::min<std::uint64_t>(length_, 2 * kBatch));
    out += knobs_.http10 ? "HTTP/1.0 " : "HTTP/1.1 ";
    out += text_of(static_cast<std::uint64_t>(reply_.status)) + " ";
    out += phrase(reply_.status);
    out += "\r\nServer: mock\r\nContent-Type: ";
    out += knobs_.ctype.empty() ? reply_.content_type : knobs_.ctype;
    out += "\r\n";
    out += reply_.headers;
    append_fault_headers(out);
    if (reply_.status == 204 || reply_.status == 304) {
        // Neither may announce a body.
    } else if (framing_ == Framing::kLength) {
        out += "Content-Length: " + text_of(length_) + "\r\n";
    } else if (framing_ == Framing::kChunked) {
        out += "Transfer-Encoding: chunked\r\n";
    }
    if (knobs_.dupcl) {
        out += "Content-Length: " + text_of(length_ + 7) + "\r\n";
    }
    if (close_ && !knobs_.http10) {
        out += "Connection: close\r\n";
    } else if (http10_ && !close_) {
        out += "Connection: keep-alive\r\n";
    }
    out += "\r\n";
}

std::string Producer::newline() const {
    return knobs_.crlf ? "\r\n" : knobs_.cr ? "\r" : "\n";
}

// Everything of an event before its data lines.
std::string Producer::line_start(const Event& event, std::size_t index) const {
    std::string end = newline();
    std::string colon = knobs_.nospace ? ":" : ": ";
    std::string out;
    if (knobs_.bom && index == 0) {
        out += "\xef\xbb\xbf";
    }
    if (knobs_.comments) {
        out += ": MOCK PROCESSING" + end + end;
    }
    if (knobs_.idlines) {
        out += "id" + colon + text_of(index) + end + "retry" + colon + "1000"
               + end;
    }
    if (!event.name.empty()) {
        out += "event" + colon + event.name + end;
    }
    return out;
}

std::string Producer::data_lines(const Event& event, std::size_t index) const {
    std::string_view data = event.data;
    std::string start = knobs_.nospace ? "data:" : "data: ";
    bool object = !data.empty() && data.front() == '{';
    std::string out = start;
    // The first comma of any of our events stands outside of a string.
    std::size_t comma = data.find(',');
    if (knobs_.multiline && object && comma != std::string_view::npos) {
        out.append(data.substr(0, comma + 1)).append(newline()).append(start);
        data.remove_prefix(comma + 1);
    }
    out += data;
    if (knobs_.padding && object) {
        std::string spaces(index * 7 % 15, ' ');
        out.insert(index % 2 == 0 ? out.size() : out.size() - 1, spaces);
    }
    return out + newline();
}

std::string Producer::block(std::size_t index) {
    const Event& event = reply_.events[index];
    std::string out = line_start(event, index);
    if (event.fill == 0) {
        return out + data_lines(event, index) + newline();
    }
    out += knobs_.nospace ? "data:" : "data: ";
    out.append(event.data, 0, event.fill_at);
    after_fill_ = event.data.substr(event.fill_at) + newline() + newline();
    fill_left_ = event.fill;
    return out;
}

std::string Producer::encode(std::string_view bytes, int flush) {
    if (!deflate_) {
        return std::string(bytes);
    }
    std::string out;
    char buffer[16384];
    z_stream& stream = *deflate_;
    stream.next_in =
        reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    do {
        stream.next_out = reinterpret_cast<Bytef*>(buffer);
        stream.avail_out = sizeof(buffer);
        deflate(&stream, flush);
        out.append(buffer, sizeof(buffer) - stream.avail_out);
    } while (stream.avail_out == 0);
    return out;
}

void Producer::append_framed(std::string& out, std::string_view bytes) {
    if (knobs_.cut_bytes != kUnset
        && sent_ + bytes.size() >= knobs_.cut_bytes) {
        bytes = bytes.substr(0, knobs_.cut_bytes - sent_);
        cut_short_ = true;
    }
    sent_ += bytes.size();
    if (bytes.empty()) {
        return;
    }
    if (framing_ == Framing::kChunked) {
        static constexpr char kHex[] = "0123456789abcdef";
        bool started = false;
        for (int shift = 28; shift >= 0; shift -= 4) {
            std::size_t digit = bytes.size() >> shift & 15;
            started = started || digit != 0;
            if (started) {
                out.push_back(kHex[digit]);
            }
        }
        out += "\r\n";
        out.append(bytes).append("\r\n");
    } else {
        out += bytes;
    }
}

void Producer::append_fill(std::string& out) {
    std::uint64_t take = std::min<std::uint64_t>(fill_left_, kBatch);
    append_framed(out, encode(std::string(take, 'x'), Z_NO_FLUSH));
    fill_left_ -= take;
    if (fill_left_ == 0 && !cut_short_) {
        append_framed(out, encode(after_fill_, Z_SYNC_FLUSH));
    }
}

bool Producer::more_events() const {
    if (cut_short_) {
        return false;
    }
    if (!reply_.stream) {
        return at_ < 1;
    }
    return at_ < std::min(knobs_.cut, knobs_.reset)
           && at_ < reply_.events.size();
}

Producer::Next Producer::body(std::string& out) {
    std::size_t before = out.size();
    while (more_events() || fill_left_ > 0) {
        if (cut_short_) {
            break;
        }
        if (fill_left_ > 0) {
            append_fill(out);
        } else {
            std::size_t index = at_++;
            if (framing_ == Framing::kLength) {
                append_framed(out, ready_[index]);
            } else if (reply_.stream) {
                append_framed(out, encode(block(index), Z_SYNC_FLUSH));
            } else {
                append_framed(out, encode(reply_.body, Z_SYNC_FLUSH));
            }
            if (knobs_.endless && reply_.stream && index == repeat_) {
                at_ = index;
            }
            if (knobs_.gap > 0 && fill_left_ == 0 && more_events()) {
                wait_ms_ = knobs_.gap;
                return Next::kWait;
            }
        }
        if (out.size() - before >= kBatch) {
            return Next::kMore;
        }
    }
    stage_ = Stage::kEnd;
    return Next::kMore;
}

Producer::Next Producer::finish(std::string& out) {
    bool by_event = reply_.stream
                    && std::min(knobs_.cut, knobs_.reset)
                           < reply_.events.size();
    if (by_event && knobs_.midcut && !cut_short_) {
        std::string half = block(at_);
        half.resize(half.size() / 2);
        fill_left_ = 0;
        append_framed(out, encode(half, Z_SYNC_FLUSH));
    }
    if (knobs_.noclose) {
        return Next::kHold;
    }
    if (knobs_.reset != kUnset && (by_event || !reply_.stream)) {
        stage_ = Stage::kReset;
        wait_ms_ = kResetDelayMs;
        return Next::kWait;
    }
    if (by_event || cut_short_) {
        return Next::kClose;
    }
    if (deflate_ && framing_ != Framing::kLength) {
        append_framed(out, encode("", Z_FINISH));
    }
    if (framing_ == Framing::kChunked) {
        out += knobs_.trailers ? "0\r\nX-Mock-Trailer: end\r\n\r\n"
                               : "0\r\n\r\n";
    }
    return close_ ? Next::kClose : Next::kEnd;
}

Producer::Next Producer::next(std::string& out) {
    switch (stage_) {
        case Stage::kHints:
            stage_ = Stage::kHead;
            if (knobs_.early_hints) {
                out += "HTTP/1.1 103 Early Hints\r\nLink: </x>; "
                       "rel=preload\r\n\r\n";
            }
            if (knobs_.delay > 0) {
                wait_ms_ = knobs_.delay;
                return Next::kWait;
            }
            [[fallthrough]];
        case Stage::kHead:
            stage_ = Stage::kFirst;
            append_head(out);
            if (head_only_) {
                return close_ ? Next::kClose : Next::kEnd;
            }
            if (knobs_.ttft > 0) {
                wait_ms_ = knobs_.ttft;
                return Next::kWait;
            }
            [[fallthrough]];
        case Stage::kFirst:
        case Stage::kBody: {
            Next step = body(out);
            if (stage_ != Stage::kEnd) {
                stage_ = Stage::kBody;
                return step;
            }
            [[fallthrough]];
        }
        case Stage::kEnd:
            return finish(out);
        case Stage::kReset:
            return Next::kReset;
    }
    return Next::kClose;
}

}  // namespace llm::mock
