#include "src/semantic/probe.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "tests/semantic/index_zone.hpp"

namespace llm::semantic {
namespace {

using Chances = std::vector<double>;  // of each distance

// What one sign adds, by sums over a fine grid.
Chances one_sign(double cosine) {
    constexpr double kStep = 1e-4;
    double slope = cosine / std::sqrt(1 - cosine * cosine);
    Chances chances(kMaxWeight + 1);
    for (double t = kStep / 2; t < 8; t += kStep) {
        double density = 2 * std::exp(-t * t / 2) / std::sqrt(2 * M_PI);
        double differs = std::erfc(slope * t / std::sqrt(2.0)) / 2;
        auto weight = static_cast<size_t>(std::min(
            std::nearbyint(t * kWeightScale),
            static_cast<double>(kMaxWeight)));
        chances[weight] += density * differs * kStep;
        chances[0] += density * (1 - differs) * kStep;
    }
    return chances;
}

// Of two sums together.
Chances both(const Chances& a, const Chances& b) {
    Chances out(a.size() + b.size() - 1);
    for (size_t i = 0; i < a.size(); i++) {
        for (size_t k = 0; k < b.size(); k++) {
            out[i + k] += a[i] * b[k];
        }
    }
    return out;
}

double beyond(const Chances& chances, size_t distance) {
    double sum = 0;
    for (size_t i = distance + 1; i < chances.size(); i++) {
        sum += chances[i];
    }
    return sum;
}

// The moment about `centre`.
double moment(const Chances& chances, double centre, int power) {
    double sum = 0;
    for (size_t i = 0; i < chances.size(); i++) {
        sum += std::pow(static_cast<double>(i) - centre, power) * chances[i];
    }
    return sum;
}

TEST(Probe, RadiiAreTheQuantiles) {
    double all = 0;
    for (double misses : kPlaneMisses) {
        all += misses;
    }
    EXPECT_NEAR(all, 0.001, 1e-9);
    // the nearest floats above, which are not rounded to the step below
    for (float cosine : {0.2f, 0.5f, 0.65001f, 0.75f, 0.85001f, 0.9501f}) {
        Chances plane = one_sign(std::floor(cosine * 200) / 200);
        for (int doubled = 0; doubled < 6; doubled++) {
            plane = both(plane, plane);  // 64 signs
        }
        Chances sum{1};
        Radii radii = radii_of(cosine);
        for (size_t p = 0; p < kPlanes; p++) {
            sum = both(sum, plane);
            size_t radius = radii[p];
            if (radius < kMaxDistance) {
                EXPECT_LE(beyond(sum, radius), kPlaneMisses[p] * 1.001)
                    << cosine << " " << p;
            }
            EXPECT_GT(beyond(sum, radius - 1), kPlaneMisses[p] * 0.999)
                << cosine << " " << p;
        }
    }
}

TEST(Probe, RadiiFallWithTheCosine) {
    for (int i = 1; i <= 100; i++) {
        float cosine = static_cast<float>(i) / 100;
        Radii near = radii_of(cosine);
        Radii far = radii_of(cosine - 0.01f);
        for (size_t p = 0; p < kPlanes; p++) {
            EXPECT_LE(near[p], far[p]) << cosine;
        }
    }
    EXPECT_EQ(radii_of(1.0f), Radii{});
    EXPECT_EQ(radii_of(2.0f), Radii{});
    Radii all;
    all.fill(kMaxDistance);
    EXPECT_EQ(radii_of(0.0f), all);
    EXPECT_EQ(radii_of(-1.0f), all);
    EXPECT_EQ(radii_of(std::numeric_limits<float>::quiet_NaN()), all);
}

TEST(Probe, TablesHoldTheDistances) {
    std::mt19937 random(3);
    Code query = code_of(random_vector(random, 384));
    Probe probe;
    probe.aim(query, 0.8f);
    EXPECT_EQ(probe.radii, radii_of(0.8f));
    for (size_t half = 0; half < 2 * kSketchBytes; half++) {
        for (uint32_t x = 0; x < 16; x++) {
            Sketch other = query.sketch;
            uint8_t& byte = other.bytes[half / 2];
            uint32_t shift = half % 2 * 4;
            byte = static_cast<uint8_t>((byte & ~(0x0fu << shift))
                                        | x << shift);
            EXPECT_EQ(probe.tables[half][x], distance(query, other));
        }
    }
}

bool passes(const Code& query, const Sketch& sketch, const Radii& radii) {
    for (size_t p = 0; p < kPlanes; p++) {
        if (distance(query, sketch, kPlaneBytes * (p + 1)) > radii[p]) {
            return radii[p] == kMaxDistance;
        }
    }
    return true;
}

// Whatever the dimensions: pairs at a cosine are missed at that floor in at
// most about one of a thousand cases, and far ones seldom pass.
TEST(Probe, MissesAtTheFloorAreRare) {
    std::mt19937 random(2);
    for (size_t dims : {32, 100, 256, 384, 768, 1536}) {
        for (float floor : {0.75f, 0.85f, 0.95f}) {
            int trials = dims > 400 ? 400 : 1500;
            int missed = 0;
            int passed = 0;
            double apart = 0;
            Radii radii = radii_of(floor);
            for (int i = 0; i < trials; i++) {
                Vector a = random_vector(random, dims);
                Code query = code_of(a);
                Sketch near = code_of(near_to(a, floor, random)).sketch;
                Sketch far = code_of(near_to(a, 0.2, random)).sketch;
                missed += passes(query, near, radii) ? 0 : 1;
                passed += passes(query, far, radii) ? 1 : 0;
                apart += distance(query, near);
            }
            // three deviations of the count above the bound
            EXPECT_LE(missed, trials * 0.001 + 3 * std::sqrt(trials * 0.001))
                << dims << " " << floor;
            EXPECT_LE(passed, trials * (dims < 64 ? 0.03 : 0.01))
                << dims << " " << floor;
            Chances sign = one_sign(floor);
            double mean = moment(sign, 0, 1);
            double deviation =
                std::sqrt(kSketchBits * moment(sign, mean, 2) / trials);
            EXPECT_NEAR(apart / trials, kSketchBits * mean, 4 * deviation)
                << dims << " " << floor;
        }
    }
}

}  // namespace
}  // namespace llm::semantic
