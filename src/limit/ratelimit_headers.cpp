#include "src/limit/ratelimit_headers.hpp"

#include <algorithm>
#include <charconv>

namespace llm::limit {
namespace {

constexpr int64_t kMilli = 1000000;
// Some clients wait for as long as they are told, and their callers hang.
constexpr int64_t kLongestWait = 60000 * kMilli;

int64_t round_up(int64_t value, int64_t unit) {
    return value <= 0 ? 0 : (value - 1) / unit + 1;
}

bool tighter(const Standing& a, const Standing& b) {
    __int128 left = static_cast<__int128>(a.remaining) * b.limit;
    __int128 right = static_cast<__int128>(b.remaining) * a.limit;
    return left < right || (left == right && a.remaining < b.remaining);
}

RateHeaders headers_of(const Standing* standing) {
    if (standing == nullptr) {
        return {};
    }
    return {ShortText(standing->limit), ShortText(standing->remaining),
            ShortText::duration(standing->reset_ns)};
}

// No more than `max` digits; returns where they end.
char* write_number(char* to, int64_t value, size_t max) {
    return std::to_chars(to, to + max, value).ptr;
}

char* write_duration(char* to, int64_t ns) {
    int64_t ms = round_up(ns, kMilli);
    if (ms > 0 && ms < 1000) {
        to = write_number(to, ms, 3);
        *to++ = 'm';
        *to++ = 's';
        return to;
    }
    int64_t seconds = ms / 1000;
    if (seconds >= 3600) {
        to = write_number(to, seconds / 3600, 7);
        *to++ = 'h';
    }
    if (seconds >= 60) {
        to = write_number(to, seconds / 60 % 60, 2);
        *to++ = 'm';
    }
    to = write_number(to, seconds % 60, 2);
    if (ms % 1000 != 0) {
        *to++ = '.';
        for (int64_t rest = ms % 1000; rest != 0; rest = rest % 100 * 10) {
            *to++ = static_cast<char>('0' + rest / 100);
        }
    }
    *to++ = 's';
    return to;
}

}  // namespace

ShortText::ShortText(int64_t number) {
    char* end = write_number(text_, number, kMax);
    size_ = static_cast<uint32_t>(end - text_);
}

ShortText ShortText::duration(int64_t ns) {
    ShortText text;
    char* end = write_duration(text.text_, ns);
    text.size_ = static_cast<uint32_t>(end - text.text_);
    return text;
}

void Tightest::add(std::span<const Demand> demands,
                   std::span<const Standing> standings) {
    size_t count = std::min(demands.size(), standings.size());
    for (size_t i = 0; i < count; i++) {
        Kind kind = demands[i].kind;
        if (demands[i].dry_run
            || (kind != Kind::kRequests && kind != Kind::kTokens)) {
            continue;
        }
        const Standing*& found =
            kind == Kind::kRequests ? requests_ : tokens_;
        if (found == nullptr || tighter(standings[i], *found)) {
            found = &standings[i];
        }
    }
}

LimitHeaders Tightest::headers() const {
    return {headers_of(requests_), headers_of(tokens_)};
}

LimitHeaders limit_headers(std::span<const Demand> demands,
                           std::span<const Standing> standings) {
    Tightest tightest;
    tightest.add(demands, standings);
    return tightest.headers();
}

RetryHeaders retry_headers(const Refusal& refusal) {
    int64_t ms = std::max<int64_t>(1, round_up(refusal.retry_ns, kMilli));
    bool pointless = refusal.hopeless || refusal.retry_ns > kLongestWait;
    return {std::to_string(round_up(ms, 1000)), std::to_string(ms),
            pointless ? "false" : "true"};
}

std::string go_duration(int64_t ns) {
    return std::string(ShortText::duration(ns).view());
}

}  // namespace llm::limit
