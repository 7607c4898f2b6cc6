#include "src/semantic/sketch.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "src/semantic/rotation.hpp"

namespace llm::semantic {

namespace {

constexpr double kMisses = 0.001;
constexpr size_t kRadii = 201;  // cosines from 0 to 1 in steps of 0.005

// The least r with P(more than r of 256 signs differ) <= kMisses.
uint32_t binomial_radius(double cosine) {
    double p = std::acos(std::clamp(cosine, -1.0, 1.0)) / std::numbers::pi;
    if (p <= 0) {
        return 0;
    }
    double n = kSketchBits;
    double term = std::pow(1 - p, n);  // P(0 differ); 1e-77 for p = 1/2
    double below = term;
    uint32_t r = 0;
    while (1 - below > kMisses && r < kSketchBits) {
        term *= (n - r) / (r + 1) * p / (1 - p);
        below += term;
        r++;
    }
    return r;
}

std::array<uint32_t, kRadii> make_radii() {
    std::array<uint32_t, kRadii> radii{};
    for (size_t i = 0; i < kRadii; i++) {
        radii[i] = binomial_radius(static_cast<double>(i) / (kRadii - 1));
    }
    return radii;
}

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

}  // namespace

uint32_t distance(const Sketch& a, const Sketch& b) {
    int bits = 0;
    for (size_t i = 0; i < a.words.size(); i++) {
        bits += std::popcount(a.words[i] ^ b.words[i]);
    }
    return static_cast<uint32_t>(bits);
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
    out.sketch = {};
    for (size_t i = 0; i < kSketchBits; i++) {
        out.sketch.words[i / 64] |= uint64_t{rotated[i] > 0} << (i % 64);
    }
    return {};
}

uint32_t sketch_radius(float cosine) {
    static const std::array<uint32_t, kRadii> radii = make_radii();
    if (!(cosine > 0)) {
        // Half of the signs and more may differ: everything is looked at.
        return cosine > -1e-6f ? radii[0] : kSketchBits;
    }
    auto i = static_cast<size_t>(std::min(cosine, 1.0f) * (kRadii - 1));
    return radii[i];
}

}  // namespace llm::semantic
