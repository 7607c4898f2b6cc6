#include "src/sse/parser.hpp"

#include <algorithm>

namespace llm::sse {

namespace {

constexpr Bytes kBom = "\xEF\xBB\xBF";

// Where the first LF or CR stands; npos when there is none. In windows that
// grow, so that a stream of short lines ending in CR stays linear.
size_t find_line_end(Bytes text) {
    size_t size = 128;
    for (size_t at = 0; at < text.size(); at += size, size *= 2) {
        const Bytes window = text.substr(at, size);
        const size_t lf = window.find('\n');
        const size_t end = std::min(window.substr(0, lf).find('\r'), lf);
        if (end != Bytes::npos) {
            return at + end;
        }
    }
    return Bytes::npos;
}

}  // namespace

Result<void> Parser::status() const {
    if (failed_) {
        return Error{Errc::kTooLarge,
                     "an event of the stream is larger than the limit"};
    }
    return {};
}

void Parser::clear() {
    buffer_.clear();
    joined_.clear();
    line_start_ = 0;
    data_lines_ = 0;
    type_ = data_ = id_ = Part{};
    last_end_ = LineEnd::kNone;
    blank_cr_ = false;
    data_last_ = false;
    complete_ = false;
}

// The event up to the chunk's byte `used`: in the chunk when it began there,
// in the buffer otherwise.
Bytes Parser::hold(Bytes chunk, size_t used) {
    if (buffer_.empty()) {
        return chunk.substr(0, used);
    }
    buffer_.append(chunk, held_, used - held_);
    held_ = used;
    return buffer_;
}

bool Parser::next(Bytes& chunk, Event& event) {
    if (failed_) {
        return false;
    }
    if (complete_) {
        clear();
    }
    // Offsets in the chunk; the event's own begin `buffer_.size()` earlier.
    const size_t before = buffer_.size();
    size_t pos = 0;
    held_ = 0;
    bool done = false;
    while (pos < chunk.size() && !done) {
        if (skip_lf_ || blank_cr_) {
            done = after_cr(chunk[pos] == '\n', before, pos);
            continue;
        }
        if (!bom_done_) {
            skip_bom(chunk[pos], before + pos);
            if (!bom_done_) {
                ++pos;
                continue;
            }
        }
        const size_t size = find_line_end(chunk.substr(pos));
        if (size == Bytes::npos) {
            pos = chunk.size();
            break;
        }
        pos += size + 1;
        done = end_line(hold(chunk, pos), chunk[pos - 1] == '\r');
    }
    if (before + pos > max_event_) {
        failed_ = true;
        clear();
        return false;
    }
    if (!done) {
        buffer_.append(chunk, held_, pos - held_);
        chunk = {};
        return false;
    }
    fill(hold(chunk, pos), event);
    chunk.remove_prefix(pos);
    complete_ = true;
    return true;
}

// The byte after a CR: an LF belongs to it. True when the event is whole.
bool Parser::after_cr(bool is_lf, size_t before, size_t& pos) {
    if (is_lf) {
        ++pos;
        line_start_ = before + pos;
        last_end_ = LineEnd::kLf;
    }
    skip_lf_ = false;
    return blank_cr_;
}

// `text` is the event up to and with the end of its current line; its last
// byte is LF or CR. True when the line was blank and the event is whole.
bool Parser::end_line(Bytes text, bool cr) {
    const Bytes line =
        text.substr(line_start_, text.size() - 1 - line_start_);
    if (!line.empty()) {
        take_line(line, line_start_, text);
        line_start_ = text.size();
        last_end_ = cr ? LineEnd::kCr : LineEnd::kLf;
        skip_lf_ = cr;
        return false;
    }
    if (!cr) {
        return true;
    }
    if (last_end_ == LineEnd::kCr) {
        skip_lf_ = true;
        return true;
    }
    blank_cr_ = true;
    return false;
}

// A BOM may come in pieces. What only looked like one is the first line.
void Parser::skip_bom(char c, size_t offset) {
    if (offset < kBom.size() && c == kBom[offset]) {
        if (offset + 1 == kBom.size()) {
            bom_done_ = true;
            line_start_ = kBom.size();
        }
        return;
    }
    bom_done_ = true;
}

void Parser::take_line(Bytes line, size_t offset, Bytes event) {
    data_last_ = false;
    const size_t colon = line.find(':');
    if (colon == 0) {
        return;
    }
    const Bytes name = line.substr(0, colon);
    size_t value = line.size();
    if (colon != Bytes::npos) {
        value = colon + 1;
        if (value < line.size() && line[value] == ' ') {
            ++value;
        }
    }
    const Part part{offset + value, line.size() - value};
    if (name == "data") {
        add_data(part, event);
    } else if (name == "event") {
        type_ = part;
    } else if (name == "id" &&
               line.find('\0', value) == Bytes::npos) {
        id_ = part;
    }
}

void Parser::add_data(Part part, Bytes event) {
    data_last_ = true;
    ++data_lines_;
    if (data_lines_ == 1) {
        data_ = part;
        return;
    }
    if (data_lines_ == 2) {
        joined_.assign(event, data_.offset, data_.size);
    }
    joined_ += '\n';
    joined_.append(event, part.offset, part.size);
}

void Parser::fill(Bytes raw, Event& event) const {
    event.raw = raw;
    event.type = raw.substr(type_.offset, type_.size);
    event.id = raw.substr(id_.offset, id_.size);
    event.has_data = data_lines_ != 0;
    event.data = data_lines_ > 1 ? Bytes(joined_)
                                 : raw.substr(data_.offset, data_.size);
}

bool Parser::last(Event& event) {
    if (failed_ || complete_ || buffer_.empty()) {
        return false;
    }
    if (!blank_cr_ && line_start_ < buffer_.size() && bom_done_) {
        const size_t offset = line_start_;
        line_start_ = buffer_.size();
        take_line(Bytes(buffer_).substr(offset), offset, buffer_);
    }
    if (!blank_cr_ && !data_last_) {
        return false;
    }
    fill(buffer_, event);
    return true;
}

}  // namespace llm::sse
