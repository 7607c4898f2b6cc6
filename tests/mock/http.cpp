#include "tests/mock/http.hpp"

#include <algorithm>
#include <charconv>

namespace llm::mock {

bool same_ignoring_case(std::string_view text, std::string_view lower) {
    return text.size() == lower.size()
           && std::equal(text.begin(), text.end(), lower.begin(),
                         [](char a, char b) {
                             return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b;
                         });
}

std::string_view HttpRequest::header(std::string_view name) const {
    std::string_view found;
    for_each_header(head, [&](std::string_view key, std::string_view value) {
        if (found.data() == nullptr && same_ignoring_case(key, name)) {
            found = value;
        }
    });
    return found;
}

void RequestReader::add(const char* bytes, std::size_t count) {
    in_.erase(0, at_);
    at_ = 0;
    in_.append(bytes, count);
}

RequestReader::State RequestReader::bad(int status, const char* reason) {
    status_ = status;
    reason_ = reason;
    return State::kBad;
}

void RequestReader::next() {
    stage_ = Stage::kHead;
    request_.body.clear();
    if (request_.body.capacity() > (1U << 20)) {
        request_.body.shrink_to_fit();
    }
}

RequestReader::State RequestReader::read() {
    State state = State::kReady;
    while (stage_ != Stage::kReady) {
        switch (stage_) {
            case Stage::kHead:
                state = read_head();
                break;
            case Stage::kBody:
                state = read_body();
                break;
            case Stage::kChunkSize:
                state = read_chunk_size();
                break;
            case Stage::kChunk:
                state = read_chunk();
                break;
            case Stage::kTrailers:
                state = read_trailers();
                break;
            case Stage::kReady:
                break;
        }
        if (state != State::kReady) {
            return state;
        }
    }
    return State::kReady;
}

RequestReader::State RequestReader::read_head() {
    while (at_ + 1 < in_.size() && in_[at_] == '\r' && in_[at_ + 1] == '\n') {
        at_ += 2;
    }
    std::size_t end = in_.find("\r\n\r\n", at_);
    if (end == std::string::npos || end - at_ > kMaxHead) {
        return in_.size() - at_ > kMaxHead ? bad(431, "head too large")
                                           : State::kMore;
    }
    request_.head.assign(in_, at_, end + 2 - at_);
    at_ = end + 4;
    if (!parse_head() || !parse_framing()) {
        return State::kBad;
    }
    if (request_.expects_continue && stage_ != Stage::kReady) {
        request_.expects_continue = false;
        return State::kContinue;
    }
    return State::kReady;
}

bool RequestReader::parse_head() {
    std::string_view head = request_.head;
    std::string_view first = head.substr(0, head.find("\r\n"));
    std::size_t space = first.find(' ');
    std::size_t last = first.rfind(' ');
    if (space == std::string_view::npos || last <= space) {
        bad(400, "bad request line");
        return false;
    }
    std::string_view version = first.substr(last + 1);
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
        bad(505, "unknown version");
        return false;
    }
    request_.method.assign(first.substr(0, space));
    request_.target.assign(first.substr(space + 1, last - space - 1));
    request_.http11 = version == "HTTP/1.1";
    request_.keep_alive = request_.http11;
    return true;
}

bool RequestReader::parse_framing() {
    bool chunked = false;
    bool sized = false;
    bool valid = true;
    left_ = 0;
    request_.expects_continue = false;
    for_each_header(request_.head, [&](std::string_view key,
                                       std::string_view value) {
        if (same_ignoring_case(key, "content-length")) {
            std::uint64_t length = 0;
            const char* end = value.data() + value.size();
            auto read = std::from_chars(value.data(), end, length);
            valid = valid && !value.empty() && read.ec == std::errc()
                    && read.ptr == end && !(sized && length != left_);
            sized = true;
            left_ = length;
        } else if (same_ignoring_case(key, "transfer-encoding")) {
            chunked = true;
            valid = valid && same_ignoring_case(value, "chunked");
        } else if (same_ignoring_case(key, "connection")) {
            request_.keep_alive =
                same_ignoring_case(value, "keep-alive")
                || (request_.keep_alive && !same_ignoring_case(value, "close"));
        } else if (same_ignoring_case(key, "expect")) {
            request_.expects_continue =
                same_ignoring_case(value, "100-continue");
        }
    });
    if (!valid || (chunked && sized)) {
        bad(400, "contradictory framing");
        return false;
    }
    if (left_ > kMaxBody) {
        bad(413, "body too large");
        return false;
    }
    stage_ = chunked     ? Stage::kChunkSize
             : left_ > 0 ? Stage::kBody
                         : Stage::kReady;
    return true;
}

RequestReader::State RequestReader::read_body() {
    std::size_t take = std::min<std::uint64_t>(left_, in_.size() - at_);
    if (request_.body.empty()) {
        request_.body.reserve(left_);
    }
    request_.body.append(in_, at_, take);
    at_ += take;
    left_ -= take;
    if (left_ > 0) {
        in_.clear();
        at_ = 0;
        return State::kMore;
    }
    stage_ = Stage::kReady;
    return State::kReady;
}

bool RequestReader::line(std::string_view& text) {
    std::size_t end = in_.find("\r\n", at_);
    if (end == std::string::npos) {
        return false;
    }
    text = std::string_view(in_).substr(at_, end - at_);
    at_ = end + 2;
    return true;
}

RequestReader::State RequestReader::read_chunk_size() {
    std::string_view text;
    if (!line(text)) {
        return in_.size() - at_ > kMaxHead ? bad(400, "chunk line too long")
                                     : State::kMore;
    }
    std::string_view digits = text.substr(0, text.find_first_of("; \t"));
    const char* end = digits.data() + digits.size();
    auto read = std::from_chars(digits.data(), end, left_, 16);
    if (digits.empty() || read.ec != std::errc() || read.ptr != end) {
        return bad(400, "bad chunk size");
    }
    if (left_ > kMaxBody - request_.body.size()) {
        return bad(413, "body too large");
    }
    stage_ = left_ > 0 ? Stage::kChunk : Stage::kTrailers;
    return State::kReady;
}

RequestReader::State RequestReader::read_chunk() {
    if (left_ > 0) {
        std::size_t take = std::min<std::uint64_t>(left_, in_.size() - at_);
        request_.body.append(in_, at_, take);
        at_ += take;
        left_ -= take;
    }
    if (left_ > 0 || in_.size() - at_ < 2) {
        return State::kMore;
    }
    if (in_.compare(at_, 2, "\r\n") != 0) {
        return bad(400, "bad chunk end");
    }
    at_ += 2;
    stage_ = Stage::kChunkSize;
    return State::kReady;
}

RequestReader::State RequestReader::read_trailers() {
    std::string_view text;
    while (line(text)) {
        if (text.empty()) {
            stage_ = Stage::kReady;
            return State::kReady;
        }
        if (request_.head.size() > 2 * kMaxHead) {
            return bad(431, "trailers too large");
        }
        // Kept among the headers, so that the log shows them.
        request_.head.append(text).append("\r\n");
    }
    return in_.size() - at_ > kMaxHead ? bad(431, "trailers too large")
                                       : State::kMore;
}

}  // namespace llm::mock
