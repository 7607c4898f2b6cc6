#include "src/semantic/matrix.hpp"

#include <algorithm>
#include <cmath>

namespace llm::semantic {

DenseLayer::DenseLayer(size_t outputs_wanted, size_t inputs_wanted)
    : outputs(outputs_wanted),
      inputs(inputs_wanted),
      weights(outputs_wanted * inputs_wanted),
      bias(outputs_wanted) {}

Matrix::Matrix(const DenseLayer& layer, Precision precision)
    : inputs_(layer.inputs), outputs_(layer.outputs), bias_(layer.outputs) {
    std::copy(layer.bias.begin(), layer.bias.end(), bias_.data());
    if (precision == Precision::kFloat) {
        pack_floats(layer);
    } else {
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

void Matrix::pack_bytes(const DenseLayer& layer) {
    bytes_.grow(inputs_ * outputs_);
    scale_.grow(outputs_);
    sum_.grow(outputs_);
    for (size_t out = 0; out < outputs_; out++) {
        const float* row = layer.weights.data() + out * inputs_;
        float most = 0;
        for (size_t in = 0; in < inputs_; in++) {
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
    return {bytes_.data(), floats_.data(), scale_.data(), sum_.data(),
            bias_.data(),  inputs_,        outputs_};
}

size_t Matrix::memory() const {
    return bytes_.size() + 4 * (floats_.size() + scale_.size() + sum_.size()
                                + bias_.size());
}

}  // namespace llm::semantic
