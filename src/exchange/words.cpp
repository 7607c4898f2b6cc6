#include "src/exchange/words.hpp"

#include <algorithm>

namespace llm::exchange {

Bytes name_of(CacheStatus status) {
    switch (status) {
    case CacheStatus::kNone: return "";
    case CacheStatus::kMiss: return "MISS";
    case CacheStatus::kHit: return "HIT";
    case CacheStatus::kBypass: return "BYPASS";
    case CacheStatus::kExpired: return "EXPIRED";
    case CacheStatus::kStale: return "STALE";
    case CacheStatus::kUpdating: return "UPDATING";
    case CacheStatus::kSemantic: return "SEMANTIC";
    }
    return "";
}

Bytes name_of(End how) {
    switch (how) {
    case End::kComplete: return "complete";
    case End::kClientAbort: return "client_abort";
    case End::kUpstreamCut: return "upstream_cut";
    case End::kUpstreamError: return "upstream_error";
    case End::kTimeout: return "timeout";
    case End::kUnreachable: return "unreachable";
    case End::kUpstreamInvalid: return "upstream_invalid";
    case End::kTooLarge: return "too_large";
    case End::kRefused: return "refused";
    case End::kCeiling: return "ceiling";
    }
    return "";
}

Bytes finish_word(Bytes reason) {
    constexpr size_t kLongest = 64;
    static constexpr Bytes kMarks = "_-.:/";
    auto may_stand = [](char c) {
        char lower = ascii_lower(c);
        return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9')
               || kMarks.find(c) != Bytes::npos;
    };
    bool word = reason.size() <= kLongest
                && std::ranges::all_of(reason, may_stand);
    return word ? reason : Bytes("other");
}

}  // namespace llm::exchange
