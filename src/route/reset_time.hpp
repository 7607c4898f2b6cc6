// ResetTimes: how long a provider wants to be left alone, from the headers of
// its refusal. Fed header by header, then asked once:
//
//     ResetTimes times;
//     for (…) times.add(name, value);
//     std::optional<int64_t> ns = times.wait(now);
//
// In the order of trust:
//     retry-after-ms, x-ms-retry-after-ms   milliseconds, may have a fraction
//     Retry-After                           seconds, or an HTTP date
//     (x-)ratelimit-reset(-WHAT)            Go durations ("6m0s", "120ms"),
//                                           seconds, Unix time
//     anthropic-ratelimit-WHAT-reset        RFC 3339, or the same as above
// Of the last two kinds those count whose …-remaining says 0, and of these
// the longest; where none says 0, the shortest of all.
//
// What is past is 0, what is beyond kMax is kMax, what can not be read is as
// if it were not there. Plain value; any thread. Sources: RFC 9110 §5.6.7
// and §10.2.3, Go time.ParseDuration, OpenAI and Anthropic rate limit
// headers as they were seen.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "src/base/bytes.hpp"
#include "src/base/clock.hpp"

namespace llm::route {

class ResetTimes {
public:
    static constexpr int64_t kMax = int64_t{86400} * 1000000000;

    // Views: they live until wait() is done. A name in any case. False: not
    // a header for us, or one more than kMaxKinds of them.
    bool add(Bytes name, Bytes value);

    // Nanoseconds from `now`; empty: the provider did not say. For a 429:
    // the limits stand in every answer and tell nothing of other failures.
    std::optional<int64_t> wait(Now now) const;
    // By retry-after(-ms) alone, which is always about this failure.
    std::optional<int64_t> asked(Now now) const;

private:
    static constexpr size_t kMaxKinds = 16;

    struct Kind {
        Bytes what;  // between prefix and suffix; "" without
        bool anthropic = false;
        Bytes reset;
        Bytes remaining;
    };

    Kind* kind(Bytes what, bool anthropic);
    bool add_limit(Bytes name, Bytes value);
    std::optional<int64_t> wait_of_limits(Now now) const;

    Bytes retry_after_ms_;
    Bytes retry_after_;
    std::array<Kind, kMaxKinds> kinds_{};
    size_t count_ = 0;
};

// The pieces, each for a value without space around it.

// "1h15m30.918s", "120ms", "0"; ns, us, µs, ms, s, m, h. Nanoseconds, at most
// ResetTimes::kMax; a negative one is 0.
std::optional<int64_t> parse_go_duration(Bytes text);

// Decimal digits with a fraction: "1", "1.5", ".5"; scaled by `unit_ns`.
std::optional<int64_t> parse_number(Bytes text, int64_t unit_ns);

// The three forms of RFC 9110 §5.6.7; seconds since 1970 UTC.
std::optional<int64_t> parse_http_date(Bytes text, Now now);

}  // namespace llm::route
