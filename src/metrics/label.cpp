#include "src/metrics/label.hpp"

#include <algorithm>

namespace llm::metrics {

size_t utf8_length(Bytes text) {
    auto byte = [&](size_t at) {
        return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u;
    };
    unsigned first = byte(0);
    unsigned low = 0x80;  // bounds of the second byte
    unsigned high = 0xbf;
    size_t length = 0;
    if (first < 0x80) {
        return 1;
    } else if (first >= 0xc2 && first <= 0xdf) {
        length = 2;
    } else if (first >= 0xe0 && first <= 0xef) {
        length = 3;
        low = first == 0xe0 ? 0xa0 : 0x80;
        high = first == 0xed ? 0x9f : 0xbf;
    } else if (first >= 0xf0 && first <= 0xf4) {
        length = 4;
        low = first == 0xf0 ? 0x90 : 0x80;
        high = first == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    if (byte(1) < low || byte(1) > high) {
        return 0;
    }
    for (size_t at = 2; at < length; ++at) {
        if (byte(at) < 0x80 || byte(at) > 0xbf) {
            return 0;
        }
    }
    return length;
}

bool is_clean_value(Bytes value) {
    if (value.size() > kMaxLabelBytes) {
        return false;
    }
    while (!value.empty()) {
        auto first = static_cast<unsigned char>(value[0]);
        size_t length = utf8_length(value);
        if (length == 0 || first < 0x20 || first == 0x7f) {
            return false;
        }
        value.remove_prefix(length);
    }
    return true;
}

Bytes admitted(const Label& label, Bytes value) {
    if (!is_clean_value(value)) {
        return kOther;
    }
    if (value.empty() || label.allowed.empty()) {
        return value;
    }
    bool known = std::ranges::find(label.allowed, value) != label.allowed.end();
    return known ? value : kOther;
}

}  // namespace llm::metrics
