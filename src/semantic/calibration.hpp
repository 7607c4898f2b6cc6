// Calibration: features into the probability that the stored answer is
// right; one set of weights for each kind of encoder, fitted by
// bench/calibrate and shipped as data/semantic/calibration.txt, whose head
// tells method and held-out error.
//
// A kind's lines: `[minilm]`, `floor 0.70`, then `feature weight`; a feature
// without a line weighs nothing. The weight of the cosine is never below
// zero, so that nearer is never worse.
// Immutable, any thread.
#pragma once

#include <array>

#include "src/semantic/features.hpp"

namespace llm::semantic {

// kRemote: a model that we do not know.
enum class EncoderKind : uint8_t { kMinilm, kStatic, kLexical, kRemote };
constexpr size_t kEncoderKinds = 4;

// Of Encoder::kind(); kRemote for every other word.
EncoderKind encoder_kind(Bytes word);
Bytes name_of(EncoderKind kind);

class Calibration {
public:
    static Result<Calibration> built_in();
    // Errors name the line.
    static Result<Calibration> create(Bytes text);

    uint32_t probability_ppm(EncoderKind kind,
                             const Features& features) const;
    // The logarithm of the odds.
    double score(EncoderKind kind, const Features& features) const;
    double floor(EncoderKind kind) const {
        return kinds_[static_cast<size_t>(kind)].floor;
    }

private:
    struct Weights {
        double floor = 1;
        std::array<double, kFeatures> weight{};
    };
    // False for a name that is unknown or a value out of its bounds.
    static bool set(Weights& weights, Bytes name, double value);

    std::array<Weights, kEncoderKinds> kinds_;
};

}  // namespace llm::semantic
