#include "src/semantic/sketch.hpp"

#include <algorithm>
#include <cmath>

#include "src/semantic/rotation.hpp"

namespace llm::semantic {

namespace {

void quantize(std::span<const float> vector, float largest, Code& out) {
    float factor = 127.0f / largest;
    double squares = 0;
    for (size_t i = 0; i < vector.size(); i++) {
        float x = std::nearbyint(vector[i] * factor);
        out.bytes[i] = static_cast<int8_t>(std::clamp(x, -127.0f, 127.0f));
        squares += static_cast<double>(out.bytes[i]) * out.bytes[i];
    }
    std::fill(out.bytes.begin() + vector.size(), out.bytes.end(), 0);
    out.inverse = static_cast<float>(1 / std::sqrt(squares));
}

void take_signs(std::span<const float, kRotated> rotated, Code& out) {
    auto scale = static_cast<float>(kWeightScale * out.inverse
                                    / rotated_deviation(out.dims));
    out.sketch = {};
    for (size_t i = 0; i < kSketchBits; i++) {
        uint32_t sign = rotated[i] > 0 ? 1 : 0;
        out.sketch.bytes[i / 8] |= static_cast<uint8_t>(sign << (i % 8));
        auto weight =
            static_cast<uint32_t>(std::fabs(rotated[i]) * scale + 0.5f);
        out.weights[i] =
            static_cast<uint8_t>(std::min<uint32_t>(weight, kMaxWeight));
    }
}

}  // namespace

uint32_t distance(const Code& query, const Sketch& sketch, size_t bytes) {
    uint32_t sum = 0;
    for (size_t i = 0; i < bytes * 8; i++) {
        uint32_t differ = query.sketch.bytes[i / 8] ^ sketch.bytes[i / 8];
        sum += (differ >> (i % 8) & 1) * query.weights[i];
    }
    return sum;
}

Result<void> encode(std::span<const float> vector, Code& out) {
    if (vector.size() < kMinDims || vector.size() > kMaxDims) {
        return Error{Errc::kInvalid,
                     "a vector of " + std::to_string(vector.size())
                         + " dimensions: the index takes "
                         + std::to_string(kMinDims) + " to "
                         + std::to_string(kMaxDims)};
    }
    float largest = 0;
    for (float x : vector) {
        if (!std::isfinite(x)) {
            return Error{Errc::kInvalid, "a vector with no finite length"};
        }
        largest = std::max(largest, std::fabs(x));
    }
    // Under the second bound 127 / largest is not finite.
    if (largest < 1e-30f) {
        return Error{Errc::kInvalid, "a vector without a direction"};
    }
    out.dims = static_cast<uint32_t>(vector.size());
    quantize(vector, largest, out);
    // Of the bytes, not of the vector: sums of its numbers might overflow,
    // and it is the bytes that are compared in the end.
    std::array<float, kMaxDims> rounded;
    std::copy_n(out.bytes.begin(), vector.size(), rounded.begin());
    std::array<float, kRotated> rotated;
    rotate({rounded.data(), vector.size()}, rotated);
    take_signs(rotated, out);
    return {};
}

}  // namespace llm::semantic
