#include "src/route/reset_time.hpp"

#include <algorithm>
#include <chrono>

#include "src/limit/rfc3339.hpp"

namespace llm::route {
namespace {

namespace chrono = std::chrono;

constexpr int64_t kSecond = 1000000000;
constexpr int64_t kMillisecond = 1000000;
// Above these a number of seconds is an instant, in seconds or milliseconds.
constexpr int64_t kUnixSeconds = 1000000000;
constexpr int64_t kUnixMilliseconds = 1000000000000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_space(char c) { return c == ' ' || c == '\t'; }

Bytes trim(Bytes text) {
    while (!text.empty() && is_space(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_space(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

bool starts_with_ignore_case(Bytes text, Bytes prefix) {
    return text.size() >= prefix.size()
           && equals_ignore_case(text.substr(0, prefix.size()), prefix);
}

bool ends_with_ignore_case(Bytes text, Bytes suffix) {
    return text.size() >= suffix.size()
           && equals_ignore_case(text.substr(text.size() - suffix.size()),
                                 suffix);
}

int64_t bounded(int64_t ns) {
    return std::clamp<int64_t>(ns, 0, ResetTimes::kMax);
}

// Digits with a fraction from the front of `text`, times `unit`, where
// 0 < unit <= 1 hour in ns; false when there is no digit. Saturates.
class Decimal {
public:
    bool read(Bytes& text) {
        size_t digits = 0;
        for (; !text.empty() && is_digit(text.front()); digits++) {
            if (whole_ < kMaxWhole) {
                whole_ = whole_ * 10 + (text.front() - '0');
            }
            text.remove_prefix(1);
        }
        if (!text.empty() && text.front() == '.') {
            text.remove_prefix(1);
            for (; !text.empty() && is_digit(text.front()); digits++) {
                if (scale_ < kSecond) {
                    fraction_ = fraction_ * 10 + (text.front() - '0');
                    scale_ *= 10;
                }
                text.remove_prefix(1);
            }
        }
        return digits > 0;
    }

    int64_t whole() const { return whole_; }

    // At most 2 * kMax + a unit, so that a few can be added.
    int64_t times(int64_t unit) const {
        __int128 ns = static_cast<__int128>(whole_) * unit;
        ns += static_cast<__int128>(fraction_) * unit / scale_;
        __int128 most = ResetTimes::kMax;
        return static_cast<int64_t>(std::min(ns, most));
    }

private:
    static constexpr int64_t kMaxWhole = int64_t{100000000000000000};
    int64_t whole_ = 0;
    int64_t fraction_ = 0;
    int64_t scale_ = 1;
};

// The unit at the front of a Go duration; 0: none.
int64_t take_unit(Bytes& text) {
    struct Unit {
        Bytes name;
        int64_t ns;
    };
    constexpr Unit kUnits[] = {
        {"ns", 1},           {"us", 1000},
        {"\xc2\xb5s", 1000}, {"\xce\xbcs", 1000},
        {"ms", 1000000},     {"s", kSecond},
        {"m", 60 * kSecond}, {"h", 3600 * kSecond},
    };
    for (const Unit& unit : kUnits) {
        if (text.substr(0, unit.name.size()) == unit.name) {
            text.remove_prefix(unit.name.size());
            return unit.ns;
        }
    }
    return 0;
}

constexpr Bytes kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";

// Reads a date from the front; `good` stays false once something failed.
struct DateReader {
    Bytes left;
    bool good = true;

    int number(size_t digits) {
        int value = 0;
        for (size_t i = 0; i < digits; i++) {
            good = good && !left.empty() && is_digit(left.front());
            if (!good) {
                return 0;
            }
            value = value * 10 + (left.front() - '0');
            left.remove_prefix(1);
        }
        return value;
    }
    void need(Bytes text) {
        good = good && left.substr(0, text.size()) == text;
        if (good) {
            left.remove_prefix(text.size());
        }
    }
    unsigned month() {
        size_t at = left.size() < 3 ? Bytes::npos
                                    : kMonths.find(left.substr(0, 3));
        good = good && at != Bytes::npos && at % 3 == 0;
        if (!good) {
            return 0;
        }
        left.remove_prefix(3);
        return static_cast<unsigned>(at / 3 + 1);
    }
    void skip_past(char c) {
        size_t at = left.find(c);
        good = good && at != Bytes::npos && at <= 9;
        if (good) {
            left.remove_prefix(at + 1);
        }
    }
};

struct Date {
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
};

void read_clock_time(DateReader& in, Date& date) {
    date.hour = in.number(2);
    in.need(":");
    date.minute = in.number(2);
    in.need(":");
    date.second = in.number(2);
}

// Sun, 06 Nov 1994 08:49:37 GMT
bool read_imf(Bytes text, Date& date) {
    DateReader in{text};
    in.skip_past(',');
    in.need(" ");
    date.day = static_cast<unsigned>(in.number(2));
    in.need(" ");
    date.month = in.month();
    in.need(" ");
    date.year = in.number(4);
    in.need(" ");
    read_clock_time(in, date);
    in.need(" GMT");
    return in.good && in.left.empty();
}

// Sunday, 06-Nov-94 08:49:37 GMT; a year more than 50 ahead is a past one.
bool read_rfc850(Bytes text, Now now, Date& date) {
    DateReader in{text};
    in.skip_past(',');
    in.need(" ");
    date.day = static_cast<unsigned>(in.number(2));
    in.need("-");
    date.month = in.month();
    in.need("-");
    auto today = chrono::floor<chrono::days>(
        chrono::sys_seconds(chrono::seconds(now.wall_s())));
    int year = static_cast<int>(chrono::year_month_day(today).year());
    date.year = year - year % 100 + in.number(2);
    date.year -= date.year > year + 50 ? 100 : 0;
    in.need(" ");
    read_clock_time(in, date);
    in.need(" GMT");
    return in.good && in.left.empty();
}

// Sun Nov  6 08:49:37 1994
bool read_asctime(Bytes text, Date& date) {
    DateReader in{text};
    in.skip_past(' ');
    date.month = in.month();
    in.need(" ");
    bool padded = !in.left.empty() && in.left.front() == ' ';
    if (padded) {
        in.left.remove_prefix(1);
    }
    date.day = static_cast<unsigned>(in.number(padded ? 1 : 2));
    in.need(" ");
    read_clock_time(in, date);
    in.need(" ");
    date.year = in.number(4);
    return in.good && in.left.empty();
}

std::optional<int64_t> to_seconds(const Date& date) {
    chrono::year_month_day day{chrono::year(date.year),
                               chrono::month(date.month),
                               chrono::day(date.day)};
    if (!day.ok() || date.hour > 23 || date.minute > 59
        || date.second > 60) {
        return std::nullopt;
    }
    int64_t days = chrono::sys_days(day).time_since_epoch().count();
    return days * 86400 + date.hour * 3600 + date.minute * 60 + date.second;
}

// From an instant of the wall clock, in seconds.
int64_t until(int64_t instant_s, Now now) {
    __int128 ns = static_cast<__int128>(instant_s) * kSecond - now.wall_ns;
    __int128 most = ResetTimes::kMax;
    return bounded(static_cast<int64_t>(std::clamp<__int128>(ns, 0, most)));
}

// A number that is an interval in seconds, or an instant.
std::optional<int64_t> interval_or_instant(Bytes text, Now now) {
    Bytes left = text;
    Decimal decimal;
    if (!decimal.read(left) || !left.empty()) {
        return std::nullopt;
    }
    if (decimal.whole() >= kUnixMilliseconds) {
        return until(decimal.whole() / 1000, now);
    }
    if (decimal.whole() >= kUnixSeconds) {
        return until(decimal.whole(), now);
    }
    return decimal.times(kSecond);
}

std::optional<int64_t> parse_reset(Bytes text, Now now) {
    if (auto number = interval_or_instant(text, now)) {
        return number;
    }
    if (auto duration = parse_go_duration(text)) {
        return duration;
    }
    if (auto instant = limit::parse_rfc3339(text)) {
        return until(*instant, now);
    }
    return std::nullopt;
}

std::optional<int64_t> parse_retry_after(Bytes text, Now now) {
    if (auto number = interval_or_instant(text, now)) {
        return number;
    }
    if (auto instant = parse_http_date(text, now)) {
        return until(*instant, now);
    }
    return std::nullopt;
}

// "0", "0.0", and "-1" as Azure writes what it does not count, is not known.
bool says_zero(Bytes remaining) {
    return !remaining.empty() && is_digit(remaining.front())
           && remaining.find_first_not_of("0.") == Bytes::npos;
}

}  // namespace

bool ResetTimes::add(Bytes name, Bytes value) {
    value = trim(value);
    if (equals_ignore_case(name, "retry-after-ms")
        || equals_ignore_case(name, "x-ms-retry-after-ms")) {
        retry_after_ms_ = value;
        return true;
    }
    if (equals_ignore_case(name, "retry-after")) {
        retry_after_ = value;
        return true;
    }
    return add_limit(name, value);
}

bool ResetTimes::add_limit(Bytes name, Bytes value) {
    constexpr Bytes kAnthropic = "anthropic-ratelimit-";
    bool anthropic = starts_with_ignore_case(name, kAnthropic);
    bool is_reset = false;
    Bytes what;
    if (anthropic) {
        what = name.substr(kAnthropic.size());
        is_reset = ends_with_ignore_case(what, "-reset");
        if (!is_reset && !ends_with_ignore_case(what, "-remaining")) {
            return false;
        }
        what.remove_suffix(is_reset ? 6 : 10);
    } else {
        what = starts_with_ignore_case(name, "x-") ? name.substr(2) : name;
        is_reset = starts_with_ignore_case(what, "ratelimit-reset");
        if (!is_reset
            && !starts_with_ignore_case(what, "ratelimit-remaining")) {
            return false;
        }
        what.remove_prefix(is_reset ? 15 : 19);
        if (!what.empty() && what.front() != '-') {
            return false;
        }
    }
    Kind* found = kind(what, anthropic);
    if (found == nullptr) {
        return false;
    }
    (is_reset ? found->reset : found->remaining) = value;
    return true;
}

ResetTimes::Kind* ResetTimes::kind(Bytes what, bool anthropic) {
    for (size_t i = 0; i < count_; i++) {
        if (kinds_[i].anthropic == anthropic
            && equals_ignore_case(kinds_[i].what, what)) {
            return &kinds_[i];
        }
    }
    if (count_ == kMaxKinds) {
        return nullptr;
    }
    kinds_[count_] = {what, anthropic, {}, {}};
    return &kinds_[count_++];
}

std::optional<int64_t> ResetTimes::asked(Now now) const {
    if (auto ms = parse_number(retry_after_ms_, kMillisecond)) {
        return ms;
    }
    return parse_retry_after(retry_after_, now);
}

std::optional<int64_t> ResetTimes::wait(Now now) const {
    std::optional<int64_t> ns = asked(now);
    return ns ? ns : wait_of_limits(now);
}

std::optional<int64_t> ResetTimes::wait_of_limits(Now now) const {
    std::optional<int64_t> exhausted;
    std::optional<int64_t> shortest;
    for (size_t i = 0; i < count_; i++) {
        auto ns = parse_reset(kinds_[i].reset, now);
        if (!ns) {
            continue;
        }
        if (says_zero(kinds_[i].remaining)) {
            exhausted = std::max(exhausted.value_or(0), *ns);
        }
        shortest = std::min(shortest.value_or(kMax), *ns);
    }
    return exhausted ? exhausted : shortest;
}

std::optional<int64_t> parse_go_duration(Bytes text) {
    bool negative = !text.empty() && text.front() == '-';
    if (!text.empty() && (negative || text.front() == '+')) {
        text.remove_prefix(1);
    }
    if (text == "0") {
        return 0;
    }
    if (text.empty()) {
        return std::nullopt;
    }
    int64_t sum = 0;
    while (!text.empty()) {
        Decimal decimal;
        if (!decimal.read(text)) {
            return std::nullopt;
        }
        int64_t unit = take_unit(text);
        if (unit == 0) {
            return std::nullopt;
        }
        sum = bounded(sum + decimal.times(unit));
    }
    return negative ? 0 : sum;
}

std::optional<int64_t> parse_number(Bytes text, int64_t unit_ns) {
    Decimal decimal;
    if (!decimal.read(text) || !text.empty()) {
        return std::nullopt;
    }
    return decimal.times(unit_ns);
}

std::optional<int64_t> parse_http_date(Bytes text, Now now) {
    for (int form = 0; form < 3; form++) {
        Date date;
        bool good = form == 0   ? read_imf(text, date)
                    : form == 1 ? read_rfc850(text, now, date)
                                : read_asctime(text, date);
        if (good) {
            return to_seconds(date);
        }
    }
    return std::nullopt;
}

}  // namespace llm::route
