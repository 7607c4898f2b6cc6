// Probe: what a scan is asked with: a query's weights as tables, and how
// large a distance may be.
//
// A sketch is judged plane by plane: by the distance of its first 64 signs,
// of its first 128, 192 and of all, so that most are judged by 64, an eighth
// of what a search would read otherwise. A vector at exactly the floor's
// cosine c is lost by a plane when its distance up to there is above the
// plane's radius. With t a query's coordinate after the rotation, of deviation
// 1, the vector's is c t + sqrt(1 - c^2) g with g independent: both are
// normal, as the coordinates of randomly rotated vectors are but for terms of
// 1 / dims. So the sign differs and weighs w with the probability
//
//   a(w) = integral of 2 phi(t) Phi(-t c / sqrt(1 - c^2)) dt
//
// over those t > 0 that are rounded to w, and the distance of n signs is
// distributed as the sum of n such weights: by the n-th power of the
// polynomial a(0) + a(1) x + a(2) x^2 + …, whose coefficients follow from one
// another exactly. A radius is the least number that the sum exceeds with at
// most the plane's share of misses; the shares of the four are together one
// in a thousand. So at most one in a thousand vectors at the floor is lost
// (measured, 8 to 1536 dimensions: 0.05 to 0.9 of a thousand, for planes lose
// the same ones), and the further
// above it, the fewer.
//
// Threads: values and pure functions. The radii are computed once in a
// process, in one to three milliseconds.
#pragma once

#include <array>
#include <cstdint>

#include "src/semantic/sketch.hpp"

namespace llm::semantic {

inline constexpr size_t kPlanes = 4;
inline constexpr size_t kPlaneBytes = kSketchBytes / kPlanes;
// The first plane decides what is read of the others, the last one how many
// vectors are looked at.
inline constexpr std::array<double, kPlanes> kPlaneMisses{0.0005, 0.0002,
                                                          0.0001, 0.0002};
// Distances are counted up to here.
inline constexpr uint8_t kMaxDistance = 255;

using Radii = std::array<uint8_t, kPlanes>;

// Those of a floor. kMaxDistance: everything is within.
Radii radii_of(float cosine);

struct Probe {
    // tables[2 b + h][x]: the distance of half h of byte b when it is x.
    using Table = std::array<uint8_t, 16>;
    alignas(64) std::array<Table, 2 * kSketchBytes> tables;
    Radii radii;

    void aim(const Code& query, float floor);
};

}  // namespace llm::semantic
