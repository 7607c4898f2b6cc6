// Calendar windows: the hour, day, week or month that an instant lies in, by
// the clocks of a time zone.
//
// Days begin at local midnight, or when the clocks jump over it; a day is 23
// or 25 hours long when they change. Weeks begin on Monday (ISO 8601), months
// on the first. Hours are those of the offset in force.
//
// Windows of one zone and period do not overlap and leave no gap, but for
// hours where clocks change by part of one. The instant lies in its window.
//
// Pure functions; any thread. Instants are clamped to the years 1 to 9999.
#pragma once

#include <optional>

#include "src/limit/demand.hpp"
#include "src/limit/timezone.hpp"

namespace llm::limit {

enum class Period : uint8_t { kHour, kDay, kWeek, kMonth };

// "hour", "day", "week", "month".
std::optional<Period> period_of(Bytes word);
Bytes name_of(Period period);

Window window_at(Period period, const TimeZone& zone, int64_t utc_s);

}  // namespace llm::limit
