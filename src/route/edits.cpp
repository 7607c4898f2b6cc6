#include "src/route/edits.hpp"

#include <algorithm>
#include <cstring>

namespace llm::route {
namespace {

using json::Document;
using json::NodeId;
using json::Type;

Error invalid(const char* message) { return {Errc::kInvalid, message}; }

// What a usual list takes, so that it grows once.
constexpr size_t kUsualSplices = 4;
constexpr size_t kUsualText = 128;

}  // namespace

Edits::Piece Edits::keep(Bytes text) {
    if (text_.capacity() < kUsualText) {
        text_.reserve(kUsualText);
    }
    Piece piece{text_.size(), text.size()};
    text_ += text;
    return piece;
}

Result<void> Edits::add(size_t body_size, const Splice& splice) {
    size_t offset = splice.offset;
    size_t end = offset + splice.remove;
    if (offset > body_size || splice.remove > body_size - offset) {
        return invalid("an edit outside the body");
    }
    // Behind the insertions at this place; before a replacement there when
    // this is an insertion. A client's messages may each have an edit, so
    // the place is not looked for one by one.
    auto place = std::partition_point(
        splices_.begin(), splices_.end(), [&](const Splice& other) {
            return other.offset < offset
                   || (other.offset == offset && other.remove == 0);
        });
    if (place != splices_.begin()) {
        const Splice& before = *std::prev(place);
        if (before.offset + before.remove > offset) {
            return invalid("an edit inside another");
        }
    }
    if (place != splices_.end() && end > place->offset) {
        return invalid("an edit around another");
    }
    if (splices_.empty()) {
        splices_.reserve(kUsualSplices);
        splices_.push_back(splice);
    } else {
        splices_.insert(place, splice);
    }
    return {};
}

Edits::Splice* Edits::find(size_t offset, size_t remove) {
    for (Splice& splice : splices_) {
        if (splice.offset == offset && splice.remove == remove
            && !splice.is_member) {
            return &splice;
        }
    }
    return nullptr;
}

Edits::Splice* Edits::find_member(size_t offset, Bytes key) {
    for (Splice& splice : splices_) {
        if (splice.offset == offset && splice.is_member
            && text_of(splice.key) == key) {
            return &splice;
        }
    }
    return nullptr;
}

Result<void> Edits::splice(size_t body_size, size_t offset, size_t remove,
                           Bytes insert) {
    if (remove == 0 && insert.empty() && offset <= body_size) {
        return {};
    }
    return add(body_size, {offset, remove, keep(insert), false, {}});
}

Result<void> Edits::replace(const Document& doc, NodeId value, Bytes raw) {
    size_t offset = doc.offset(value);
    size_t remove = doc.raw(value).size();
    if (Splice* earlier = find(offset, remove)) {
        earlier->insert = keep(raw);
        return {};
    }
    return add(doc.text().size(), {offset, remove, keep(raw), false, {}});
}

Result<void> Edits::set_member(const Document& doc, NodeId object, Bytes key,
                               Bytes raw) {
    if (!doc.is(object, Type::kObject)) {
        return invalid("a member can only be set in an object");
    }
    NodeId value = doc.find(object, key);
    if (value != json::kNoNode) {
        return replace(doc, value, raw);
    }
    size_t offset = doc.offset(object) + 1;
    Splice* earlier = find_member(offset, key);
    bool alone = doc.size(object) == 0;
    bool first = std::none_of(splices_.begin(), splices_.end(),
                              [&](const Splice& splice) {
                                  return splice.offset == offset
                                         && splice.is_member;
                              });
    if (earlier != nullptr) {
        first = text_of(earlier->insert)[0] != ',';
    }
    Piece insert = keep(alone && !first ? "," : "");
    append_json_string(text_, key);
    text_ += ':';
    text_ += raw;
    if (!alone) {
        text_ += ',';
    }
    insert.size = text_.size() - insert.at;
    if (earlier != nullptr) {
        earlier->insert = insert;
        return {};
    }
    return add(doc.text().size(), {offset, 0, insert, true, keep(key)});
}

Result<void> Edits::set_include_usage(const Document& doc) {
    constexpr Bytes kMember = "stream_options";
    constexpr Bytes kWhole = R"({"include_usage":true})";
    NodeId options = doc.find(json::kRoot, kMember);
    if (options == json::kNoNode || doc.is(options, Type::kNull)) {
        return set_member(doc, json::kRoot, kMember, kWhole);
    }
    if (!doc.is(options, Type::kObject)) {
        return invalid("stream_options is not an object");
    }
    if (doc.is(doc.find(options, "include_usage"), Type::kTrue)) {
        return {};
    }
    return set_member(doc, options, "include_usage", "true");
}

TextSize Edits::put_in() const {
    TextSize size;
    for (const Splice& splice : splices_) {
        size += TextSize::of(text_of(splice.insert));
    }
    return size;
}

TextSize Edits::taken_out(Bytes body) const {
    TextSize size;
    for (const Splice& splice : splices_) {
        size += TextSize::of(body.substr(splice.offset, splice.remove));
    }
    return size;
}

size_t Edits::size_after(size_t body_size) const {
    for (const Splice& splice : splices_) {
        body_size += splice.insert.size;
        body_size -= splice.remove;
    }
    return body_size;
}

void Edits::apply(Bytes body, char* out) const {
    each_piece(body, [&out](Bytes bytes, bool) {
        if (!bytes.empty()) {
            std::memcpy(out, bytes.data(), bytes.size());
            out += bytes.size();
        }
    });
}

std::string Edits::apply(Bytes body) const {
    std::string out(size_after(body.size()), '\0');
    apply(body, out.data());
    return out;
}

}  // namespace llm::route
