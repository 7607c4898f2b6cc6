#include "src/semantic/decision.hpp"

namespace llm::semantic {

Result<Judge> Judge::create(const JudgeOptions& options) {
    Result<Lists> lists = Lists::built_in();
    if (!lists) {
        return lists.error();
    }
    if (Result<void> done = lists->add_terms(options.terms,
                                             options.terms_name);
        !done) {
        return done.error();
    }
    Result<Idf> idf = Idf::built_in();
    if (!idf) {
        return idf.error();
    }
    Result<Calibration> calibration = Calibration::built_in();
    if (!calibration) {
        return calibration.error();
    }
    Judge judge;
    judge.lists_ = std::make_shared<const Lists>(std::move(*lists));
    judge.idf_ = std::make_shared<const Idf>(std::move(*idf));
    judge.calibration_ =
        std::make_shared<const Calibration>(std::move(*calibration));
    judge.vetoes_ = options.vetoes;
    return judge;
}

Facts Judge::read(Bytes text) const {
    return Facts::read(text, *lists_, *idf_);
}

Verdict Judge::judge(Bytes query, Bytes stored, double cosine,
                     EncoderKind kind, const WordCounts* counts) const {
    return judge(read(query), stored, cosine, kind, counts);
}

Verdict Judge::judge(const Facts& query, Bytes stored, double cosine,
                     EncoderKind kind, const WordCounts* counts) const {
    Facts facts = Facts::read(stored, *lists_, *idf_, query.language());
    Alignment alignment(query, facts, counts);
    Veto veto = find_veto(alignment, *lists_, vetoes_);
    if (veto != Veto::kNone) {
        return {0, name_of(veto)};
    }
    return {calibration_->probability_ppm(weights_of(kind, facts.language()),
                                          features_of(alignment, cosine)),
            {}};
}

double Judge::default_threshold(EncoderKind kind) const {
    return calibration_->floor(kind);
}

}  // namespace llm::semantic
