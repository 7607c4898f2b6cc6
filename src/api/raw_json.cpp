#include "src/api/raw_json.hpp"

#include <algorithm>

namespace llm::api::raw {

void append_compact(std::string& out, Bytes json) {
    out.reserve(out.size() + json.size());
    size_t at = 0;
    while (at < json.size()) {
        const size_t start = at;
        if (json[at] == '"') {
            ++at;
            while (at < json.size() && json[at] != '"') {
                at += json[at] == '\\' ? 2 : 1;
            }
            at = std::min(at + 1, json.size());
            out.append(json, start, at - start);
            continue;
        }
        at = std::min(json.find_first_of(" \t\r\n\"", at), json.size());
        out.append(json, start, at - start);
        while (at < json.size() && json[at] != '"' &&
               static_cast<unsigned char>(json[at]) <= ' ') {
            ++at;
        }
    }
}

std::string compact(Bytes json) {
    std::string out;
    append_compact(out, json);
    return out;
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
