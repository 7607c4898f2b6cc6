#include "src/limit/ratelimit_headers.hpp"

#include <algorithm>

namespace llm::limit {
namespace {

constexpr int64_t kMilli = 1000000;

int64_t round_up(int64_t value, int64_t unit) {
    return value <= 0 ? 0 : (value - 1) / unit + 1;
}

bool tighter(const Standing& a, const Standing& b) {
    __int128 left = static_cast<__int128>(a.remaining) * b.limit;
    __int128 right = static_cast<__int128>(b.remaining) * a.limit;
    return left < right || (left == right && a.remaining < b.remaining);
}

RateHeaders tightest(Kind kind, std::span<const Demand> demands,
                     std::span<const Standing> standings) {
    const Standing* found = nullptr;
    size_t count = std::min(demands.size(), standings.size());
    for (size_t i = 0; i < count; i++) {
        if (demands[i].kind == kind && !demands[i].dry_run
            && (found == nullptr || tighter(standings[i], *found))) {
            found = &standings[i];
        }
    }
    if (found == nullptr) {
        return {};
    }
    return {std::to_string(found->limit), std::to_string(found->remaining),
            go_duration(found->reset_ns)};
}

}  // namespace

LimitHeaders limit_headers(std::span<const Demand> demands,
                           std::span<const Standing> standings) {
    return {tightest(Kind::kRequests, demands, standings),
            tightest(Kind::kTokens, demands, standings)};
}

RetryHeaders retry_headers(const Refusal& refusal) {
    int64_t ms = std::max<int64_t>(1, round_up(refusal.retry_ns, kMilli));
    return {std::to_string(round_up(ms, 1000)), std::to_string(ms),
            refusal.hopeless ? "false" : ""};
}

std::string go_duration(int64_t ns) {
    int64_t ms = round_up(ns, kMilli);
    if (ms == 0) {
        return "0s";
    }
    if (ms < 1000) {
        return std::to_string(ms) + "ms";
    }
    int64_t seconds = ms / 1000;
    std::string out;
    if (seconds >= 3600) {
        out += std::to_string(seconds / 3600) + "h";
    }
    if (seconds >= 60) {
        out += std::to_string(seconds / 60 % 60) + "m";
    }
    out += std::to_string(seconds % 60);
    if (ms % 1000 != 0) {
        std::string fraction = std::to_string(1000 + ms % 1000).substr(1);
        fraction.erase(fraction.find_last_not_of('0') + 1);
        out += "." + fraction;
    }
    return out + "s";
}

}  // namespace llm::limit
