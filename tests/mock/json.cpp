#include "tests/mock/json.hpp"

#include <charconv>
#include <cstring>

#include "tests/mock/text.hpp"

namespace llm::mock {

Kind Value::kind() const {
    if (doc_ == nullptr || index_ >= doc_->nodes_.size()) {
        return Kind::kMissing;
    }
    return doc_->nodes_[index_].kind;
}

Value Value::get(std::string_view key) const {
    if (kind() != Kind::kObject) {
        return {};
    }
    for (Value child = first(); child.present(); child = child.next()) {
        if (child.key() == key) {
            return child;
        }
    }
    return {};
}

Value Value::first() const {
    return present() ? Value(doc_, doc_->nodes_[index_].child) : Value();
}

Value Value::next() const {
    return present() ? Value(doc_, doc_->nodes_[index_].next) : Value();
}

std::string_view Value::key() const {
    return present() ? doc_->nodes_[index_].key : std::string_view();
}

std::string_view Value::raw() const {
    return present() ? doc_->nodes_[index_].raw : std::string_view();
}

std::string Value::text() const {
    if (kind() != Kind::kString) {
        return {};
    }
    std::string_view all = raw();
    return unescape(all.substr(1, all.size() - 2));
}

bool Value::equals(std::string_view expected) const {
    std::string_view all = raw();
    return kind() == Kind::kString && all.size() == expected.size() + 2
           && all.substr(1, expected.size()) == expected;
}

double Value::number(double otherwise) const {
    if (kind() != Kind::kNumber) {
        return otherwise;
    }
    std::string_view all = raw();
    double value = otherwise;
    auto end = std::from_chars(all.data(), all.data() + all.size(), value);
    return end.ec == std::errc() ? value : otherwise;
}

std::uint64_t Value::count(std::uint64_t otherwise) const {
    double value = number(-1.0);
    if (kind() != Kind::kNumber || !(value >= 0)) {
        return kind() == Kind::kNumber ? 0 : otherwise;
    }
    return value > 1e15 ? std::uint64_t{1000000000000000}
                        : static_cast<std::uint64_t>(value);
}

void Json::skip_space() {
    while (pos_ < text_.size()
           && (text_[pos_] == ' ' || text_[pos_] == '\n' || text_[pos_] == '\r'
               || text_[pos_] == '\t')) {
        ++pos_;
    }
}

bool Json::read_string(std::string_view& raw) {
    std::size_t start = pos_++;
    const char* from = text_.data() + pos_;
    const char* end = text_.data() + text_.size();
    auto* quote = static_cast<const char*>(
        std::memchr(from, '"', static_cast<std::size_t>(end - from)));
    if (quote == nullptr) {
        return false;
    }
    if (std::memchr(from, '\\', static_cast<std::size_t>(quote - from))
        != nullptr) {
        const char* at = from;
        while (at < end && *at != '"') {
            at += *at == '\\' ? 2 : 1;
        }
        if (at >= end) {
            return false;
        }
        quote = at;
    }
    pos_ = static_cast<std::size_t>(quote - text_.data()) + 1;
    raw = text_.substr(start, pos_ - start);
    return true;
}

bool Json::read_key() {
    skip_space();
    if (pos_ >= text_.size() || text_[pos_] != '"' || !read_string(key_)) {
        return false;
    }
    key_ = key_.substr(1, key_.size() - 2);
    skip_space();
    return pos_ < text_.size() && text_[pos_++] == ':';
}

bool Json::read_scalar(Kind& kind, std::string_view& raw) {
    std::size_t start = pos_;
    char c = text_[pos_];
    if (c == '"') {
        kind = Kind::kString;
        return read_string(raw);
    }
    while (pos_ < text_.size()
           && (std::strchr("+-.", text_[pos_]) != nullptr
               || (text_[pos_] >= '0' && text_[pos_] <= '9')
               || (text_[pos_] >= 'a' && text_[pos_] <= 'z')
               || text_[pos_] == 'E')
           && text_[pos_] != '\0') {
        ++pos_;
    }
    raw = text_.substr(start, pos_ - start);
    if (raw == "null" || raw == "true" || raw == "false") {
        kind = c == 'n' ? Kind::kNull : c == 't' ? Kind::kTrue : Kind::kFalse;
        return true;
    }
    kind = Kind::kNumber;
    if (raw.empty() || (c != '-' && (c < '0' || c > '9'))) {
        return false;
    }
    double value = 0;
    auto end = std::from_chars(raw.data(), raw.data() + raw.size(), value);
    return end.ptr == raw.data() + raw.size();
}

void Json::add(Kind kind, std::string_view raw) {
    auto index = static_cast<std::uint32_t>(nodes_.size());
    if (!open_.empty()) {
        Open& box = open_.back();
        if (box.last == kNone) {
            nodes_[box.node].child = index;
        } else {
            nodes_[box.last].next = index;
        }
        box.last = index;
    }
    Node node;
    node.key = key_;
    node.raw = raw;
    node.kind = kind;
    nodes_.push_back(node);
    key_ = {};
}

// Reads one value. `opened` says that it is a container with something in it,
// so the caller goes on with its first child.
bool Json::read_value(bool& opened) {
    opened = false;
    skip_space();
    if (pos_ >= text_.size() || nodes_.size() >= kMaxNodes) {
        return false;
    }
    char c = text_[pos_];
    if (c != '{' && c != '[') {
        Kind kind = Kind::kNull;
        std::string_view raw;
        if (!read_scalar(kind, raw)) {
            return false;
        }
        add(kind, raw);
        return true;
    }
    if (open_.size() >= kMaxDepth) {
        return false;
    }
    bool object = c == '{';
    add(object ? Kind::kObject : Kind::kArray, text_.substr(pos_++, 1));
    auto index = static_cast<std::uint32_t>(nodes_.size() - 1);
    std::size_t start = pos_ - 1;
    skip_space();
    if (pos_ < text_.size() && text_[pos_] == (object ? '}' : ']')) {
        ++pos_;
        nodes_[index].raw = text_.substr(start, pos_ - start);
        return true;
    }
    open_.push_back({index, kNone});
    opened = true;
    return !object || read_key();
}

// After a complete value: a comma leads to the next one, brackets close.
bool Json::close(bool& done) {
    for (;;) {
        skip_space();
        done = open_.empty();
        if (done) {
            return pos_ == text_.size();
        }
        if (pos_ >= text_.size()) {
            return false;
        }
        Node& box = nodes_[open_.back().node];
        char c = text_[pos_++];
        if (c == ',') {
            return box.kind != Kind::kObject || read_key();
        }
        if (c != (box.kind == Kind::kObject ? '}' : ']')) {
            return false;
        }
        auto start = static_cast<std::size_t>(box.raw.data() - text_.data());
        box.raw = text_.substr(start, pos_ - start);
        open_.pop_back();
    }
}

bool Json::parse(std::string_view text) {
    nodes_.clear();
    open_.clear();
    text_ = text;
    pos_ = 0;
    key_ = {};
    bool done = false;
    while (!done) {
        bool opened = false;
        if (!read_value(opened) || (!opened && !close(done))) {
            nodes_.clear();
            return false;
        }
    }
    return true;
}

namespace {

bool read_hex4(std::string_view text, std::size_t at, std::uint32_t& code) {
    if (at + 4 > text.size()) {
        return false;
    }
    const char* from = text.data() + at;
    return std::from_chars(from, from + 4, code, 16).ptr == from + 4;
}

// `at` stands behind the "\u"; returns how many bytes were used.
std::size_t unescape_unicode(std::string_view text, std::size_t at,
                             std::string& out) {
    std::uint32_t code = 0;
    if (!read_hex4(text, at, code)) {
        append_utf8(out, 0xfffd);
        return 0;
    }
    std::uint32_t low = 0;
    if (code >= 0xd800 && code < 0xdc00 && text.substr(at + 4, 2) == "\\u"
        && read_hex4(text, at + 6, low) && low >= 0xdc00 && low < 0xe000) {
        append_utf8(out, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
        return 10;
    }
    append_utf8(out, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
    return 4;
}

}  // namespace

std::string unescape(std::string_view inside) {
    std::string out;
    std::size_t at = 0;
    while (at < inside.size()) {
        std::size_t slash = inside.find('\\', at);
        if (slash == std::string_view::npos || slash + 1 >= inside.size()) {
            out.append(inside.substr(at));
            break;
        }
        out.append(inside.substr(at, slash - at));
        char c = inside[slash + 1];
        at = slash + 2;
        static constexpr std::string_view kFrom = "bfnrt";
        static constexpr std::string_view kTo = "\b\f\n\r\t";
        if (c == 'u') {
            at += unescape_unicode(inside, at, out);
        } else if (kFrom.find(c) != std::string_view::npos) {
            out.push_back(kTo[kFrom.find(c)]);
        } else {
            out.push_back(c);
        }
    }
    return out;
}

}  // namespace llm::mock
