// Amounts as operators write them, the same in directives and in key files.
//
//   count   "60", "100k", "2m": k is a thousand, m a million
//   rate    count "/" s, m, h or d (or second, minute, hour, day): "100k/m"
//   money   decimal USD: "50", "0.25", "1e3"; more than nine digits after
//           the point are an error, since a nano-dollar is the smallest
//   allowance  money "/" hour, day, week or month: "50/day"
//   percent "80%", 1 to 100
//
// Errors (kInvalid, kTooLarge) say what is wrong and fit after a place:
// "must be …". All values are positive and at most 2^60.
//
// Pure functions; any thread.
#pragma once

#include "src/base/bytes.hpp"
#include "src/base/result.hpp"
#include "src/limit/calendar.hpp"
#include "src/limit/rate.hpp"

namespace llm::limit {

Result<int64_t> parse_count(Bytes text);
Result<Rate> parse_rate(Bytes text);
// Nano-dollars; 0 is a budget that admits nothing.
Result<int64_t> parse_usd(Bytes text);

struct Allowance {
    int64_t nano = 0;
    Period period = Period::kDay;
};
Result<Allowance> parse_allowance(Bytes text);
Result<int64_t> parse_percent(Bytes text);

}  // namespace llm::limit
