// judge PAIRS MODELS [TERMS]: what the semantic cache makes of pairs of
// questions, one line for each pair and encoder with the reason; see
// bench/README.md. The default setting; TERMS is a file as that of `terms=`.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>

#include "bench/semantic_data.hpp"
#include "bench/semantic_vectors.hpp"
#include "src/semantic/bert_encoder.hpp"
#include "src/semantic/decision.hpp"
#include "src/semantic/gate.hpp"
#include "src/semantic/lexical_encoder.hpp"
#include "src/semantic/normalise.hpp"
#include "src/semantic/static_encoder.hpp"

namespace {

using namespace llm;
using namespace llm::semantic;

struct Decision {
    std::string reason;  // as in $llm_cache_reason
    double cosine = 0;
    double probability = 0;
    bool served() const {
        return reason == "semantic" || reason == "normalized";
    }
};

class Decider {
public:
    Decider(const Judge& judge, const Encoder& encoder)
        : judge_(judge), kind_(encoder_kind(encoder.kind())),
          vectors_(encoder, "", judge.lists()) {}

    // The second question is asked where the first is stored.
    Decision decide(const std::string& stored, const std::string& asked) {
        const Lists& lists = judge_.lists();
        for (const std::string& text : {asked, stored}) {
            if (Bytes gate = gate_text(text, {}, lists); !gate.empty()) {
                return {std::string(gate)};
            }
        }
        std::string key = normalised_key_text(asked, lists);
        if (!key.empty() && key == normalised_key_text(stored, lists)) {
            return {"normalized", 1, 1};
        }
        Decision out;
        out.cosine = vectors_.cosine(asked, stored);
        Verdict verdict = judge_.judge(asked, stored, out.cosine, kind_);
        out.probability = verdict.probability_ppm / 1e6;
        if (!verdict.veto.empty()) {
            out.reason = verdict.veto;
        } else if (out.cosine < judge_.default_threshold(kind_)) {
            out.reason = "below threshold";
        } else if (verdict.probability_ppm < kDefaultPrecisionPpm) {
            out.reason = "below precision";
        } else {
            out.reason = "semantic";
        }
        return out;
    }

    // The likelier of both ways: either question may be the one stored.
    Decision either_way(const bench::Pair& pair) {
        Decision one = decide(pair.left, pair.right);
        Decision two = decide(pair.right, pair.left);
        return two.served() && !one.served() ? two : one;
    }

private:
    const Judge& judge_;
    EncoderKind kind_;
    bench::Vectors vectors_;
};

void judge_all(const std::vector<bench::OwnPair>& pairs, const Judge& judge,
               const Encoder& encoder) {
    struct Row {
        size_t served = 0;
        size_t all = 0;
    };
    Decider decider(judge, encoder);
    std::map<std::string, Row> rows;
    for (const bench::OwnPair& own : pairs) {
        Decision made = decider.either_way(own.pair);
        std::string verdict = own.pair.same ? "same" : "other";
        for (const std::string& name : {verdict, verdict + ", " + own.kind}) {
            rows[name].served += made.served() ? 1 : 0;
            rows[name].all++;
        }
        std::printf("%s\t%s\t%s\t%.3f\t%.3f\t%s\t%s\n", own.kind.c_str(),
                    verdict.c_str(), made.reason.c_str(), made.cosine,
                    made.probability, own.pair.left.c_str(),
                    own.pair.right.c_str());
    }
    for (const auto& [name, row] : rows) {
        std::printf("# %.*s\t%s\t%zu of %zu served\n",
                    static_cast<int>(encoder.kind().size()),
                    encoder.kind().data(), name.c_str(), row.served, row.all);
    }
}

std::string slurp(const char* path) {
    std::ifstream file(path);
    std::ostringstream out;
    out << file.rdbuf();
    return out.str();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: judge PAIRS MODELS [TERMS]\n");
        return 2;
    }
    std::vector<bench::OwnPair> pairs = bench::read_pairs(argv[1]);
    JudgeOptions options;
    std::string terms = argc > 3 ? slurp(argv[3]) : "";
    options.terms = terms;
    options.terms_name = argc > 3 ? argv[3] : "";
    Result<Judge> judge = Judge::create(options);
    if (!judge || pairs.empty()) {
        std::fprintf(stderr, "%s\n", judge ? "no pairs were read"
                                           : judge.error().message.c_str());
        return 1;
    }
    std::string models = argv[2];
    if (auto minilm = BertEncoder::load(models + "/all-MiniLM-L6-v2",
                                        Precision::kInt8)) {
        judge_all(pairs, *judge, *minilm);
    }
    if (auto fixed = StaticEncoder::load(models + "/static")) {
        judge_all(pairs, *judge, *fixed);
    }
    judge_all(pairs, *judge, LexicalEncoder());
    return 0;
}
