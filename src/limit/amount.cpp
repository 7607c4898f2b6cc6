#include "src/limit/amount.hpp"

#include "src/price/decimal.hpp"

namespace llm::limit {
namespace {

constexpr int64_t kMost = int64_t{1} << 60;
constexpr int64_t kSecond = 1000000000;
constexpr int kNanoPlaces = 9;

struct Unit {
    Bytes letter;
    Bytes word;
    int64_t ns;
};

constexpr Unit kUnits[] = {{"s", "second", kSecond},
                           {"m", "minute", 60 * kSecond},
                           {"h", "hour", 3600 * kSecond},
                           {"d", "day", 86400 * kSecond}};

Error wrong(const char* message) { return {Errc::kInvalid, message}; }

}  // namespace

Result<int64_t> parse_count(Bytes text) {
    uint64_t factor = 1;
    if (text.ends_with('k') || text.ends_with('m')) {
        factor = text.back() == 'k' ? 1000 : 1000000;
        text.remove_suffix(1);
    }
    uint64_t value = 0;
    if (!parse_decimal(text, value) || value == 0) {
        return wrong("must be a positive number such as 60, 100k or 2m");
    }
    if (value > static_cast<uint64_t>(kMost) / factor) {
        return Error{Errc::kTooLarge, "is too large"};
    }
    return static_cast<int64_t>(value * factor);
}

Result<Rate> parse_rate(Bytes text) {
    size_t slash = text.find('/');
    if (slash == Bytes::npos) {
        return wrong("must be a rate such as 60/m or 100k/m");
    }
    Result<int64_t> count = parse_count(text.substr(0, slash));
    if (!count) {
        return count.error();
    }
    Bytes unit = text.substr(slash + 1);
    for (const Unit& known : kUnits) {
        if (unit == known.letter || unit == known.word) {
            return Rate{*count, known.ns};
        }
    }
    return wrong("must be a rate per s, m, h or d");
}

Result<int64_t> parse_usd(Bytes text) {
    bool exact = true;
    Result<int64_t> nano = price::parse_scaled(text, kNanoPlaces, &exact);
    if (!nano) {
        return nano.error().code == Errc::kTooLarge
                   ? nano.error()
                   : wrong("must be a number of USD such as 50 or 0.25");
    }
    if (*nano < 0 || text.front() == '-') {
        return wrong("must not be negative");
    }
    if (*nano > kMost) {
        return Error{Errc::kTooLarge, "is too large"};
    }
    if (!exact) {
        return wrong("must have at most nine digits after the point");
    }
    return nano;
}

Result<Allowance> parse_allowance(Bytes text) {
    size_t slash = text.find('/');
    std::optional<Period> period =
        slash == Bytes::npos ? std::nullopt
                             : period_of(text.substr(slash + 1));
    if (!period) {
        return wrong("must be an amount and a window: 50/day, of hour, day, "
                     "week and month");
    }
    Result<int64_t> nano = parse_usd(text.substr(0, slash));
    if (!nano) {
        return nano.error();
    }
    return Allowance{*nano, *period};
}

Result<int64_t> parse_percent(Bytes text) {
    uint64_t number = 0;
    bool good = text.ends_with('%')
                && parse_decimal(text.substr(0, text.size() - 1), number)
                && number >= 1 && number <= 100;
    if (!good) {
        return wrong("must be 1% to 100%");
    }
    return static_cast<int64_t>(number);
}

}  // namespace llm::limit
