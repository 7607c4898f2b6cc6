#include "src/limit/calendar.hpp"

#include <algorithm>
#include <chrono>

namespace llm::limit {
namespace {

namespace chrono = std::chrono;

constexpr int64_t kHour = 3600;
constexpr int64_t kDay = 86400;
constexpr int64_t kFirst = -62135596800;  // year 1
constexpr int64_t kLast = 253402300799;   // year 9999

constexpr Bytes kNames[] = {"hour", "day", "week", "month"};

int64_t floor_to(int64_t value, int64_t unit) {
    int64_t rest = value % unit;
    return value - rest - (rest < 0 ? unit : 0);
}

// The local beginnings of the window of a local time and of the next one,
// as seconds as if they were UTC.
Window local_window(Period period, int64_t local_s) {
    int64_t day = floor_to(local_s, kDay);
    chrono::sys_days days(chrono::days(day / kDay));
    switch (period) {
    case Period::kHour:
    case Period::kDay:
        return {day, day + kDay};
    case Period::kWeek: {
        // 0 on Monday
        auto passed = (chrono::weekday(days) - chrono::Monday).count();
        return {day - passed * kDay, day + (7 - passed) * kDay};
    }
    case Period::kMonth:
        break;
    }
    chrono::year_month_day date(days);
    auto month = date.year() / date.month();
    auto begin = chrono::sys_days(month / 1);
    auto end = chrono::sys_days((month + chrono::months(1)) / 1);
    return {begin.time_since_epoch().count() * kDay,
            end.time_since_epoch().count() * kDay};
}

}  // namespace

std::optional<Period> period_of(Bytes word) {
    const Bytes* at = std::find(std::begin(kNames), std::end(kNames), word);
    if (at == std::end(kNames)) {
        return std::nullopt;
    }
    return static_cast<Period>(at - kNames);
}

Bytes name_of(Period period) { return kNames[static_cast<size_t>(period)]; }

Window window_at(Period period, const TimeZone& zone, int64_t utc_s) {
    utc_s = std::clamp(utc_s, kFirst, kLast);
    int64_t local = utc_s + zone.offset_at(utc_s);
    if (period == Period::kHour) {
        int64_t start = utc_s - (local - floor_to(local, kHour));
        return {start, start + kHour};
    }
    Window window = local_window(period, local);
    Window utc{zone.utc_of(window.start_s), zone.utc_of(window.end_s)};
    if (utc_s >= utc.end_s) {
        // Clocks put back over midnight: yesterday's last hour comes again,
        // when its day is over already.
        window = local_window(period, window.end_s);
        utc = {utc.end_s, zone.utc_of(window.end_s)};
    }
    return utc;
}

}  // namespace llm::limit
