// TimeZone: an IANA time zone from the system's own files, for calendar
// windows. Needed because std::chrono's zones are not in gcc 12, and
// localtime() knows one zone a process, set through global state.
//
// Source: TZif versions 1 to 4 (RFC 8536), usually /usr/share/zoneinfo; after
// the last transition the footer's POSIX TZ rule goes on (POSIX.1 §8.3, with
// RFC 8536's hours from -167 to 167). Leap seconds are not applied: the
// clock is POSIX time.
//
// Bounds: files of at most kMaxBytes, names without "..", of at most 64
// bytes of letters, digits, / _ + -. kInvalid (a name that is none),
// kNotFound (an unknown zone), kCorrupt.
//
// A plain value; const use from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "src/base/bytes.hpp"
#include "src/base/result.hpp"

namespace llm::limit {

// When a half of the year begins, in POSIX's three forms.
struct ZoneRule {
    enum class Form : uint8_t { kJulian, kDay, kWeekday };

    Form form = Form::kWeekday;
    int day = 0;  // 1 to 365 without February 29; 0 to 365; 0 to 6, Sunday 0
    int month = 0;
    int week = 0;  // 5 is the last
    int32_t time_s = 7200;
};

struct ZoneFooter {
    int32_t standard_s = 0;  // east of Greenwich
    int32_t summer_s = 0;
    bool has_summer = false;
    ZoneRule begin;  // of summer time
    ZoneRule end;
};

class TimeZone {
public:
    static constexpr size_t kMaxBytes = 256 << 10;

    // UTC.
    TimeZone() = default;

    static Result<TimeZone> load(Bytes name,
                                 Bytes folder = "/usr/share/zoneinfo");
    static Result<TimeZone> parse(Bytes file);

    // Seconds east of Greenwich at that instant (since 1970 UTC).
    int32_t offset_at(int64_t utc_s) const;

    // The first instant whose local time is `local_s` (as if that were UTC)
    // or, where the clocks skip it, the instant of the skip.
    int64_t utc_of(int64_t local_s) const;

private:
    struct Change {
        int64_t at;
        int32_t offset_s;  // from then on
    };

    int32_t first_s_ = 0;  // before all changes
    std::vector<Change> changes_;
    std::optional<ZoneFooter> footer_;
};

// A POSIX TZ string such as "CET-1CEST,M3.5.0,M10.5.0/3".
std::optional<ZoneFooter> parse_footer(Bytes text);

}  // namespace llm::limit
