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

// kRemote: a model that we do not know. kWords is of no encoder: words alone,
// whatever the cosine, for what a model was not trained on.
enum class EncoderKind : uint8_t {
    kMinilm,
    kStatic,
    kLexical,
    kRemote,
    kWords,
};
constexpr size_t kEncoderKinds = 5;

// Of Encoder::kind(); kRemote for every other word.
EncoderKind encoder_kind(Bytes word);
Bytes name_of(EncoderKind kind);

// Which weights judge texts of a language. all-MiniLM-L6-v2, and what is
// distilled from it, knows English: elsewhere its cosines say what two texts
// are about, and no more than that.
inline EncoderKind weights_of(EncoderKind kind, Language language) {
    bool english = kind == EncoderKind::kMinilm
                   || kind == EncoderKind::kStatic;
    return english && language != Language::kEnglish ? EncoderKind::kWords
                                                     : kind;
}

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
