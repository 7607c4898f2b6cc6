// A fixed rotation: the same on every machine and for ever, since sketches
// made with it stay in the zone. Three rounds of random signs and a fast
// Walsh-Hadamard transform over the vector, with zeros up to a power of two,
// behave as a random rotation (Ailon and Chazelle, "The Fast
// Johnson-Lindenstrauss Transform", 2009); its first kRotated coordinates
// are given out, not scaled.
//
// A pure function; any thread. Some microseconds for 384 dimensions.
#pragma once

#include <cstddef>
#include <span>

namespace llm::semantic {

inline constexpr size_t kRotated = 256;

// Precondition: vector.size() <= 4096.
void rotate(std::span<const float> vector, std::span<float, kRotated> out);

// The standard deviation of a coordinate that is given out of a vector of
// length 1 with so many dimensions.
double rotated_deviation(size_t dims);

}  // namespace llm::semantic
