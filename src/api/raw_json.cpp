#include "src/api/raw_json.hpp"

#include <algorithm>

namespace llm::api::raw {

namespace {

// The place after the string that begins at `at`. Whole runs of backslashes
// are looked at once, so the time is linear.
size_t end_of_string(Bytes json, size_t at) {
    size_t quote = at;
    while (true) {
        quote = json.find('"', quote + 1);
        if (quote == Bytes::npos) {
            return json.size();
        }
        size_t slash = quote;
        while (json[slash - 1] == '\\') {
            --slash;
        }
        if ((quote - slash) % 2 == 0) {
            return quote + 1;
        }
    }
}

bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

}  // namespace

void append_compact(std::string& out, Bytes json) {
    size_t start = 0;
    size_t at = 0;
    while (at < json.size()) {
        if (json[at] == '"') {
            at = end_of_string(json, at);
        } else if (!is_space(json[at])) {
            ++at;
        } else {
            out.append(json, start, at - start);
            while (at < json.size() && is_space(json[at])) {
                ++at;
            }
            start = at;
        }
    }
    out.append(json, start, at - start);
}

std::string compact(Bytes json) {
    std::string out;
    out.reserve(json.size());
    append_compact(out, json);
    return out;
}

namespace {

// The place after the value that begins at `at`.
size_t end_of_value(Bytes json, size_t at) {
    size_t depth = 0;
    while (at < json.size()) {
        const char c = json[at];
        if (c == '"') {
            at = end_of_string(json, at);
        } else if (c == '{' || c == '[') {
            ++depth;
            ++at;
        } else if (c == '}' || c == ']' || c == ',') {
            if (depth == 0) {
                return at;
            }
            depth -= c == ',' ? 0 : 1;
            ++at;
        } else {
            ++at;
        }
    }
    return json.size();
}

}  // namespace

Bytes member_of(Bytes object, Bytes key) {
    size_t at = 0;
    while (at + 1 < object.size() && object[at + 1] == '"') {
        const size_t name = at + 1;
        const size_t colon = end_of_string(object, name);
        if (colon >= object.size()) {
            break;
        }
        at = end_of_value(object, colon + 1);
        if (object.substr(name + 1, colon - name - 2) == key) {
            return object.substr(colon + 1, at - colon - 1);
        }
    }
    return {};
}

Extra* find(Extras& extras, Bytes key) {
    for (Extra& extra : extras) {
        if (extra.key == key) {
            return &extra;
        }
    }
    return nullptr;
}

const Extra* find(const Extras& extras, Bytes key) {
    return find(const_cast<Extras&>(extras), key);
}

void set(Extras& extras, Bytes key, Bytes json) {
    if (Extra* extra = find(extras, key)) {
        extra->raw = compact(json);
        return;
    }
    extras.push_back({std::string(key), compact(json)});
}

void erase(Extras& extras, Bytes key) {
    std::erase_if(extras, [key](const Extra& e) { return e.key == key; });
}

bool append_element(std::string& array, Bytes json) {
    if (array.empty() || array == "null") {
        array = "[]";
    }
    if (array.front() != '[' || array.back() != ']') {
        return false;
    }
    array.pop_back();
    if (array.size() > 1) {
        array += ',';
    }
    append_compact(array, json);
    array += ']';
    return true;
}

std::string text_of(const json::Document& doc, json::NodeId object,
                    Bytes key) {
    const json::NodeId id = doc.find(object, key);
    if (!doc.is(id, json::Type::kString)) {
        return {};
    }
    std::string scratch;
    return std::string(doc.string(id, scratch));
}

std::string& Object::key(Bytes name) {
    if (!first_) {
        out_ += ',';
    }
    first_ = false;
    append_json_string(out_, name);
    out_ += ':';
    return out_;
}

void Object::extras(const Extras& extras) {
    for (const Extra& extra : extras) {
        json(extra.key, extra.raw);
    }
}

void append_replaced(std::string& out, const json::Document& doc,
                     json::NodeId object,
                     std::initializer_list<Replacement> with) {
    Object copy(out);
    for (const json::NodeId member : doc.children(object)) {
        const Bytes key = doc.key(member);
        const auto* found =
            std::find_if(with.begin(), with.end(),
                         [key](const Replacement& r) { return r.key == key; });
        if (found != with.end()) {
            copy.json(key, found->json);
        } else {
            append_compact(copy.key(key), doc.raw(member));
        }
    }
    copy.end();
}

void append_with(std::string& out, const json::Document& doc,
                 json::NodeId object, Bytes key, Bytes value) {
    append_replaced(out, doc, object, {{key, value}});
    if (doc.find(object, key) == json::kNoNode) {
        out.pop_back();
        out += doc.size(object) > 0 ? "," : "";
        append_json_string(out, key);
        out.append(":").append(value).append("}");
    }
}

}  // namespace llm::api::raw
