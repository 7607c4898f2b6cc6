#include "src/semantic/rotation.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

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
        for (size_t bit = 0; bit < 64; bit++) {
            bool flip = (signs >> bit & 1) != 0;
            values[i + bit] = flip ? -values[i + bit] : values[i + bit];
        }
    }
}

void transform(float* values, size_t size) {
    for (size_t half = 1; half < size; half *= 2) {
        for (size_t i = 0; i < size; i += 2 * half) {
            for (size_t k = i; k < i + half; k++) {
                float a = values[k];
                float b = values[k + half];
                values[k] = a + b;
                values[k + half] = a - b;
            }
        }
    }
}

}  // namespace

void rotate(std::span<const float> vector, std::span<float, kRotated> out) {
    alignas(64) std::array<float, kMost> values;
    size_t size = std::bit_ceil(std::max(vector.size(), kRotated));
    std::copy(vector.begin(), vector.end(), values.begin());
    std::fill(values.begin() + vector.size(), values.begin() + size, 0.0f);
    for (uint64_t round = 0; round < kRounds; round++) {
        flip_signs(values.data(), size, round);
        transform(values.data(), size);
    }
    std::copy_n(values.begin(), kRotated, out.begin());
}

}  // namespace llm::semantic
