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
    constexpr uint64_t kWords[] = {0xa0c09f299e04a9df, 0xa11547dd6a71395a,
                                   0x7ed8c06a87d15521, 0xb6e2285e1da0edf3};
    Sketch expected;
    for (size_t i = 0; i < kSketchBytes; i++) {
        expected.bytes[i] =
            static_cast<uint8_t>(kWords[i / 8] >> (i % 8 * 8));
    }
    EXPECT_EQ(sketch, expected);
}

TEST(Rotation, TellsItsDeviation) {
    std::mt19937 random(5);
    for (size_t dims : {8, 100, 256, 384, 1536, 4096}) {
        double squares = 0;
        constexpr int kTrials = 40;
        for (int i = 0; i < kTrials; i++) {
            Vector rotated(kRotated);
            rotate(random_vector(random, dims),
                   std::span<float, kRotated>(rotated));
            for (float x : rotated) {
                squares += static_cast<double>(x) * x;
            }
        }
        double deviation = std::sqrt(squares / (kTrials * kRotated));
        EXPECT_NEAR(deviation / rotated_deviation(dims), 1, 0.05) << dims;
    }
}

// Each weight is the size of its coordinate, whatever the vector's length:
// half of a normal distribution.
TEST(Sketch, WeightsAreTheCoordinates) {
    std::mt19937 random(6);
    for (size_t dims : {64, 384, 1536}) {
        double sum = 0;
        double squares = 0;
        constexpr int kTrials = 40;
        for (int i = 0; i < kTrials; i++) {
            for (uint8_t weight : code_of(random_vector(random, dims)).weights) {
                sum += weight;
                squares += weight * weight;
            }
        }
        constexpr double kCount = kTrials * kSketchBits;
        EXPECT_NEAR(sum / kCount, kWeightScale * 0.798, 0.06) << dims;
        // and the variance of rounding, a twelfth
        EXPECT_NEAR(squares / kCount,
                    kWeightScale * kWeightScale + 1.0 / 12, 0.3)
            << dims;
    }
}

TEST(Sketch, DistanceIsOfThoseThatDiffer) {
    Code query;
    for (size_t i = 0; i < kSketchBits; i++) {
        query.weights[i] = static_cast<uint8_t>(i % (kMaxWeight + 1));
    }
    Sketch other;
    EXPECT_EQ(distance(query, other), 0u);
    other.bytes[1] = 0x81;  // signs 8 and 15
    EXPECT_EQ(distance(query, other), 8u + 15u);
    EXPECT_EQ(distance(query, other, 1), 0u);
    query.sketch.bytes[1] = 0x80;
    EXPECT_EQ(distance(query, other), 8u);
    other.bytes[31] = 0x02;  // 249
    EXPECT_EQ(distance(query, other), 8u + 249u % 16);
    EXPECT_EQ(distance(query, other, 31), 8u);
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
        EXPECT_EQ(one.weights, other.weights);
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
