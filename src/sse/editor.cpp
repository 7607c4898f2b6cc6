#include "src/sse/editor.hpp"

#include <functional>

namespace llm::sse {

namespace {

constexpr size_t kKeepCapacity = 64 * 1024;

bool lies_in(Bytes part, Bytes whole) {
    const std::less_equal<const char*> le;
    return le(whole.data(), part.data()) &&
           le(part.data() + part.size(), whole.data() + whole.size());
}

}  // namespace

void Edit::clear() {
    before_.clear();
    instead_.clear();
    after_.clear();
    keep_ = true;
    cut_ = false;
}

void Editor::begin(Bytes chunk) {
    pieces_.clear();
    spans_.clear();
    if (own_.capacity() > kKeepCapacity) {
        own_ = std::string();
    }
    own_.clear();
    chunk_ = chunk;
    if (mode_ == Mode::kWatch && !chunk.empty()) {
        add_span({false, 0, chunk.size()});
    }
}

Result<void> Editor::end() {
    for (const Span& span : spans_) {
        const Bytes whole = span.own ? Bytes(own_) : chunk_;
        pieces_.push_back(whole.substr(span.offset, span.size));
    }
    chunk_ = {};
    if (mode_ == Mode::kWatch) {
        return {};
    }
    return parser_.status();
}

void Editor::apply(const Event& event) {
    add_own(edit_.before_);
    if (edit_.keep_) {
        add(event.raw);
    } else {
        add_own(edit_.instead_);
    }
    add_own(edit_.after_);
    cut_ = edit_.cut_;
}

void Editor::pass_held() {
    if (mode_ == Mode::kEdit && !cut_) {
        add_own(parser_.pending_bytes());
    }
}

void Editor::add(Bytes bytes) {
    if (!lies_in(bytes, chunk_)) {
        add_own(bytes);
        return;
    }
    const size_t offset = static_cast<size_t>(bytes.data() - chunk_.data());
    add_span({false, offset, bytes.size()});
}

void Editor::add_own(Bytes bytes) {
    if (!bytes.empty()) {
        own_.append(bytes);
        add_span({true, own_.size() - bytes.size(), bytes.size()});
    }
}

void Editor::add_span(Span span) {
    if (!spans_.empty()) {
        Span& last = spans_.back();
        if (last.own == span.own && last.offset + last.size == span.offset) {
            last.size += span.size;
            return;
        }
    }
    spans_.push_back(span);
}

}  // namespace llm::sse
