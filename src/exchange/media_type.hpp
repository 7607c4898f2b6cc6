// Media types of answers, by the value of Content-Type; parameters do not
// count.
#pragma once

#include "src/base/bytes.hpp"

namespace llm::exchange {

// Where its name ends: before its parameters, also where something else than
// a semicolon stands before them.
inline bool ends_type_name(char c) {
    return c == ';' || c == ' ' || c == '\t' || c == ',';
}

inline Bytes name_of_type(Bytes content_type) {
    size_t size = 0;
    while (size < content_type.size()
           && !ends_type_name(content_type[size])) {
        size++;
    }
    return content_type.substr(0, size);
}

// "text/event-stream; charset=utf-8" is text/event-stream.
inline bool is_type(Bytes content_type, Bytes type) {
    return content_type.size() >= type.size()
           && (content_type.size() == type.size()
               || ends_type_name(content_type[type.size()]))
           && same_letters(content_type.substr(0, type.size()), type);
}

inline bool is_event_stream(Bytes content_type) {
    return is_type(content_type, "text/event-stream");
}

inline bool is_html(Bytes content_type) {
    return is_type(content_type, "text/html");
}

// application/json, text/json and everything +json.
inline bool is_json(Bytes content_type) {
    if (is_type(content_type, "application/json")
        || is_type(content_type, "text/json")) {
        return true;
    }
    Bytes name = name_of_type(content_type);
    constexpr Bytes kSuffix = "+json";
    return name.size() > kSuffix.size()
           && equals_ignore_case(name.substr(name.size() - kSuffix.size()),
                                 kSuffix);
}

}  // namespace llm::exchange
