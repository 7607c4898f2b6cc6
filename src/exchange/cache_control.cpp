#include "src/exchange/cache_control.hpp"

#include <algorithm>

namespace llm::exchange {
namespace {

constexpr int64_t kVeryLong = int64_t{1} << 31;

Bytes trim(Bytes text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
        text.remove_suffix(1);
    }
    return text;
}

// delta-seconds, with or without quotes; nothing when it is no number.
std::optional<int64_t> seconds(Bytes text) {
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
        text = text.substr(1, text.size() - 2);
    }
    if (text.empty()
        || text.find_first_not_of("0123456789") != Bytes::npos) {
        return std::nullopt;
    }
    uint64_t value = 0;
    if (!parse_decimal(text, value)) {
        return kVeryLong;
    }
    return static_cast<int64_t>(
        std::min<uint64_t>(value, static_cast<uint64_t>(kVeryLong)));
}

// The next directive up to a comma outside quotes; `rest` moves behind it.
Bytes next_directive(Bytes& rest) {
    bool quoted = false;
    size_t i = 0;
    for (; i < rest.size() && (quoted || rest[i] != ','); i++) {
        if (quoted && rest[i] == '\\') {
            i++;  // whatever it is, it ends nothing
        } else if (rest[i] == '"') {
            quoted = !quoted;
        }
    }
    Bytes directive = rest.substr(0, i);
    rest.remove_prefix(std::min(i + 1, rest.size()));
    return trim(directive);
}

}  // namespace

void ClientControl::read(Bytes value) {
    while (!value.empty()) {
        Bytes directive = next_directive(value);
        size_t equals = directive.find('=');
        Bytes name = trim(directive.substr(0, equals));
        std::optional<int64_t> number;
        if (equals != Bytes::npos) {
            number = seconds(trim(directive.substr(equals + 1)));
        }
        if (equals_ignore_case(name, "no-cache")) {
            no_cache = true;
        } else if (equals_ignore_case(name, "no-store")) {
            no_store = true;
        } else if (equals_ignore_case(name, "only-if-cached")) {
            only_if_cached = true;
        } else if (equals_ignore_case(name, "max-age") && number) {
            max_age_s = std::min(max_age_s.value_or(*number), *number);
        } else if (equals_ignore_case(name, "min-fresh") && number) {
            min_fresh_s = std::max(min_fresh_s.value_or(0), *number);
        }
    }
    no_cache = no_cache || max_age_s == 0;
}

}  // namespace llm::exchange
