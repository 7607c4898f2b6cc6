#include "src/price/decimal.hpp"

#include <algorithm>

#include "src/json/text.hpp"

namespace llm::price {
namespace {

constexpr uint64_t kMost = INT64_MAX;
// Beyond this many places nothing but zero is left, or no room for more.
constexpr int64_t kFarExponent = 1000000000;

// The digits of a number and where its point stands.
struct Digits {
    std::string digits;  // without leading zeros
    int64_t exponent = 0;  // value = digits * 10^exponent
    bool negative = false;
};

int64_t read_exponent(Bytes text) {
    bool negative = false;
    if (text.front() == '+' || text.front() == '-') {
        negative = text.front() == '-';
        text.remove_prefix(1);
    }
    int64_t value = 0;
    for (char c : text) {
        value = std::min(kFarExponent, value * 10 + (c - '0'));
    }
    return negative ? -value : value;
}

Digits split(Bytes text) {
    Digits out;
    if (text.front() == '-') {
        out.negative = true;
        text.remove_prefix(1);
    }
    size_t e = text.find_first_of("eE");
    if (e != Bytes::npos) {
        out.exponent = read_exponent(text.substr(e + 1));
        text = text.substr(0, e);
    }
    size_t point = text.find('.');
    out.digits.assign(text.substr(0, point));
    if (point != Bytes::npos) {
        Bytes fraction = text.substr(point + 1);
        out.digits.append(fraction);
        out.exponent -= static_cast<int64_t>(fraction.size());
    }
    out.digits.erase(0, out.digits.find_first_not_of('0'));
    return out;
}

}  // namespace

Result<int64_t> parse_scaled(Bytes text, int places, bool* exact) {
    if (!json::is_number(text)) {
        return Error{Errc::kInvalid, "is not a number"};
    }
    Digits parts = split(text);
    if (exact != nullptr) {
        *exact = true;
    }
    if (parts.digits.empty()) {
        return int64_t{0};
    }
    int64_t shift = parts.exponent + places;
    int64_t whole = static_cast<int64_t>(parts.digits.size()) + shift;
    if (whole > 19) {
        return Error{Errc::kTooLarge, "is too large"};
    }
    if (exact != nullptr) {
        auto kept = static_cast<size_t>(std::max<int64_t>(whole, 0));
        *exact = parts.digits.find_first_not_of('0', kept) == Bytes::npos;
    }
    uint64_t value = 0;  // below 10^19, which 64 unsigned bits hold
    for (int64_t i = 0; i < whole; i++) {
        auto at = static_cast<size_t>(i);
        char digit = at < parts.digits.size() ? parts.digits[at] : '0';
        value = value * 10 + static_cast<uint64_t>(digit - '0');
    }
    if (whole >= 0 && shift < 0
        && parts.digits[static_cast<size_t>(whole)] >= '5') {
        value++;
    }
    if (value > kMost) {
        return Error{Errc::kTooLarge, "is too large"};
    }
    auto result = static_cast<int64_t>(value);
    return parts.negative ? -result : result;
}

std::string format_scaled(int64_t value, int places, int least) {
    uint64_t size = value < 0 ? 0 - static_cast<uint64_t>(value)
                              : static_cast<uint64_t>(value);
    std::string digits = std::to_string(size);
    auto wanted = static_cast<size_t>(places);
    if (digits.size() <= wanted) {
        digits.insert(0, wanted + 1 - digits.size(), '0');
    }
    std::string fraction = digits.substr(digits.size() - wanted);
    digits.resize(digits.size() - wanted);
    while (fraction.size() > static_cast<size_t>(least)
           && fraction.back() == '0') {
        fraction.pop_back();
    }
    return (value < 0 ? "-" : "") + digits
           + (fraction.empty() ? "" : "." + fraction);
}

}  // namespace llm::price
