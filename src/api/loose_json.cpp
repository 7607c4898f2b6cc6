#include "src/api/loose_json.hpp"

namespace llm::api {
namespace {

bool is_one_of(char c, Bytes set) {
    return set.find(ascii_lower(c)) != Bytes::npos;
}

// \uD800 to \uDFFF, either half of a pair, at the beginning.
bool is_surrogate(Bytes escape) {
    constexpr Bytes kHex = "0123456789abcdef";
    return escape.size() >= 6 && escape[1] == 'u'
           && is_one_of(escape[2], "d") && is_one_of(escape[3], "89abcdef")
           && is_one_of(escape[4], kHex) && is_one_of(escape[5], kHex);
}

std::string without_surrogates(Bytes text) {
    constexpr Bytes kReplacement = "\\ufffd";
    std::string out;
    out.reserve(text.size());
    for (size_t at = text.find('\\'); at != Bytes::npos;
         at = text.find('\\')) {
        out += text.substr(0, at);
        text.remove_prefix(at);
        bool half = is_surrogate(text);
        Bytes escape = text.substr(0, half ? kReplacement.size() : 2);
        out += half ? kReplacement : escape;
        text.remove_prefix(escape.size());
    }
    return out += text;
}

bool is_object(const json::Document& doc) {
    return doc.is(json::kRoot, json::Type::kObject);
}

}  // namespace

bool read_loosely(Bytes text, json::Document& doc, std::string& scratch) {
    scratch = without_surrogates(text);
    return doc.parse_as_written(scratch).ok() && is_object(doc);
}

EventJson read_event_json(Bytes data, json::Document& doc,
                          std::string& scratch) {
    if (doc.parse(data).ok()) {
        return is_object(doc) ? EventJson::kObject : EventJson::kNone;
    }
    return read_loosely(data, doc, scratch) ? EventJson::kLoose
                                            : EventJson::kNone;
}

}  // namespace llm::api
