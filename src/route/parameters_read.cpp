// What the operator writes behind llm_set.
#include <algorithm>

#include "src/route/parameters.hpp"

namespace llm::route {
namespace {

using json::Document;
using json::kRoot;
using json::Type;

// Other parts of the module answer for these.
constexpr Bytes kNotOurs[] = {
    "model", "messages", "system", "instructions", "prompt", "input",
    "tools", "stream", "stream_options",
};

constexpr Bytes kLimits[] = {
    "max_tokens", "max_completion_tokens", "max_output_tokens",
};

constexpr const char* kEffortOfChat = "reasoning_effort";

std::vector<std::string> effort() { return {"reasoning", "effort"}; }

// What begins with one of these is not a word.
constexpr Bytes kNoWord = "{[\"+-.0123456789";

Error invalid(std::string message) {
    return {Errc::kInvalid, std::move(message)};
}

// What a variable gives most often: digits that are JSON as they stand.
bool is_plain_count(Bytes text) {
    return (text[0] != '0' || text.size() == 1)
           && std::all_of(text.begin(), text.end(), [](char c) {
                  return c >= '0' && c <= '9';
              });
}

template <typename List>
bool has(const List& list, Bytes word) {
    return std::find(std::begin(list), std::end(list), word)
           != std::end(list);
}

}  // namespace

std::optional<SetMode> set_mode_of(Bytes word) {
    if (word == "default") {
        return SetMode::kDefault;
    }
    if (word == "cap") {
        return SetMode::kCap;
    }
    if (word == "force") {
        return SetMode::kForce;
    }
    return std::nullopt;
}

Result<ParameterPath> parameter_path(Bytes text) {
    ParameterPath path;
    if (text.size() > ParameterPath::kMaxSize) {
        return invalid("the parameter's name is too long");
    }
    for (char c : text) {
        if (c <= ' ' || c > '~' || c == '"' || c == '\\') {
            return invalid("the parameter's name holds a character that is "
                           "not allowed");
        }
    }
    for (size_t at = 0; at <= text.size();) {
        size_t end = std::min(text.find('.', at), text.size());
        if (end == at) {
            return invalid("a name is missing");
        }
        path.names.emplace_back(text.substr(at, end - at));
        at = end + 1;
    }
    if (path.names.size() > ParameterPath::kMaxDepth) {
        return invalid("more than 4 names");
    }
    if (has(kNotOurs, path.names[0])) {
        return invalid("this member is not for llm_set");
    }
    return path;
}

bool ParameterPath::is_limit() const {
    return names.size() == 1 && has(kLimits, names[0]);
}

bool ParameterPath::is_effort() const {
    return names.size() == 1 ? names[0] == kEffortOfChat
                             : names.size() == 2 && names == effort();
}

bool nested(const ParameterPath& a, const ParameterPath& b) {
    auto names = [](const ParameterPath& path) {
        return path.is_effort() ? effort() : path.names;
    };
    std::vector<std::string> longer = names(a);
    std::vector<std::string> shorter = names(b);
    if (longer.size() < shorter.size()) {
        longer.swap(shorter);
    }
    return longer.size() != shorter.size()
           && std::equal(shorter.begin(), shorter.end(), longer.begin());
}

Result<std::string> parameter_value(Bytes text, SetMode mode) {
    if (text.empty()) {
        return invalid("there is no value");
    }
    if (is_plain_count(text)) {
        return std::string(text);
    }
    Document doc;
    std::string value;
    if (doc.parse(text).ok()) {
        if (doc.is(kRoot, Type::kObject) || doc.is(kRoot, Type::kArray)) {
            return invalid("an object or an array cannot be set");
        }
        value = doc.raw(kRoot);
    } else if (kNoWord.find(text[0]) != Bytes::npos) {
        return invalid("not a JSON value; a string that begins like a number "
                       "stands in quotes");
    } else {
        append_json_string(value, text);
        bool control = std::any_of(text.begin(), text.end(), [](char c) {
            return static_cast<unsigned char>(c) < 0x20;
        });
        if (control || !doc.parse(value).ok()) {
            return invalid("the value is not UTF-8 or holds a control "
                           "character");
        }
    }
    if (mode == SetMode::kCap && !doc.is(kRoot, Type::kNumber)) {
        return invalid("only a number can be a cap");
    }
    return value;
}

Result<void> check_value(const ParameterPath& path, Bytes value,
                         SetMode mode) {
    if (!path.is_limit()) {
        return {};
    }
    char first = value[0];
    bool number = first == '-' || (first >= '0' && first <= '9');
    if (!number && value != "null") {
        return invalid("a limit of tokens is a number");
    }
    // Zero and less mean "no limit" to some servers.
    if (mode == SetMode::kCap && (!is_plain_count(value) || value == "0")) {
        return invalid("a limit of tokens is a whole number from 1 on");
    }
    return {};
}

}  // namespace llm::route
