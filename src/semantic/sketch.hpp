// Code: what the index keeps of a vector, and what it is searched with.
//
//   sketch  256 signs of the vector after a fixed rotation (rotation.hpp).
//           Two vectors at an angle a differ in each sign with probability
//           a / pi, whatever the number of dimensions, so few differing
//           signs mean a high cosine: the cheap first look.
//   bytes   the vector in int8, its largest number at 127; `inverse` is one
//           over the length of these bytes, so that a cosine is a product
//           of bytes times both inverses and a vector's own is exactly 1.
//           Error of a cosine: about 0.001.
//
// Threads: values and pure functions. Size: about 4 KB.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "src/base/result.hpp"

namespace llm::semantic {

inline constexpr size_t kSketchBits = 256;
inline constexpr size_t kMinDims = 8;
inline constexpr size_t kMaxDims = 4096;

struct Sketch {
    std::array<uint64_t, kSketchBits / 64> words{};

    bool operator==(const Sketch&) const = default;
};

uint32_t distance(const Sketch& a, const Sketch& b);

struct Code {
    Sketch sketch;
    float inverse = 0;
    uint32_t dims = 0;
    alignas(64) std::array<int8_t, kMaxDims> bytes;  // zeros behind dims
};

// Any length but zero will do. kInvalid: dims out of bounds, or a vector
// without a direction (zero, not finite), which must never match.
Result<void> encode(std::span<const float> vector, Code& out);

// The number of differing signs up to which a pair may reach that cosine:
// of those that have it exactly, at most one in a thousand differs in more.
uint32_t sketch_radius(float cosine);

}  // namespace llm::semantic
