// Media types of answers, by the value of Content-Type; parameters do not
// count.
#pragma once

#include "src/base/bytes.hpp"

namespace llm::exchange {

// "text/event-stream; charset=utf-8" is text/event-stream.
inline bool is_type(Bytes content_type, Bytes type) {
    Bytes name = content_type.substr(0, content_type.find(';'));
    while (!name.empty() && name.back() == ' ') {
        name.remove_suffix(1);
    }
    return equals_ignore_case(name, type);
}

inline bool is_event_stream(Bytes content_type) {
    return is_type(content_type, "text/event-stream");
}

// application/json and everything +json.
inline bool is_json(Bytes content_type) {
    if (is_type(content_type, "application/json")) {
        return true;
    }
    Bytes name = content_type.substr(0, content_type.find(';'));
    constexpr Bytes kSuffix = "+json";
    return name.size() > kSuffix.size()
           && equals_ignore_case(name.substr(name.size() - kSuffix.size()),
                                 kSuffix);
}

}  // namespace llm::exchange
