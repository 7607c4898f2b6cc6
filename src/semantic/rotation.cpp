#include "src/semantic/rotation.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace llm::semantic {

namespace {

constexpr size_t kMost = 4096;
constexpr uint64_t kRounds = 3;

// splitmix64 (Steele, Lea, Flood, 2014): the n-th number of its sequence.
uint64_t random_word(uint64_t n) {
    uint64_t z = (n + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

void flip_signs(float* values, size_t size, uint64_t round) {
    for (size_t i = 0; i < size; i += 64) {
        uint64_t signs = random_word(round * (kMost / 64) + i / 64);
        for (size_t n = 0; n < 64; n++, signs >>= 1) {
            auto bits = std::bit_cast<uint32_t>(values[i + n]);
            bits ^= static_cast<uint32_t>(signs) << 31;
            values[i + n] = std::bit_cast<float>(bits);
        }
    }
}

// Two steps at once, of four neighbours.
void transform_fours(float* values, size_t size) {
    for (float* v = values; v < values + size; v += 4) {
        float a = v[0] + v[1];
        float b = v[0] - v[1];
        float c = v[2] + v[3];
        float d = v[2] - v[3];
        v[0] = a + c;
        v[1] = b + d;
        v[2] = a - c;
        v[3] = b - d;
    }
}

// The other steps, four numbers at a time: the compilers' own vectors, for
// gcc does not make any of a plain loop at -O2.
void transform(float* values, size_t size) {
    using Four [[gnu::vector_size(16)]] = float;
    transform_fours(values, size);
    for (size_t half = 4; half < size; half *= 2) {
        for (size_t i = 0; i < size; i += 2 * half) {
            for (size_t k = i; k < i + half; k += 4) {
                Four a, b;
                std::memcpy(&a, values + k, sizeof(a));
                std::memcpy(&b, values + k + half, sizeof(b));
                Four sum = a + b;
                Four difference = a - b;
                std::memcpy(values + k, &sum, sizeof(sum));
                std::memcpy(values + k + half, &difference,
                            sizeof(difference));
            }
        }
    }
}

size_t padded(size_t dims) {
    return std::bit_ceil(std::max(dims, kRotated));
}

}  // namespace

// Each of the three transforms multiplies lengths by the root of `size`; the
// last length is spread over `size` coordinates.
double rotated_deviation(size_t dims) {
    return static_cast<double>(padded(dims));
}

void rotate(std::span<const float> vector, std::span<float, kRotated> out) {
    alignas(64) std::array<float, kMost> values;
    size_t size = padded(vector.size());
    std::copy(vector.begin(), vector.end(), values.begin());
    std::fill(values.begin() + vector.size(), values.begin() + size, 0.0f);
    for (uint64_t round = 0; round < kRounds; round++) {
        flip_signs(values.data(), size, round);
        transform(values.data(), size);
    }
    std::copy_n(values.begin(), kRotated, out.begin());
}

}  // namespace llm::semantic
