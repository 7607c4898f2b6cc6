#include "src/api/accumulate.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace llm::api {

using json::Document;
using json::NodeId;
using json::Type;

// Arrays and objects are trees while they may still grow; everything else,
// and what lies too deep, is raw text.
struct Accumulator::Value {
    Type type = Type::kNull;
    bool tree = false;
    int64_t index = -1;  // of an element that is merged by its "index"
    std::string key;  // of a member
    std::string raw;
    std::vector<Value> children;  // members or elements

    Value* find(Bytes name) {
        for (Value& child : children) {
            if (child.key == name) {
                return &child;
            }
        }
        return nullptr;
    }

    size_t weight() const {
        size_t sum = sizeof(Value) + key.size() + raw.size();
        for (const Value& child : children) {
            sum += child.weight();
        }
        return sum;
    }

    void write(std::string& out) const;
};

namespace {

// Members that name something: every fragment repeats them whole.
constexpr Bytes kLabels[] = {"id",     "index",  "type",   "name",
                             "format", "object", "role",   "status",
                             "model",  "provider"};

bool is_label(Bytes key) {
    return std::find(std::begin(kLabels), std::end(kLabels), key) !=
           std::end(kLabels);
}

// The "index" by which elements are merged; -1 when there is none.
int64_t index_of(const Document& doc, NodeId id) {
    if (!doc.is(id, Type::kObject)) {
        return -1;
    }
    const NodeId index = doc.find(id, "index");
    if (!doc.is(index, Type::kNumber)) {
        return -1;
    }
    uint64_t value = 0;
    const bool whole = parse_decimal(doc.raw(index), value);
    return whole && value <= INT32_MAX ? static_cast<int64_t>(value) : -1;
}

}  // namespace

void Accumulator::Value::write(std::string& out) const {
    if (!tree) {
        out += raw;
        return;
    }
    const bool object = type == Type::kObject;
    out += object ? '{' : '[';
    bool first = true;
    for (const Value& child : children) {
        if (!std::exchange(first, false)) {
            out += ',';
        }
        if (object) {
            append_json_string(out, child.key);
            out += ':';
        }
        child.write(out);
    }
    out += object ? '}' : ']';
}

Accumulator::Accumulator() = default;
Accumulator::~Accumulator() = default;
Accumulator::Accumulator(Accumulator&&) noexcept = default;
Accumulator& Accumulator::operator=(Accumulator&&) noexcept = default;

bool Accumulator::add(Bytes key, const Document& doc, NodeId value,
                      Merge mode) {
    if (root_ == nullptr) {
        root_ = std::make_unique<Value>();
        root_->type = Type::kObject;
        root_->tree = true;
    }
    Value* member = member_of(*root_, key);
    const bool label = mode == Merge::kDelta && is_label(key);
    return member != nullptr &&
           merge(*member, doc, value, label ? Merge::kLast : mode, 0);
}

// The member of this name, made when it is missing; nullptr at the bound.
Accumulator::Value* Accumulator::member_of(Value& object, Bytes key) {
    if (Value* found = object.find(key)) {
        return found;
    }
    if (object.children.size() >= kMaxParts) {
        return nullptr;
    }
    Value& made = object.children.emplace_back();
    made.key = key;
    bytes_ += made.weight();
    return &made;
}

void Accumulator::assign(Value& into, Bytes raw) {
    if (into.raw == raw && !into.tree) {
        return;
    }
    bytes_ -= into.weight();
    into.children.clear();
    into.raw = raw;
    into.tree = false;
    bytes_ += into.weight();
}

bool Accumulator::merge(Value& into, const Document& doc, NodeId id,
                        Merge mode, size_t depth) {
    const Type type = doc.type(id);
    const Bytes raw = doc.raw(id);
    if (type == Type::kNull && (into.type != Type::kNull ||
                                !into.raw.empty())) {
        return true;
    }
    const bool fresh = into.type != type;
    into.type = type;
    if (depth >= kMaxDepth) {
        assign(into, raw);
        return true;
    }
    if (type == Type::kObject ||
        (type == Type::kArray && mode != Merge::kLast)) {
        if (fresh || !into.tree) {
            assign(into, {});
            into.tree = true;
        }
        return type == Type::kObject
                   ? merge_object(into, doc, id, mode, depth + 1)
                   : merge_array(into, doc, id, mode, depth + 1);
    }
    if (type == Type::kString && mode == Merge::kDelta && !fresh) {
        into.raw.pop_back();
        into.raw += raw.substr(1);
        bytes_ += raw.size() - 2;
        return true;
    }
    assign(into, raw);
    return true;
}

bool Accumulator::merge_object(Value& into, const Document& doc, NodeId id,
                               Merge mode, size_t depth) {
    for (const NodeId child : doc.children(id)) {
        const Bytes key = doc.key(child);
        Value* member = member_of(into, key);
        const bool label = mode == Merge::kDelta && is_label(key);
        if (member == nullptr ||
            !merge(*member, doc, child, label ? Merge::kLast : mode, depth)) {
            return false;
        }
    }
    return true;
}

bool Accumulator::merge_array(Value& into, const Document& doc, NodeId id,
                              Merge mode, size_t depth) {
    for (const NodeId child : doc.children(id)) {
        const int64_t index =
            mode == Merge::kDelta ? index_of(doc, child) : -1;
        Value* place = nullptr;
        if (index >= 0) {
            const NodeId type = doc.find(child, "type");
            auto same = [&](Value& element) {
                const Value* other = element.find("type");
                return element.index == index &&
                       (type == json::kNoNode || other == nullptr ||
                        other->raw == doc.raw(type));
            };
            const auto found =
                std::find_if(into.children.rbegin(), into.children.rend(),
                             same);
            if (found != into.children.rend()) {
                place = &*found;
            } else if (into.children.size() >= kMaxParts) {
                return false;
            }
        }
        if (place == nullptr) {
            place = &into.children.emplace_back();
            place->index = index;
            bytes_ += sizeof(Value);
        }
        if (index < 0) {
            place->type = doc.type(child);
            assign(*place, doc.raw(child));
        } else if (!merge(*place, doc, child, Merge::kDelta, depth)) {
            return false;
        }
    }
    return true;
}

bool Accumulator::has(Bytes key) const {
    return root_ != nullptr && root_->find(key) != nullptr;
}

bool Accumulator::is_null(Bytes key) const {
    const Value* value = root_ == nullptr ? nullptr : root_->find(key);
    return value != nullptr && value->type == Type::kNull;
}

void Accumulator::erase(Bytes key) {
    if (root_ == nullptr) {
        return;
    }
    std::erase_if(root_->children, [&](const Value& member) {
        const bool gone = member.key == key;
        bytes_ -= gone ? member.weight() : 0;
        return gone;
    });
}

bool Accumulator::raw(Bytes key, std::string& out) const {
    const Value* value = root_ == nullptr ? nullptr : root_->find(key);
    if (value == nullptr) {
        return false;
    }
    value->write(out);
    return true;
}

void Accumulator::write(Extras& out) const {
    if (root_ == nullptr) {
        return;
    }
    for (const Value& member : root_->children) {
        Extra& extra = out.emplace_back();
        extra.key = member.key;
        member.write(extra.raw);
    }
}

}  // namespace llm::api
