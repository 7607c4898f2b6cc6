#include "src/semantic/kernels.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <thread>
#include <vector>

#include "src/semantic/matrix.hpp"

namespace llm::semantic {
namespace {

constexpr size_t kMostRows = 40;

class EachKernel : public testing::TestWithParam<const Kernels*> {};

std::string name_of(const testing::TestParamInfo<const Kernels*>& info) {
    return info.param->name;
}

INSTANTIATE_TEST_SUITE_P(Machine, EachKernel,
                         testing::ValuesIn(kernels().begin(),
                                           kernels().end()),
                         name_of);

DenseLayer random_layer(size_t outputs, size_t inputs) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    DenseLayer layer(outputs, inputs);
    for (float& w : layer.weights) {
        w = normal(random);
    }
    for (float& b : layer.bias) {
        b = normal(random);
    }
    return layer;
}

// The greatest sums there are: a row's bytes all 255 or all 0, every weight
// 127 or -127.
TEST_P(EachKernel, ByteProductsDoNotSaturate) {
    constexpr size_t kInputs = 1536;
    DenseLayer layer(kLane, kInputs);
    for (size_t out = 0; out < kLane; out++) {
        for (size_t in = 0; in < kInputs; in++) {
            bool negative = out % 2 == 1 || (out % 4 == 2 && in % 2 == 1);
            layer.weights[out * kInputs + in] = negative ? -127.0f : 127.0f;
        }
    }
    Matrix matrix(layer, Precision::kInt8);
    std::vector<uint8_t> bytes(4 * kInputs, 255);
    std::fill(bytes.begin() + 3 * kInputs, bytes.end(), uint8_t{0});
    float scale[4] = {1, 1, 1, 1};
    int32_t zero[4] = {0, 255, 100, 255};
    std::vector<float> out(4 * kLane);
    GetParam()->product_bytes({bytes.data(), scale, zero, 4, kInputs},
                              matrix.view(), out.data());
    for (size_t row = 0; row < 4; row++) {
        for (size_t n = 0; n < kLane; n++) {
            double weight = n % 2 == 1 ? -127 : n % 4 == 2 ? 0 : 127;
            EXPECT_EQ(out[row * kLane + n],
                      weight * kInputs
                          * (bytes[row * kInputs] - zero[row]));
        }
    }
}

void expect_exact_products(const Kernels& kernel, size_t inputs) {
    constexpr size_t kOutputs = 144;
    DenseLayer layer = random_layer(kOutputs, inputs);
    Matrix matrix(layer, Precision::kInt8);
    std::mt19937 random(9);
    std::vector<uint8_t> bytes(kMostRows * inputs);
    std::vector<float> scale(kMostRows);
    std::vector<int32_t> zero(kMostRows);
    for (uint8_t& byte : bytes) {
        byte = static_cast<uint8_t>(random());
    }
    for (size_t row = 0; row < kMostRows; row++) {
        scale[row] = 0.25f * static_cast<float>(row + 1);
        zero[row] = static_cast<int32_t>(random() % 256);
    }
    Weights w = matrix.view();
    std::vector<double> expected;
    for (size_t at = 0; at < kMostRows * kOutputs; at++) {
        size_t row = at / kOutputs;
        size_t n = at % kOutputs;
        const int8_t* panel = w.bytes + n / kLane * kLane * inputs;
        int64_t sum = 0;
        for (size_t k = 0; k < inputs; k++) {
            int64_t byte = bytes[row * inputs + k];
            sum += (byte - zero[row])
                   * panel[k / 4 * 4 * kLane + n % kLane * 4 + k % 4];
        }
        expected.push_back(static_cast<double>(sum) * double{scale[row]}
                               * double{w.scale[n]}
                           + double{w.bias[n]});
    }
    for (size_t rows = 0; rows <= kMostRows; rows++) {
        std::vector<float> out(rows * kOutputs + 1, -77);
        kernel.product_bytes(
            {bytes.data(), scale.data(), zero.data(), rows, inputs}, w,
            out.data());
        EXPECT_EQ(out.back(), -77);
        for (size_t at = 0; at < rows * kOutputs; at++) {
            ASSERT_NEAR(out[at], expected[at],
                        1e-6 * (std::fabs(expected[at]) + 10))
                << inputs << ' ' << rows << ' ' << at;
        }
    }
}

TEST_P(EachKernel, ByteProductsAreExact) {
    for (size_t inputs : {48, 96, 144, 192, 240}) {
        expect_exact_products(*GetParam(), inputs);
    }
}

// Whether a thread's products are those of the caller.
bool same_in_a_thread(const Kernels& kernel, const ByteRows& rows,
                      const Weights& w, const std::vector<float>& expected) {
    std::vector<float> out(expected.size());
    std::thread([&] { kernel.product_bytes(rows, w, out.data()); }).join();
    return out == expected;
}

// As in a server: chosen in one process, used by the threads of its children.
TEST_P(EachKernel, WorksInThreadsAndChildren) {
    constexpr size_t kInputs = 192;
    constexpr size_t kRows = 17;
    Matrix matrix(random_layer(kLane, kInputs), Precision::kInt8);
    std::vector<uint8_t> bytes(kRows * kInputs, 200);
    std::vector<float> scale(kRows, 0.5f);
    std::vector<int32_t> zero(kRows, 3);
    ByteRows rows{bytes.data(), scale.data(), zero.data(), kRows, kInputs};
    std::vector<float> expected(kRows * kLane);
    GetParam()->product_bytes(rows, matrix.view(), expected.data());
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        bool same = same_in_a_thread(*GetParam(), rows, matrix.view(),
                                     expected);
        _exit(same ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_TRUE(same_in_a_thread(*GetParam(), rows, matrix.view(), expected));
}

TEST_P(EachKernel, FloatProducts) {
    constexpr size_t kInputs = 96;
    constexpr size_t kOutputs = 144;
    DenseLayer layer = random_layer(kOutputs, kInputs);
    Matrix matrix(layer, Precision::kFloat);
    std::mt19937 random(11);
    std::normal_distribution<float> normal;
    std::vector<float> rows(kMostRows * kInputs);
    for (float& x : rows) {
        x = normal(random);
    }
    for (size_t count = 0; count <= kMostRows; count++) {
        std::vector<float> out(count * kOutputs + 1, -77);
        GetParam()->product_floats(rows.data(), count, matrix.view(),
                                   out.data());
        EXPECT_EQ(out.back(), -77);
        for (size_t at = 0; at < count * kOutputs; at++) {
            double expected = double{layer.bias[at % kOutputs]};
            for (size_t k = 0; k < kInputs; k++) {
                expected +=
                    double{rows[at / kOutputs * kInputs + k]}
                    * double{layer.weights[at % kOutputs * kInputs + k]};
            }
            ASSERT_NEAR(out[at], expected, 1e-4);
        }
    }
}

TEST_P(EachKernel, QuantizeKeepsValuesWithinHalfAStep) {
    constexpr size_t kWidth = 96;
    constexpr size_t kRows = 5;
    std::vector<float> rows(kRows * kWidth);
    for (size_t i = 0; i < kWidth; i++) {
        auto x = static_cast<float>(i);
        rows[i] = x / 10 - 3;                  // both signs
        rows[kWidth + i] = x;                  // no negative one
        rows[2 * kWidth + i] = -x - 5;         // no positive one
        rows[3 * kWidth + i] = 0;              // nothing at all
        rows[4 * kWidth + i] = i == 7 ? 1e6f : -0.17f;
    }
    std::vector<uint8_t> bytes(kRows * kWidth);
    float scale[kRows];
    int32_t zero[kRows];
    std::vector<float> factor(kWidth, 1.0f);
    GetParam()->quantize(rows.data(), factor.data(),
                         {bytes.data(), scale, zero, kRows, kWidth});
    for (size_t row = 0; row < kRows; row++) {
        EXPECT_GE(zero[row], 0);
        EXPECT_LE(zero[row], 255);
        for (size_t i = 0; i < kWidth; i++) {
            size_t at = row * kWidth + i;
            float value =
                scale[row] * static_cast<float>(bytes[at] - zero[row]);
            // zero itself is exact; rounding both ends may cost one step
            EXPECT_NEAR(value, rows[at], scale[row] * 1.01f);
        }
    }
    EXPECT_FLOAT_EQ(scale[1], 95.0f / 255);
    EXPECT_EQ(zero[1], 0);
    EXPECT_EQ(zero[2], 255);
    EXPECT_EQ(bytes[3 * kWidth], 0);
}

// One input is 60 times as loud as all others.
std::vector<float> rows_with_a_loud_input(size_t rows, size_t width) {
    std::mt19937 random(13);
    std::normal_distribution<float> normal;
    std::vector<float> out(rows * width);
    for (size_t at = 0; at < out.size(); at++) {
        out[at] = normal(random) * (at % width == 9 ? 60.0f : 1.0f);
    }
    return out;
}

struct Quantized {
    std::vector<uint8_t> bytes;
    std::vector<float> scale;
    std::vector<int32_t> zero;

    Quantized(const Kernels& kernel, std::vector<float>& rows,
              const Weights& w)
        : bytes(rows.size()),
          scale(rows.size() / w.inputs),
          zero(rows.size() / w.inputs) {
        kernel.quantize(rows.data(), w.factor, view(w.inputs));
    }
    ByteRows view(size_t width) {
        return {bytes.data(), scale.data(), zero.data(), scale.size(),
                width};
    }
};

TEST_P(EachKernel, QuantizesToTheSameBytes) {
    constexpr size_t kInputs = 192;
    std::vector<float> loudness(kInputs, 3.0f);
    loudness[9] = 180;
    Matrix matrix(random_layer(kLane, kInputs), Precision::kInt8, loudness);
    auto rows = rows_with_a_loud_input(12, kInputs);
    Quantized expected(*portable_kernels(), rows, matrix.view());
    Quantized found(*GetParam(), rows, matrix.view());
    EXPECT_EQ(found.zero, expected.zero);
    EXPECT_EQ(found.scale, expected.scale);
    size_t other = 0;
    for (size_t i = 0; i < rows.size(); i++) {
        // a value half way between two steps may go either way
        EXPECT_LE(std::abs(found.bytes[i] - expected.bytes[i]), 1);
        other += found.bytes[i] != expected.bytes[i];
    }
    EXPECT_LE(other, 2u);
}

// Of products in bytes, against those in floats: the square of the error.
double byte_error(const Kernels& kernel, const DenseLayer& layer,
                  std::vector<float>& rows,
                  std::span<const float> loudness) {
    Matrix floats(layer, Precision::kFloat);
    Matrix bytes(layer, Precision::kInt8, loudness);
    size_t count = rows.size() / layer.inputs;
    std::vector<float> expected(count * layer.outputs);
    std::vector<float> found(expected.size());
    kernel.product_floats(rows.data(), count, floats.view(),
                          expected.data());
    Quantized quantized(kernel, rows, bytes.view());
    kernel.product_bytes(quantized.view(layer.inputs), bytes.view(),
                         found.data());
    double error = 0;
    for (size_t i = 0; i < found.size(); i++) {
        double difference = double{found[i]} - double{expected[i]};
        error += difference * difference;
    }
    return error / static_cast<double>(found.size());
}

TEST_P(EachKernel, ALoudInputLeavesTheOthersTheirSteps) {
    constexpr size_t kInputs = 192;
    DenseLayer layer = random_layer(144, kInputs);
    for (size_t out = 0; out < layer.outputs; out++) {
        layer.weights[out * kInputs + 9] *= 0.1f;
    }
    auto rows = rows_with_a_loud_input(12, kInputs);
    std::vector<float> loudness(kInputs, 3.0f);
    loudness[9] = 180;
    double plain = byte_error(*GetParam(), layer, rows, {});
    double evened = byte_error(*GetParam(), layer, rows, loudness);
    EXPECT_GT(plain, 0);
    EXPECT_LT(evened, plain / 20);
}

TEST(Matrix, FactorsArePowersOfTwoAndMakeNothingLouder) {
    constexpr size_t kInputs = 96;
    DenseLayer layer(kLane, kInputs);
    std::fill(layer.weights.begin(), layer.weights.end(), 0.5f);
    std::vector<float> loudness(kInputs, 2.0f);
    loudness[1] = 0;
    loudness[2] = 1e-6f;
    loudness[3] = 32;  // 16 times the usual: 4 of them go to the weights
    loudness[4] = INFINITY;
    Matrix matrix(layer, Precision::kInt8, loudness);
    const float* factor = matrix.view().factor;
    EXPECT_EQ(factor[0], 1);
    EXPECT_EQ(factor[1], 1);
    EXPECT_EQ(factor[2], 1);
    EXPECT_EQ(factor[3], 0.25f);
    EXPECT_EQ(factor[4], 1.0f / 1024);
    EXPECT_EQ(factor[95], 1);
    Matrix unknown(layer, Precision::kInt8);
    EXPECT_EQ(unknown.view().factor[3], 1);
}

TEST(Matrix, UnpackedIsWhatItWasMadeOf) {
    DenseLayer layer = random_layer(144, 96);
    DenseLayer again = Matrix(layer, Precision::kFloat).unpacked();
    EXPECT_EQ(again.outputs, layer.outputs);
    EXPECT_EQ(again.inputs, layer.inputs);
    EXPECT_EQ(again.weights, layer.weights);
    EXPECT_EQ(again.bias, layer.bias);
}

TEST_P(EachKernel, Gelu) {
    std::vector<float> values;
    for (int i = -4800; i < 4800; i++) {
        values.push_back(static_cast<float>(i) / 400);
    }
    std::vector<float> out = values;
    GetParam()->gelu(out.data(), out.size());
    for (size_t i = 0; i < values.size(); i++) {
        double x = double{values[i]};
        double expected = x * 0.5 * (1 + std::erf(x / std::sqrt(2.0)));
        ASSERT_NEAR(out[i], expected, 5e-6) << x;
    }
}

TEST_P(EachKernel, NormLeavesThePaddingZero) {
    constexpr size_t kWidth = 96;
    constexpr size_t kReal = 61;
    std::mt19937 random(5);
    std::normal_distribution<float> normal(3, 2);
    std::vector<float> rows(2 * kWidth);
    std::vector<float> other(2 * kWidth);
    std::vector<float> gamma(kWidth);
    std::vector<float> beta(kWidth);
    for (size_t i = 0; i < kReal; i++) {
        gamma[i] = normal(random);
        beta[i] = normal(random);
        for (size_t row = 0; row < 2; row++) {
            rows[row * kWidth + i] = normal(random);
            other[row * kWidth + i] = normal(random);
        }
    }
    std::vector<float> out = rows;
    GetParam()->add_norm(out.data(), other.data(), 2,
                         {gamma.data(), beta.data(), kWidth, kReal, 1e-12f});
    for (size_t row = 0; row < 2; row++) {
        double mean = 0;
        double variance = 0;
        for (size_t i = 0; i < kReal; i++) {
            size_t at = row * kWidth + i;
            mean += (double{rows[at]} + double{other[at]}) / kReal;
        }
        for (size_t i = 0; i < kReal; i++) {
            size_t at = row * kWidth + i;
            double d = double{rows[at]} + double{other[at]} - mean;
            variance += d * d / kReal;
        }
        for (size_t i = 0; i < kWidth; i++) {
            size_t at = row * kWidth + i;
            double d = double{rows[at]} + double{other[at]} - mean;
            double expected =
                i < kReal ? d / std::sqrt(variance) * double{gamma[i]}
                                + double{beta[i]}
                          : 0;
            ASSERT_NEAR(out[at], expected, 1e-4);
        }
    }
}

TEST_P(EachKernel, AttentionOfLargeScores) {
    // One key answers so loudly that its value is all that is left.
    constexpr size_t kRows = 17;
    constexpr size_t kHead = 16;
    constexpr size_t kSection = 48;
    std::vector<float> qkv(kRows * 3 * kSection);
    for (size_t row = 0; row < kRows; row++) {
        float* at = qkv.data() + row * 3 * kSection;
        for (size_t h = 0; h < 2; h++) {
            at[h * kHead] = 100;
            at[kSection + h * kHead] = row == 3 + h ? 100.0f : -100.0f;
            at[2 * kSection + h * kHead + 1] = static_cast<float>(row);
        }
    }
    std::vector<float> scratch(attention_scratch(kRows, kHead));
    std::vector<float> out(kRows * kSection);
    GetParam()->attention({qkv.data(), kRows, kSection, 2, kHead, 0.25f,
                           scratch.data(), out.data()});
    for (size_t row = 0; row < kRows; row++) {
        EXPECT_FLOAT_EQ(out[row * kSection + 1], 3);
        EXPECT_FLOAT_EQ(out[row * kSection + kHead + 1], 4);
        EXPECT_FLOAT_EQ(out[row * kSection], 0);
    }
}

TEST(Kernels, TheBestOneFirstAndAlwaysOne) {
    ASSERT_FALSE(kernels().empty());
    EXPECT_STREQ(kernels().back()->name, "portable");
    EXPECT_EQ(portable_kernels(), kernels().back());
}

}  // namespace
}  // namespace llm::semantic
