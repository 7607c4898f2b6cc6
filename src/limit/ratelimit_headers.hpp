// What an answer says about its limits: OpenAI's x-ratelimit-* of the
// tightest limit, and on a refusal when to come back. The values only; the
// door writes the headers and leaves out those that are empty.
//
// Formats: counts in decimal; x-ratelimit-reset-* as Go's time.ParseDuration
// reads it ("6m0s", "1s", "120ms"), as OpenAI sends it; Retry-After whole
// seconds (RFC 9110 §10.2.3), rounded up and never 0; retry-after-ms whole
// milliseconds; x-should-retry "false" when waiting is pointless, because
// the SDKs would sleep for hours or hammer. Their default is to retry a 429.
//
// Pure functions; any thread.
#pragma once

#include <span>
#include <string>

#include "src/base/bytes.hpp"
#include "src/limit/demand.hpp"

namespace llm::limit {

// A number or a duration, in place.
class ShortText {
public:
    static constexpr size_t kMax = 24;  // "-9223372036854775808", with room

    ShortText() {}
    explicit ShortText(int64_t number);
    static ShortText duration(int64_t ns);  // go_duration()

    Bytes view() const { return {text_, size_}; }
    bool empty() const { return size_ == 0; }
    friend bool operator==(const ShortText& a, Bytes b) {
        return a.view() == b;
    }

private:
    char text_[kMax];
    uint32_t size_ = 0;
};

struct RateHeaders {
    ShortText limit;      // x-ratelimit-limit-…
    ShortText remaining;  // x-ratelimit-remaining-…
    ShortText reset;      // x-ratelimit-reset-…
};

struct LimitHeaders {
    RateHeaders requests;
    RateHeaders tokens;
};

// Finds the tightest: the one with the smallest share left; of equal ones the
// one with the fewest left. Dry runs are not told. What is added lives as
// long as this.
class Tightest {
public:
    void add(std::span<const Demand> demands,
             std::span<const Standing> standings);
    LimitHeaders headers() const;

private:
    const Standing* requests_ = nullptr;
    const Standing* tokens_ = nullptr;
};

LimitHeaders limit_headers(std::span<const Demand> demands,
                           std::span<const Standing> standings);

struct RetryHeaders {
    std::string retry_after;
    std::string retry_after_ms;
    std::string should_retry;  // "true" or "false"
};

RetryHeaders retry_headers(const Refusal& refusal);

// "1h0m0s", "6m0s", "1.5s", "120ms", "0s"; rounded up to milliseconds.
std::string go_duration(int64_t ns);

}  // namespace llm::limit
