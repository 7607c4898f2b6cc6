#include "src/semantic/calibration.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <string>

namespace llm::semantic {
namespace {

constexpr Bytes kKindNames[kEncoderKinds] = {"minilm", "static", "lexical",
                                             "remote", "words"};

// Digits, a point and a sign; false for anything else.
bool parse_real(Bytes text, double& out) {
    bool minus = text.starts_with("-");
    text.remove_prefix(minus ? 1 : 0);
    size_t point = std::min(text.find('.'), text.size());
    Bytes after = text.substr(std::min(point + 1, text.size()));
    uint64_t whole = 0;
    uint64_t part = 0;
    if (after.size() > 9 || !parse_decimal(text.substr(0, point), whole)
        || (point < text.size() && !parse_decimal(after, part))) {
        return false;
    }
    out = static_cast<double>(whole)
          + static_cast<double>(part)
                / std::pow(10.0, static_cast<double>(after.size()));
    out = minus ? -out : out;
    return true;
}

std::optional<EncoderKind> named(Bytes word) {
    const auto* at = std::ranges::find(kKindNames, word);
    return at == std::end(kKindNames)
               ? std::nullopt
               : std::optional(static_cast<EncoderKind>(at - kKindNames));
}

Error wrong(size_t line, const char* what) {
    return {Errc::kInvalid,
            "calibration, line " + std::to_string(line) + ": " + what};
}

}  // namespace

EncoderKind encoder_kind(Bytes word) {
    EncoderKind kind = named(word).value_or(EncoderKind::kRemote);
    return kind == EncoderKind::kWords ? EncoderKind::kRemote : kind;
}

Bytes name_of(EncoderKind kind) {
    return kKindNames[static_cast<size_t>(kind)];
}

bool Calibration::set(Weights& weights, Bytes name, double value) {
    if (name == "floor") {
        weights.floor = value;
        return value >= 0 && value <= 1;
    }
    for (size_t i = 0; i < kFeatures; i++) {
        if (name_of(static_cast<Feature>(i)) == name) {
            weights.weight[i] = value;
            bool rises = static_cast<Feature>(i) == Feature::kCosine
                         || static_cast<Feature>(i) == Feature::kNear;
            return !rises || value >= 0;
        }
    }
    return false;
}

Result<Calibration> Calibration::create(Bytes text) {
    Calibration made;
    Weights* weights = nullptr;
    size_t kinds = 0;
    for (size_t number = 1; !text.empty(); number++) {
        size_t end = std::min(text.find('\n'), text.size());
        Bytes line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line.front() == '#') {
            continue;
        }
        if (line.front() == '[' && line.back() == ']') {
            Bytes name = line.substr(1, line.size() - 2);
            std::optional<EncoderKind> kind = named(name);
            if (!kind) {
                return wrong(number, "unknown kind of encoder");
            }
            weights = &made.kinds_[static_cast<size_t>(*kind)];
            kinds++;
            continue;
        }
        size_t space = line.find(' ');
        double value = 0;
        if (weights == nullptr || space == Bytes::npos
            || !parse_real(line.substr(space + 1), value)
            || !set(*weights, line.substr(0, space), value)) {
            return wrong(number, "not `name value`");
        }
    }
    if (kinds != kEncoderKinds) {
        return wrong(0, "not every kind of encoder has weights");
    }
    return made;
}

double Calibration::score(EncoderKind kind, const Features& features) const {
    const Weights& weights = kinds_[static_cast<size_t>(kind)];
    double sum = 0;
    for (size_t i = 0; i < kFeatures; i++) {
        sum += weights.weight[i] * features.value[i];
    }
    return sum;
}

uint32_t Calibration::probability_ppm(EncoderKind kind,
                                      const Features& features) const {
    double p = 1 / (1 + std::exp(-score(kind, features)));
    return static_cast<uint32_t>(std::clamp(p, 0.0, 1.0) * 1e6);
}

}  // namespace llm::semantic
