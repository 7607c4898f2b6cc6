// Each kernel that this machine can run against plain loops.
#include "src/semantic/scan.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace llm::semantic {
namespace {

Sketch random_sketch(std::mt19937_64& random) {
    Sketch sketch;
    for (uint64_t& word : sketch.words) {
        word = random();
    }
    return sketch;
}

// So many signs changed.
Sketch changed(Sketch sketch, uint32_t signs, std::mt19937_64& random) {
    for (uint32_t n = 0; n < signs;) {
        uint64_t bit = random() % kSketchBits;
        Sketch before = sketch;
        sketch.words[bit / 64] ^= uint64_t{1} << (bit % 64);
        n += distance(before, sketch) == 1 ? 1 : 0;
    }
    return sketch;
}

TEST(Scan, KernelsFindTheSame) {
    std::mt19937_64 random(1);
    for (const ScanKernels* kernels : scan_kernels()) {
        for (size_t count : {0, 1, 4, 7, 8, 9, 36, 292, 409, 1023}) {
            Sketch query = random_sketch(random);
            std::vector<Sketch> sketches;
            for (size_t i = 0; i < count; i++) {
                sketches.push_back(
                    changed(query, random() % 80, random));
            }
            for (uint32_t radius : {0u, 1u, 30u, 65u, 255u, 256u}) {
                std::vector<uint16_t> expected;
                for (size_t i = 0; i < count; i++) {
                    if (distance(sketches[i], query) <= radius) {
                        expected.push_back(static_cast<uint16_t>(i));
                    }
                }
                std::vector<uint16_t> out(count);
                out.resize(kernels->near(sketches.data(), count, query,
                                         radius, out.data()));
                EXPECT_EQ(out, expected)
                    << kernels->name << " " << count << " " << radius;
            }
        }
    }
}

TEST(Scan, KernelsMultiplyTheSame) {
    std::mt19937_64 random(2);
    alignas(64) std::array<int8_t, kMaxDims> a, b;
    for (const ScanKernels* kernels : scan_kernels()) {
        for (size_t size = 64; size <= kMaxDims; size += 64) {
            int64_t expected = 0;
            for (size_t i = 0; i < size; i++) {
                a[i] = static_cast<int8_t>(random() % 255 - 127);
                b[i] = static_cast<int8_t>(random() % 255 - 127);
                expected += a[i] * b[i];
            }
            EXPECT_EQ(kernels->dot(a.data(), b.data(), size), expected)
                << kernels->name << " " << size;
        }
        a.fill(127);
        b.fill(-127);
        EXPECT_EQ(kernels->dot(a.data(), b.data(), kMaxDims),
                  -127 * 127 * static_cast<int>(kMaxDims));
        EXPECT_EQ(kernels->dot(b.data(), b.data(), kMaxDims),
                  127 * 127 * static_cast<int>(kMaxDims));
        EXPECT_EQ(kernels->dot(b.data(), a.data(), kMaxDims),
                  -127 * 127 * static_cast<int>(kMaxDims));
    }
}

}  // namespace
}  // namespace llm::semantic
