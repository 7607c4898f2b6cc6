#include "src/semantic/sketch.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "src/semantic/rotation.hpp"
#include "tests/semantic/index_zone.hpp"

namespace llm::semantic {
namespace {

TEST(Rotation, KeepsAngles) {
    // All coordinates are given out, so lengths and products are kept up to
    // one factor.
    std::mt19937 random(1);
    Vector a = random_vector(random, 256);
    Vector b = near_to(a, 0.6, random);
    Vector ra(kRotated), rb(kRotated);
    rotate(a, std::span<float, kRotated>(ra));
    rotate(b, std::span<float, kRotated>(rb));
    EXPECT_NEAR(cosine_of(ra, rb), 0.6, 1e-4);
    EXPECT_NE(ra, a);
}

TEST(Rotation, IsFixed) {
    // What is in a zone was made by it: it may never change.
    Vector a(384);
    for (size_t i = 0; i < a.size(); i++) {
        a[i] = static_cast<float>(static_cast<int>(i * 7919 % 255) - 127);
    }
    Sketch sketch = code_of(a).sketch;
    Sketch expected{{0xa0c09f299e04a9df, 0xa11547dd6a71395a,
                     0x7ed8c06a87d15521, 0xb6e2285e1da0edf3}};
    EXPECT_EQ(sketch, expected);
}

TEST(Sketch, RadiusIsTheBinomialQuantile) {
    EXPECT_EQ(sketch_radius(1.0f), 0u);
    // facts: 256 signs, cosine 0.85: 65; 0.90: 55
    EXPECT_NEAR(sketch_radius(0.85f), 65, 2);
    EXPECT_NEAR(sketch_radius(0.90f), 55, 2);
    for (int i = 1; i < 100; i++) {
        float cosine = static_cast<float>(i) / 100;
        EXPECT_LE(sketch_radius(cosine), sketch_radius(cosine - 0.01f));
    }
    EXPECT_EQ(sketch_radius(-1.0f), kSketchBits);
    EXPECT_EQ(sketch_radius(std::numeric_limits<float>::quiet_NaN()),
              kSketchBits);
}

// Whatever the dimensions: pairs at a cosine are missed at that floor in at
// most about one of a thousand cases, and far ones seldom pass.
TEST(Sketch, MissesAtTheFloorAreRare) {
    std::mt19937 random(2);
    for (size_t dims : {32, 100, 256, 384, 768, 1536}) {
        for (float floor : {0.75f, 0.85f, 0.95f}) {
            int trials = dims > 400 ? 400 : 1500;
            int missed = 0;
            int passed = 0;
            double apart = 0;
            for (int i = 0; i < trials; i++) {
                Vector a = random_vector(random, dims);
                Sketch sketch = code_of(a).sketch;
                Sketch near =
                    code_of(near_to(a, floor, random)).sketch;
                Sketch far = code_of(near_to(a, 0.2, random)).sketch;
                uint32_t radius = sketch_radius(floor);
                missed += distance(sketch, near) > radius ? 1 : 0;
                passed += distance(sketch, far) <= radius ? 1 : 0;
                apart += distance(sketch, near);
            }
            // three deviations of the count above the bound
            EXPECT_LE(missed, trials * 0.001 + 3 * std::sqrt(trials * 0.001))
                << dims << " " << floor;
            EXPECT_LE(passed, trials * (dims < 64 ? 0.03 : 0.01))
                << dims << " " << floor;
            double expected = 256 * std::acos(floor) / std::acos(-1.0);
            EXPECT_NEAR(apart / trials, expected, expected * 0.02)
                << dims << " " << floor;
        }
    }
}

TEST(Code, CosineOfBytesIsNear) {
    std::mt19937 random(3);
    for (size_t dims : {8, 100, 256, 384, 4096}) {
        for (double cosine : {-0.5, 0.0, 0.5, 0.9, 0.99}) {
            Vector a = random_vector(random, dims);
            Vector b = near_to(a, cosine, random);
            Code x = code_of(a);
            Code y = code_of(b);
            int64_t product = 0;
            for (size_t i = 0; i < kMaxDims; i++) {
                product += x.bytes[i] * y.bytes[i];
            }
            EXPECT_NEAR(static_cast<double>(product) * x.inverse * y.inverse,
                        cosine, 0.004)
                << dims;
        }
    }
}

TEST(Code, LengthDoesNotMatter) {
    std::mt19937 random(4);
    Vector a = random_vector(random, 384);
    Code one = code_of(a);
    for (float factor : {1e-20f, 1000.0f, 1e30f}) {
        Vector b = a;
        for (float& x : b) {
            x *= factor;
        }
        Code other = code_of(b);
        EXPECT_EQ(one.sketch, other.sketch);
        EXPECT_EQ(one.bytes, other.bytes);
    }
}

// Fault case 79.
TEST(Code, RefusesWhatHasNoDirection) {
    Code code;
    EXPECT_FALSE(encode(Vector(384), code));
    EXPECT_FALSE(encode(Vector(384, 1e-40f), code));
    for (float bad : {std::numeric_limits<float>::quiet_NaN(),
                      std::numeric_limits<float>::infinity(),
                      -std::numeric_limits<float>::infinity()}) {
        Vector a(384, 0.1f);
        a[200] = bad;
        EXPECT_FALSE(encode(a, code));
    }
    EXPECT_FALSE(encode(Vector(7, 1.0f), code));
    EXPECT_FALSE(encode(Vector(4097, 1.0f), code));
    EXPECT_FALSE(encode({}, code));
    EXPECT_TRUE(encode(Vector(4096, 1.0f), code));
}

}  // namespace
}  // namespace llm::semantic
