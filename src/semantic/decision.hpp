// Judge: whether the answer to a stored prompt answers this one too. Vetoes
// first (guards.hpp), then one probability that the stored answer is right,
// from the cosine and what differs between the texts (features.hpp,
// calibration.hpp). A hit needs probability >= precision, cosine >= threshold
// and no veto:
//
//   Verdict verdict = judge.judge(query, stored, cosine, kind);
//   bool hit = verdict.veto.empty() && cosine >= threshold
//              && verdict.probability_ppm >= precision_ppm;
//
// Ownership: made when the configuration is read, immutable, shared by all
// who judge. Any thread, no locks; 5 to 30 us for a candidate.
#pragma once

#include <memory>
#include <string>

#include "src/semantic/calibration.hpp"
#include "src/semantic/guards.hpp"
#include "src/semantic/word_counts.hpp"

namespace llm::semantic {

constexpr uint32_t kDefaultPrecisionPpm = 980000;
// The floor for critical requests.
constexpr double kCriticalThreshold = 0.99;

struct JudgeOptions {
    VetoSet vetoes = kAllVetoes;
    Bytes terms;             // the operator's list, "" when there is none
    std::string terms_name;  // for messages
};

struct Verdict {
    uint32_t probability_ppm = 0;  // 0 under a veto
    Bytes veto;                    // "veto:number" …, "" for none; static
};

class Judge {
public:
    // Errors are of the operator's list: file and line.
    static Result<Judge> create(const JudgeOptions& options);

    // `counts`: of the traffic (word_counts.hpp); nullptr: none were kept.
    Verdict judge(Bytes query, Bytes stored, double cosine, EncoderKind kind,
                  const WordCounts* counts = nullptr) const;
    // The same with the query read once for all its candidates.
    Facts read(Bytes text) const;
    Verdict judge(const Facts& query, Bytes stored, double cosine,
                  EncoderKind kind, const WordCounts* counts = nullptr) const;

    // Of the lists, for gate() and normalised_key_text().
    const Lists& lists() const { return *lists_; }

    // The floor on the cosine when none is configured.
    double default_threshold(EncoderKind kind) const;

    const Idf& idf() const { return *idf_; }

private:
    Judge() = default;

    std::shared_ptr<const Lists> lists_;
    std::shared_ptr<const Idf> idf_;
    std::shared_ptr<const Calibration> calibration_;
    VetoSet vetoes_ = kAllVetoes;
};

}  // namespace llm::semantic
