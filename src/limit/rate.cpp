#include "src/limit/rate.hpp"

namespace llm::limit {
namespace {

using Wide = __int128;

int64_t narrow(Wide value) {
    return static_cast<int64_t>(
        std::clamp<Wide>(value, INT64_MIN, INT64_MAX));
}

// Levels in 1 / period_ns of a unit have up to 60 + 57 bits. Most are small
// enough for the machine's own division, which is several times as fast.
struct Parts {
    int64_t whole;
    int64_t fraction;
};

Parts parts_of(Wide fine, int64_t unit) {
    if (fine >> 63 == 0) {
        auto small = static_cast<uint64_t>(fine);
        auto each = static_cast<uint64_t>(unit);
        return {static_cast<int64_t>(small / each),
                static_cast<int64_t>(small % each)};
    }
    return {narrow(fine / unit), narrow(fine % unit)};
}

}  // namespace

Rate share_of(Rate rate, int64_t nodes) {
    Wide period = Wide{rate.period_ns} * std::max<int64_t>(1, nodes);
    return {rate.units, narrow(std::min<Wide>(period, Rate::kMaxPeriod))};
}

void Bucket::drain(const Rate& rate, int64_t now_ns) {
    if (now_ns <= stamp_ns) {
        if (Wide{stamp_ns} - now_ns > kSkew) {
            stamp_ns = now_ns;
        }
        return;
    }
    Wide elapsed = std::min(Wide{now_ns} - stamp_ns, Wide{INT64_MAX});
    stamp_ns = now_ns;
    if (level == 0 && fraction == 0) {
        return;
    }
    Wide fine = Wide{level} * rate.period_ns + fraction;
    Wide drained = elapsed * rate.units;
    if (fine <= drained) {
        level = 0;
        fraction = 0;
        return;
    }
    Parts left = parts_of(fine - drained, rate.period_ns);
    level = left.whole;
    fraction = left.fraction;
}

bool Bucket::drains_by(const Rate& rate, int64_t now_ns) const {
    if (level == 0 && fraction == 0) {
        return true;
    }
    Wide elapsed = std::clamp(Wide{now_ns} - stamp_ns, Wide{0},
                              Wide{INT64_MAX});
    return Wide{level} * rate.period_ns + fraction <= elapsed * rate.units;
}

void Bucket::refund(const Rate& rate, int64_t amount, int64_t then_ns) {
    Wide elapsed = std::clamp(Wide{stamp_ns} - then_ns, Wide{0},
                              Wide{INT64_MAX});
    Wide fine = Wide{level} * rate.period_ns + fraction;
    Wide back = Wide{amount} * rate.period_ns - elapsed * rate.units;
    fine -= std::clamp(back, Wide{0}, fine);
    Parts left = parts_of(fine, rate.period_ns);
    level = left.whole;
    fraction = left.fraction;
}

int64_t Bucket::wait_ns(const Rate& rate, int64_t target) const {
    target = std::max<int64_t>(target, 0);
    Wide fine = Wide{level} * rate.period_ns + fraction;
    Wide excess = fine - Wide{target} * rate.period_ns;
    if (excess <= 0) {
        return 0;
    }
    return parts_of(excess + rate.units - 1, rate.units).whole;
}

void Bucket::rescale(const Rate& from, const Rate& to) {
    if (from.period_ns != to.period_ns) {
        fraction = narrow(Wide{fraction} * to.period_ns / from.period_ns);
    }
}

}  // namespace llm::limit
