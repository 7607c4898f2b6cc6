#include "src/json/document.hpp"

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "src/json/builder.hpp"
#include "src/json/text.hpp"

namespace llm::json {
namespace {

using simdjson::error_code;
using Stage1 = simdjson::internal::dom_parser_implementation;

// Memory beyond these is given back when the next text needs less.
constexpr size_t kKeptNodes = size_t{1} << 16;
constexpr size_t kKeptBytes = size_t{1} << 20;
constexpr size_t kLeastBytes = size_t{1} << 12;

Error error_of(error_code code) {
    switch (code) {
    case simdjson::UTF8_ERROR:
        return {Errc::kInvalid, "the text is not UTF-8"};
    case simdjson::UNESCAPED_CHARS:
        return {Errc::kInvalid, "a control character in a string"};
    case simdjson::UNCLOSED_STRING:
        return {Errc::kInvalid, "a string without its end"};
    case simdjson::MEMALLOC:
        return {Errc::kNoSpace, "no memory to read the text"};
    default:
        return {Errc::kInvalid, "no value"};
    }
}

std::string at_byte(size_t at, Bytes problem) {
    std::string message(problem);
    message += " at byte ";
    append_number(message, static_cast<int64_t>(at));
    return message;
}

std::string at_line(Bytes text, size_t at, Bytes problem) {
    Bytes before = text.substr(0, at);
    std::string message = "line ";
    append_number(message,
                  1 + std::count(before.begin(), before.end(), '\n'));
    message += ": ";
    message += problem;
    return message;
}

}  // namespace

struct Document::Scanner {
    std::unique_ptr<Stage1> stage1;
    size_t capacity = 0;

    error_code reserve(size_t size) {
        bool wasteful = capacity > kKeptBytes && size <= kKeptBytes;
        if (capacity >= size && !wasteful) {
            return simdjson::SUCCESS;
        }
        size_t wanted = std::bit_ceil(std::max(size, kLeastBytes));
        capacity = 0;
        error_code code;
        if (stage1 == nullptr) {
            code = simdjson::get_active_implementation()
                       ->create_dom_parser_implementation(wanted, 1, stage1);
        } else {
            code = stage1->set_capacity(wanted);
        }
        capacity = code == simdjson::SUCCESS ? wanted : 0;
        return code;
    }
};

Document::Document() = default;
Document::~Document() = default;

Document::Document(Document&& other) noexcept { *this = std::move(other); }

Document& Document::operator=(Document&& other) noexcept {
    std::swap(text_, other.text_);
    std::swap(nodes_, other.nodes_);
    std::swap(count_, other.count_);
    std::swap(capacity_, other.capacity_);
    std::swap(keys_, other.keys_);
    std::swap(scanner_, other.scanner_);
    return *this;
}

void Document::reserve(size_t nodes) {
    nodes = std::min(std::max<size_t>(nodes, 64), kMaxNodes);
    bool wasteful = capacity_ > kKeptNodes && nodes <= kKeptNodes;
    if (capacity_ >= nodes && !wasteful) {
        return;
    }
    nodes = std::bit_ceil(nodes);
    capacity_ = 0;
    nodes_ = std::make_unique_for_overwrite<Node[]>(nodes);
    capacity_ = static_cast<uint32_t>(nodes);
}

Result<void> Document::parse(Bytes text, bool sorted, bool by_line) {
    count_ = 0;
    text_ = {};
    if (keys_.capacity() > kKeptBytes) {
        keys_ = std::string();
    }
    keys_.clear();
    if (text.size() > kMaxBytes) {
        return Error{Errc::kTooLarge, "the text is too long"};
    }
    if (text.empty()) {
        return Error{Errc::kInvalid, "no value"};
    }
    if (scanner_ == nullptr) {
        scanner_ = std::make_unique<Scanner>();
    }
    error_code code = scanner_->reserve(text.size());
    if (code == simdjson::SUCCESS) {
        code = scanner_->stage1->stage1(
            reinterpret_cast<const uint8_t*>(text.data()), text.size(),
            simdjson::stage1_mode::regular);
    }
    if (code != simdjson::SUCCESS) {
        return error_of(code);
    }
    text_ = text;
    const Stage1& stage1 = *scanner_->stage1;
    // Each value but the first stands behind a comma of its own or behind a
    // bracket that is closed: two places a value.
    reserve((size_t{stage1.n_structural_indexes} + 1) / 2);
    Builder builder(*this, stage1.structural_indexes.get(),
                    stage1.n_structural_indexes, sorted);
    if (!builder.run()) {
        count_ = 0;
        text_ = {};
        return Error{builder.code,
                     by_line ? at_line(text, builder.at, builder.problem)
                             : at_byte(builder.at, builder.problem)};
    }
    return {};
}

NodeId Document::find(NodeId object, Bytes wanted) const {
    if (!is(object, Type::kObject)) {
        return kNoNode;
    }
    const char* text = text_.data();
    NodeId end = nodes_[object].next;
    for (NodeId child = object + 1; child != end;
         child = nodes_[child].next) {
        const Node& node = nodes_[child];
        if (node.key_size != wanted.size()) {
            continue;
        }
        const char* from =
            (node.flags & kKeyUnescaped) != 0 ? keys_.data() : text;
        const char* key = from + node.key_begin;
        // Most keys of one size differ in their first letter: no call.
        if (wanted.empty()
            || (*key == wanted.front()
                && std::memcmp(key, wanted.data(), wanted.size()) == 0)) {
            return child;
        }
    }
    return kNoNode;
}

Bytes Document::string(NodeId id, std::string& scratch) const {
    const Node& node = nodes_[id];
    if (node.type != Type::kString) {
        return {};
    }
    Bytes content = text_.substr(node.begin + 1, node.end - node.begin - 2);
    if ((node.flags & kEscaped) == 0) {
        return content;
    }
    scratch.clear();
    append_unescaped(scratch, content);
    return scratch;
}

TextSize Document::string_size(NodeId id) const {
    const Node& node = nodes_[id];
    if (node.type != Type::kString) {
        return {};
    }
    Bytes content = text_.substr(node.begin + 1, node.end - node.begin - 2);
    return (node.flags & kEscaped) == 0 ? TextSize::of(content)
                                        : measure_escaped(content);
}

int64_t Document::as_int64(NodeId id) const {
    return is(id, Type::kNumber) ? clamp_int64(raw(id)) : 0;
}

double Document::as_double(NodeId id) const {
    return is(id, Type::kNumber) ? clamp_double(raw(id)) : 0;
}

}  // namespace llm::json
