// Code: what the index keeps of a vector, and what it is searched with.
//
//   sketch  256 signs of the vector after a fixed rotation (rotation.hpp),
//           kept in the index.
//   weights of a query alone: how far its rotated coordinates are from
//           zero. A sign that differs there counts by its weight: near
//           vectors differ where the query is close to zero, others
//           anywhere. So a few signs tell as much as twice as many that
//           count alike. Their sum is the distance of a sketch from a query.
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
inline constexpr size_t kSketchBytes = kSketchBits / 8;
// Weights: whole numbers, so many for one deviation of a coordinate.
inline constexpr double kWeightScale = 3;
inline constexpr uint8_t kMaxWeight = 15;
inline constexpr size_t kMinDims = 8;
inline constexpr size_t kMaxDims = 4096;

struct Sketch {
    std::array<uint8_t, kSketchBytes> bytes{};  // sign i: bit i % 8 of i / 8

    bool operator==(const Sketch&) const = default;
};

struct Code {
    Sketch sketch;
    std::array<uint8_t, kSketchBits> weights;
    float inverse = 0;
    uint32_t dims = 0;
    alignas(64) std::array<int8_t, kMaxDims> bytes;  // zeros behind dims
};

// Any length but zero will do. kInvalid: dims out of bounds, or a vector
// without a direction (zero, not finite), which must never match.
Result<void> encode(std::span<const float> vector, Code& out);

// The weights of the signs that differ among those of the sketch's first
// `bytes` bytes.
uint32_t distance(const Code& query, const Sketch& sketch,
                  size_t bytes = kSketchBytes);

}  // namespace llm::semantic
