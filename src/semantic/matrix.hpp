// Matrix: the weights of one linear layer, packed once for the kernels, as
// floats or as signed bytes with one scale for each output.
//
// A row has one scale for all its bytes, so that a single loud input would
// leave few steps to the others. Where the loudness of the inputs is known,
// loud ones are divided by a power of two before they become bytes, and
// their weights multiplied by it before these do (Xiao et al. 2022,
// SmoothQuant); nothing is ever made louder than it is.
//
// Ownership: owns its packed copy. Threads: immutable. Shapes: inputs and
// outputs are multiples of kLane; what the model does not have is zero.
#pragma once

#include <span>
#include <vector>

#include "src/semantic/aligned.hpp"
#include "src/semantic/kernels.hpp"

namespace llm::semantic {

enum class Precision : uint8_t { kInt8, kFloat };

// Rows of outputs, as models are stored, with a bias for each.
struct DenseLayer {
    DenseLayer(size_t outputs, size_t inputs);

    size_t outputs;
    size_t inputs;
    std::vector<float> weights;
    std::vector<float> bias;
};

class Matrix {
public:
    Matrix() = default;
    // loudness: for each input, the greatest magnitude to expect; empty when
    // that is not known.
    Matrix(const DenseLayer& layer, Precision precision,
           std::span<const float> loudness = {});

    // Lives as long as the matrix.
    Weights view() const;
    // What it was made of. Precondition: floats.
    DenseLayer unpacked() const;
    size_t memory() const;  // bytes

private:
    void pack_floats(const DenseLayer& layer);
    void pack_bytes(const DenseLayer& layer);
    void choose_factors(const DenseLayer& layer,
                        std::span<const float> loudness);

    size_t inputs_ = 0;
    size_t outputs_ = 0;
    AlignedArray<float> floats_;
    AlignedArray<int8_t> bytes_;
    AlignedArray<float> scale_;
    AlignedArray<int32_t> sum_;
    AlignedArray<float> factor_;
    AlignedArray<float> bias_;
};

}  // namespace llm::semantic
