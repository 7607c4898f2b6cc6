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
    std::string raw;
    std::vector<std::pair<std::string, Value>> members;
    std::vector<Value> elements;

    Value* find(Bytes key) {
        for (auto& [name, value] : members) {
            if (name == key) {
                return &value;
            }
        }
        return nullptr;
    }

    size_t weight() const {
        size_t sum = sizeof(Value) + raw.size();
        for (const auto& [name, value] : members) {
            sum += name.size() + value.weight();
        }
        for (const Value& element : elements) {
            sum += element.weight();
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
    for (const auto& [name, value] : members) {
        if (!std::exchange(first, false)) {
            out += ',';
        }
        append_json_string(out, name);
        out += ':';
        value.write(out);
    }
    for (const Value& element : elements) {
        if (!std::exchange(first, false)) {
            out += ',';
        }
        element.write(out);
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
    Value* member = root_->find(key);
    if (member == nullptr) {
        if (root_->members.size() >= kMaxParts) {
            return false;
        }
        member = &root_->members.emplace_back(key, Value()).second;
        bytes_ += sizeof(Value) + key.size();
    }
    const bool label = mode == Merge::kDelta && is_label(key);
    return merge(*member, doc, value, label ? Merge::kLast : mode, 0);
}

void Accumulator::assign(Value& into, Bytes raw) {
    if (into.raw == raw && !into.tree) {
        return;
    }
    bytes_ -= into.weight();
    into.members.clear();
    into.elements.clear();
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
        (type == Type::kArray && mode == Merge::kDelta)) {
        if (fresh || !into.tree) {
            assign(into, {});
            into.tree = true;
        }
        return type == Type::kObject
                   ? merge_object(into, doc, id, mode, depth + 1)
                   : merge_array(into, doc, id, depth + 1);
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
        Value* member = into.find(key);
        if (member == nullptr) {
            if (into.members.size() >= kMaxParts) {
                return false;
            }
            member = &into.members.emplace_back(key, Value()).second;
            bytes_ += sizeof(Value) + key.size();
        }
        const bool label = mode == Merge::kDelta && is_label(key);
        if (!merge(*member, doc, child, label ? Merge::kLast : mode, depth)) {
            return false;
        }
    }
    return true;
}

bool Accumulator::merge_array(Value& into, const Document& doc, NodeId id,
                              size_t depth) {
    for (const NodeId child : doc.children(id)) {
        const int64_t index = index_of(doc, child);
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
                std::find_if(into.elements.rbegin(), into.elements.rend(),
                             same);
            if (found != into.elements.rend()) {
                place = &*found;
            } else if (into.elements.size() >= kMaxParts) {
                return false;
            }
        }
        if (place == nullptr) {
            place = &into.elements.emplace_back();
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
    std::erase_if(root_->members, [&](const auto& member) {
        if (member.first != key) {
            return false;
        }
        bytes_ -= member.second.weight() + member.first.size();
        return true;
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
    for (const auto& [name, value] : root_->members) {
        Extra& extra = out.emplace_back();
        extra.key = name;
        value.write(extra.raw);
    }
}

}  // namespace llm::api
