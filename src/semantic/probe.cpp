#include "src/semantic/probe.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

namespace llm::semantic {

namespace {

constexpr size_t kFloors = 201;  // cosines from 0 to 1 in steps of 0.005

using Weights = std::array<double, kMaxWeight + 1>;  // a probability of each

double normal_density(double x) {
    return std::exp(-x * x / 2) * std::numbers::inv_sqrtpi
           / std::numbers::sqrt2;
}

double normal_below(double x) {
    return std::erfc(-x / std::numbers::sqrt2) / 2;
}

// That the sign differs, where the query's coordinate is ± between those.
// By Simpson's rule.
double differs_between(double from, double to, double slope) {
    constexpr int kSteps = 4;
    double step = (to - from) / kSteps;
    double sum = 0;
    for (int i = 0; i <= kSteps; i++) {
        double t = from + i * step;
        double share = i == 0 || i == kSteps ? 1 : i % 2 == 1 ? 4 : 2;
        sum += share * 2 * normal_density(t) * normal_below(-slope * t);
    }
    return sum * step / 3;
}

// What one sign adds to the distance of a pair at that cosine.
Weights weights_at(double cosine) {
    constexpr double kFar = 3;  // deviations beyond the last weight
    double slope = cosine / std::sqrt(1 - cosine * cosine);
    Weights weights{};
    weights[0] = 1;
    for (size_t w = 1; w < weights.size(); w++) {
        double from = (static_cast<double>(w) - 0.5) / kWeightScale;
        double to = w < kMaxWeight ? from + 1 / kWeightScale : from + kFar;
        weights[w] = differs_between(from, to, slope);
        weights[0] -= weights[w];
    }
    return weights;
}

// The least r that the sum of n such weights exceeds with at most that
// probability. The coefficients of a polynomial's power by J. C. P. Miller's
// recurrence.
uint8_t radius(const Weights& weights, size_t n, double misses) {
    std::array<double, kMaxDistance> sums{};  // the probability of each
    auto count = static_cast<double>(n);
    sums[0] = std::pow(weights[0], count);
    double below = sums[0];
    size_t r = 0;
    while (1 - below > misses) {
        if (++r >= kMaxDistance) {
            return kMaxDistance;
        }
        double sum = 0;
        for (size_t w = 1; w <= std::min<size_t>(r, kMaxWeight); w++) {
            double factor = (count + 1) * static_cast<double>(w)
                            - static_cast<double>(r);
            sum += factor * weights[w] * sums[r - w];
        }
        sums[r] = sum / (static_cast<double>(r) * weights[0]);
        below += sums[r];
    }
    return static_cast<uint8_t>(r);
}

std::array<Radii, kFloors> make_radii() {
    std::array<Radii, kFloors> all{};
    for (size_t i = 0; i + 1 < kFloors; i++) {
        Weights weights =
            weights_at(static_cast<double>(i) / (kFloors - 1));
        for (size_t plane = 0; plane < kPlanes; plane++) {
            all[i][plane] = radius(weights, 8 * kPlaneBytes * (plane + 1),
                                   kPlaneMisses[plane]);
        }
    }
    return all;  // of the last, 1: nothing may differ
}

}  // namespace

Radii radii_of(float cosine) {
    static const std::array<Radii, kFloors> radii = make_radii();
    if (!(cosine > 0)) {
        Radii all;
        all.fill(kMaxDistance);
        return all;
    }
    return radii[static_cast<size_t>(std::min(cosine, 1.0f)
                                     * (kFloors - 1))];
}

void Probe::aim(const Code& query, float floor) {
    using Vector [[gnu::vector_size(sizeof(Table))]] = uint8_t;
    constexpr uint8_t kAll = 0xff;
    // Bit n of the numbers 0 to 15, spread over a byte.
    constexpr Vector kBits[] = {
        {0, kAll, 0, kAll, 0, kAll, 0, kAll,
         0, kAll, 0, kAll, 0, kAll, 0, kAll},
        {0, 0, kAll, kAll, 0, 0, kAll, kAll,
         0, 0, kAll, kAll, 0, 0, kAll, kAll},
        {0, 0, 0, 0, kAll, kAll, kAll, kAll,
         0, 0, 0, 0, kAll, kAll, kAll, kAll},
        {0, 0, 0, 0, 0, 0, 0, 0,
         kAll, kAll, kAll, kAll, kAll, kAll, kAll, kAll}};
    radii = radii_of(floor);
    for (size_t half = 0; half < tables.size(); half++) {
        uint32_t own = query.sketch.bytes[half / 2] >> (half % 2 * 4);
        Vector table{};
        for (size_t n = 0; n < 4; n++) {
            auto flip = static_cast<uint8_t>((own >> n & 1) * kAll);
            table += (kBits[n] ^ flip) & query.weights[4 * half + n];
        }
        std::memcpy(tables[half].data(), &table, sizeof(table));
    }
}

}  // namespace llm::semantic
