#include "src/semantic/matrix.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace llm::semantic {

namespace {

// Of those that are not zero; 1 when all are.
float median(std::span<const float> values) {
    std::vector<float> sorted;
    std::copy_if(values.begin(), values.end(), std::back_inserter(sorted),
                 [](float x) { return x > 0; });
    if (sorted.empty()) {
        return 1;
    }
    auto middle = sorted.begin() + static_cast<long>(sorted.size() / 2);
    std::nth_element(sorted.begin(), middle, sorted.end());
    return *middle;
}

// For an input that is so many times as loud, measured by its weights, as
// others are: half of the difference goes to the weights.
float factor_of(float times) {
    if (!(times > 1)) {
        return 1;
    }
    float halvings = std::rint(std::log2(times) / 2);
    return std::exp2(-std::min(halvings, 10.0f));
}

}  // namespace

DenseLayer::DenseLayer(size_t outputs_wanted, size_t inputs_wanted)
    : outputs(outputs_wanted),
      inputs(inputs_wanted),
      weights(outputs_wanted * inputs_wanted),
      bias(outputs_wanted) {}

Matrix::Matrix(const DenseLayer& layer, Precision precision,
               std::span<const float> loudness)
    : inputs_(layer.inputs), outputs_(layer.outputs), bias_(layer.outputs) {
    std::copy(layer.bias.begin(), layer.bias.end(), bias_.data());
    if (precision == Precision::kFloat) {
        pack_floats(layer);
    } else {
        choose_factors(layer, loudness);
        pack_bytes(layer);
    }
}

void Matrix::pack_floats(const DenseLayer& layer) {
    floats_.grow(inputs_ * outputs_);
    for (size_t out = 0; out < outputs_; out++) {
        float* panel = floats_.data() + out / kLane * kLane * inputs_;
        for (size_t in = 0; in < inputs_; in++) {
            panel[in * kLane + out % kLane] =
                layer.weights[out * inputs_ + in];
        }
    }
}

DenseLayer Matrix::unpacked() const {
    DenseLayer layer(outputs_, inputs_);
    std::copy_n(bias_.data(), outputs_, layer.bias.begin());
    for (size_t out = 0; out < outputs_; out++) {
        const float* panel = floats_.data() + out / kLane * kLane * inputs_;
        for (size_t in = 0; in < inputs_; in++) {
            layer.weights[out * inputs_ + in] =
                panel[in * kLane + out % kLane];
        }
    }
    return layer;
}

void Matrix::choose_factors(const DenseLayer& layer,
                            std::span<const float> loudness) {
    factor_.grow(inputs_);
    std::fill_n(factor_.data(), inputs_, 1.0f);
    if (loudness.empty()) {
        return;
    }
    std::vector<float> weight(inputs_);
    for (size_t out = 0; out < outputs_; out++) {
        const float* row = layer.weights.data() + out * inputs_;
        for (size_t in = 0; in < inputs_; in++) {
            weight[in] = std::max(weight[in], std::fabs(row[in]));
        }
    }
    float usual = median(loudness) / median(weight);
    for (size_t in = 0; in < inputs_; in++) {
        if (loudness[in] > 0 && weight[in] > 0) {
            factor_[in] = factor_of(loudness[in] / weight[in] / usual);
        }
    }
}

void Matrix::pack_bytes(const DenseLayer& layer) {
    bytes_.grow(inputs_ * outputs_);
    scale_.grow(outputs_);
    sum_.grow(outputs_);
    std::vector<float> row(inputs_);
    for (size_t out = 0; out < outputs_; out++) {
        float most = 0;
        for (size_t in = 0; in < inputs_; in++) {
            row[in] = layer.weights[out * inputs_ + in] / factor_[in];
            most = std::max(most, std::fabs(row[in]));
        }
        float scale = most > 1e-30f ? most / 127 : 1;
        int8_t* panel = bytes_.data() + out / kLane * kLane * inputs_;
        int32_t sum = 0;
        for (size_t in = 0; in < inputs_; in++) {
            auto byte = static_cast<int32_t>(std::lrintf(row[in] / scale));
            byte = std::clamp(byte, -127, 127);
            panel[in / 4 * 4 * kLane + out % kLane * 4 + in % 4] =
                static_cast<int8_t>(byte);
            sum += byte;
        }
        scale_[out] = scale;
        sum_[out] = sum;
    }
}

Weights Matrix::view() const {
    return {bytes_.data(),  floats_.data(), scale_.data(), sum_.data(),
            factor_.data(), bias_.data(),   inputs_,       outputs_};
}

size_t Matrix::memory() const {
    return bytes_.size()
           + 4 * (floats_.size() + scale_.size() + sum_.size()
                  + factor_.size() + bias_.size());
}

}  // namespace llm::semantic
