#include "src/limit/rate.hpp"

namespace llm::limit {
namespace {

using Wide = __int128;

int64_t narrow(Wide value) {
    return static_cast<int64_t>(
        std::clamp<Wide>(value, INT64_MIN, INT64_MAX));
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
    // The level in 1 / period_ns of a unit: 60 + 57 bits.
    Wide fine = Wide{level} * rate.period_ns + fraction;
    fine -= std::min(fine, elapsed * rate.units);
    level = narrow(fine / rate.period_ns);
    fraction = narrow(fine % rate.period_ns);
}

void Bucket::refund(const Rate& rate, int64_t amount, int64_t then_ns) {
    Wide elapsed = std::clamp(Wide{stamp_ns} - then_ns, Wide{0},
                              Wide{INT64_MAX});
    Wide fine = Wide{level} * rate.period_ns + fraction;
    Wide back = Wide{amount} * rate.period_ns - elapsed * rate.units;
    fine -= std::clamp(back, Wide{0}, fine);
    level = narrow(fine / rate.period_ns);
    fraction = narrow(fine % rate.period_ns);
}

int64_t Bucket::wait_ns(const Rate& rate, int64_t target) const {
    target = std::max<int64_t>(target, 0);
    Wide fine = Wide{level} * rate.period_ns + fraction;
    Wide excess = fine - Wide{target} * rate.period_ns;
    if (excess <= 0) {
        return 0;
    }
    return narrow((excess + rate.units - 1) / rate.units);
}

void Bucket::rescale(const Rate& from, const Rate& to) {
    if (from.period_ns != to.period_ns) {
        fraction = narrow(Wide{fraction} * to.period_ns / from.period_ns);
    }
}

}  // namespace llm::limit
