// semantic DATA MODELS [MEMO]: what the semantic cache gets right on public
// sets, at the default setting and along a curve; see bench/README.md. The
// search is brute force over the encoders' float vectors; candidates are the
// four nearest, the likeliest that the judge allows is served. To be run in
// the root of the repository, where bench/data/ is.
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>

#include "bench/semantic_pairs.hpp"
#include "src/semantic/bert_encoder.hpp"
#include "src/semantic/decision.hpp"
#include "src/semantic/gate.hpp"
#include "src/semantic/lexical_encoder.hpp"
#include "src/semantic/static_encoder.hpp"

namespace {

using namespace llm;
using namespace llm::semantic;
using bench::Labelled;
using bench::Near;
using bench::Vectors;

constexpr size_t kCandidates = 4;

struct Bench {
    const bench::SemanticData& data;
    const Judge& judge;
    const Encoder& encoder;
    EncoderKind kind;
    Vectors vectors;
    double floor;
    std::FILE* misses;  // false hits, for reading; may be null
    const WordCounts* counts = nullptr;  // of what a stream has stored
};

struct Tally {
    size_t right = 0;
    size_t wrong = 0;
    size_t miss = 0;
    size_t all() const { return right + wrong + miss; }
    double precision() const {
        return right + wrong == 0
                   ? 100
                   : 100.0 * static_cast<double>(right)
                         / static_cast<double>(right + wrong);
    }
    double share(size_t part) const {
        return all() == 0 ? 0
                          : 100.0 * static_cast<double>(part)
                                / static_cast<double>(all());
    }
};

// The row that is served, or -1.
template <typename Text>
long serve(Bench& b, const std::string& query, const std::vector<Near>& near,
           uint32_t precision, Text&& text_of) {
    Facts facts = b.judge.read(query);
    uint32_t best = 0;
    long served = -1;
    for (const Near& n : near) {
        if (n.cosine < b.floor) {
            break;
        }
        Verdict v = b.judge.judge(facts, text_of(n.row), n.cosine, b.kind,
                                  b.counts);
        if (v.veto.empty() && v.probability_ppm >= precision
            && v.probability_ppm > best) {
            best = v.probability_ppm;
            served = static_cast<long>(n.row);
        }
    }
    return served;
}

// What the edge has counted once it has stored all these.
class Traffic {
public:
    Traffic()
        : memory_(WordCounts::size_needed(kCounters) / sizeof(uint64_t)),
          counts_(*WordCounts::attach({reinterpret_cast<char*>(memory_.data()),
                                       memory_.size() * sizeof(uint64_t),
                                       true})) {}

    void add(const Judge& judge, const std::string& text) {
        counts_.add(judge.read(text));
    }
    const WordCounts* counts() const { return &counts_; }

private:
    static constexpr size_t kCounters = 16384;
    std::vector<uint64_t> memory_;
    WordCounts counts_;
};

void note(Bench& b, const char* set, const std::string& query,
          const std::string& stored) {
    if (b.misses != nullptr) {
        std::fprintf(b.misses, "%s\t%s\t%s\n", set, query.c_str(),
                     stored.c_str());
    }
}

Tally published(Bench& b, uint32_t precision, bool print) {
    std::vector<const float*> rows;
    Traffic traffic;
    for (const bench::Pair& pair : b.data.published) {
        rows.push_back(b.vectors.of(pair.left));
        traffic.add(b.judge, pair.left);
    }
    b.counts = traffic.counts();
    Tally tally;
    auto text = [&](size_t row) -> const std::string& {
        return b.data.published[row].left;
    };
    for (const bench::Pair& pair : b.data.published) {
        auto near = bench::nearest(b.vectors, rows, b.vectors.of(pair.right),
                                   kCandidates);
        long row = serve(b, pair.right, near, precision, text);
        if (row < 0) {
            tally.miss++;
        } else if (text(static_cast<size_t>(row)) == pair.left) {
            tally.right++;
        } else {
            tally.wrong++;
            if (print) {
                note(b, "published", pair.right,
                     text(static_cast<size_t>(row)));
            }
        }
    }
    return tally;
}

// `stored` first, then each query; answers are right when labels are equal.
Tally stream(Bench& b, const char* set, const std::vector<Labelled>& stored,
             size_t count, const std::vector<Labelled>& queries,
             uint32_t precision) {
    std::vector<const float*> rows;
    Traffic traffic;
    for (size_t i = 0; i < std::min(count, stored.size()); i++) {
        rows.push_back(b.vectors.of(stored[i].text));
        traffic.add(b.judge, stored[i].text);
    }
    b.counts = traffic.counts();
    Tally tally;
    auto text = [&](size_t row) -> const std::string& {
        return stored[row].text;
    };
    for (const Labelled& query : queries) {
        auto near = bench::nearest(b.vectors, rows, b.vectors.of(query.text),
                                   kCandidates);
        long row = serve(b, query.text, near, precision, text);
        if (row < 0) {
            tally.miss++;
        } else if (stored[static_cast<size_t>(row)].label == query.label) {
            tally.right++;
        } else {
            tally.wrong++;
            note(b, set, query.text, text(static_cast<size_t>(row)));
        }
    }
    return tally;
}

void print_stream(const char* name, const Tally& t) {
    std::printf("| %s | %.1f %% | %.1f %% | %zu of %zu (%.2f %%) |\n", name,
                t.share(t.right + t.wrong), t.precision(), t.wrong, t.all(),
                t.share(t.wrong));
}

size_t traps_served(Bench& b, uint32_t precision) {
    size_t served = 0;
    for (const bench::Pair& pair : b.data.traps) {
        for (bool turned : {false, true}) {
            const std::string& query = turned ? pair.right : pair.left;
            const std::string& stored = turned ? pair.left : pair.right;
            double cosine = b.vectors.cosine(query, stored);
            Verdict v = b.judge.judge(query, stored, cosine, b.kind);
            if (cosine >= b.floor && v.veto.empty()
                && v.probability_ppm >= precision) {
                served++;
                note(b, "trap", query, stored);
                break;
            }
        }
    }
    return served;
}

// Whether a pair of our own is served, one way or the other.
bool own_served(Bench& b, const bench::Pair& pair) {
    const Lists& lists = b.judge.lists();
    if (!gate_text(pair.left, {}, lists).empty()
        || !gate_text(pair.right, {}, lists).empty()) {
        return false;
    }
    double cosine = b.vectors.cosine(pair.left, pair.right);
    for (bool turned : {false, true}) {
        Verdict v = b.judge.judge(turned ? pair.right : pair.left,
                                  turned ? pair.left : pair.right, cosine,
                                  b.kind);
        if (cosine >= b.floor && v.veto.empty()
            && v.probability_ppm >= kDefaultPrecisionPpm) {
            return true;
        }
    }
    return false;
}

// Our own pairs by kind: served of all, the half that was fitted on and the
// half that was not.
void print_own(Bench& b, const char* set,
               const std::vector<bench::OwnPair>& pairs) {
    struct Row {
        size_t served[2] = {};
        size_t all[2] = {};
    };
    std::map<std::string, Row> rows;
    for (const bench::OwnPair& own : pairs) {
        std::string verdict = own.pair.same ? "same" : "other";
        bool served = own_served(b, own.pair);
        for (const std::string& name : {verdict, verdict + ", " + own.kind}) {
            rows[name].served[own.held] += served ? 1 : 0;
            rows[name].all[own.held]++;
        }
        if (served && !own.pair.same && !own.held) {
            note(b, set, own.pair.left, own.pair.right);
        }
    }
    std::printf("\n| %s pairs served | seen | held out |\n|---|---|---|\n",
                set);
    for (const auto& [name, row] : rows) {
        std::printf("| %s | %zu of %zu | %zu of %zu |\n", name.c_str(),
                    row.served[0], row.all[0], row.served[1], row.all[1]);
    }
}

Tally questions(Bench& b, uint32_t precision) {
    Tally tally;
    for (const bench::Pair& pair : b.data.questions) {
        double cosine = b.vectors.cosine(pair.left, pair.right);
        Verdict v = b.judge.judge(pair.left, pair.right, cosine, b.kind);
        if (cosine < b.floor || !v.veto.empty()
            || v.probability_ppm < precision) {
            tally.miss++;
        } else {
            (pair.same ? tally.right : tally.wrong)++;
        }
    }
    return tally;
}

std::vector<Labelled> shuffled(std::vector<Labelled> rows) {
    uint64_t state = 88172645463325252u;
    for (size_t i = rows.size(); i > 1; i--) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        std::swap(rows[i - 1], rows[state % i]);
    }
    return rows;
}

std::vector<Labelled> passed(const Bench& b, const std::vector<Labelled>& in) {
    std::vector<Labelled> out;
    for (const Labelled& row : in) {
        if (gate_text(row.text, {}, b.judge.lists()).empty()) {
            out.push_back(row);
        }
    }
    return out;
}

void run(Bench& b) {
    constexpr uint32_t kDefault = kDefaultPrecisionPpm;
    Bytes name = name_of(b.kind);
    std::printf("\n## %.*s\n\n", static_cast<int>(name.size()), name.data());
    std::printf("| GPTCache's %zu pairs | right | wrong | miss |\n"
                "|---|---|---|---|\n"
                "| published, 0.9 | 804 | 77 | 118 |\n"
                "| published, 0.8 | 904 | 92 | 3 |\n",
                b.data.published.size());
    for (uint32_t precision : {999000u, 990000u, 980000u, 950000u, 900000u}) {
        Tally t = published(b, precision, precision == kDefault);
        std::printf("| precision=%.3f%s | %zu | %zu | %zu |\n",
                    precision / 1e6,
                    precision == kDefault ? " (default)" : "", t.right,
                    t.wrong, t.miss);
    }
    std::fprintf(stderr, "  published pairs done\n");
    std::printf("\nLook-alike finance pairs served: %zu of %zu.\n",
                traps_served(b, kDefault), b.data.traps.size());
    print_own(b, "own", b.data.own);
    print_own(b, "blind", b.data.blind);
    print_own(b, "language", b.data.languages);

    std::printf("\n| Stream | hits | right of hits | false hits of requests "
                "|\n|---|---|---|---|\n");
    std::vector<Labelled> train = shuffled(b.data.banking_train);
    Tally t = stream(b, "banking77", train, train.size(), b.data.banking_test,
                     kDefault);
    print_stream("banking77, train then test", t);
    t = stream(b, "banking77-gated", train, train.size(),
               passed(b, b.data.banking_test), kDefault);
    print_stream("the same, what the gate lets pass", t);
    t = stream(b, "clinc150", b.data.clinc_train, b.data.clinc_train.size(),
               b.data.clinc_test, kDefault);
    print_stream("clinc150, train then test (intents)", t);
    std::fprintf(stderr, "  streams done\n");

    std::printf("\n| banking77 entries | hits | right of hits | false hits of "
                "requests |\n|---|---|---|---|\n");
    for (size_t count : {size_t{500}, size_t{1000}, size_t{2500},
                         size_t{5000}, train.size()}) {
        t = stream(b, "", train, count, b.data.banking_test, kDefault);
        print_stream(std::to_string(count).c_str(), t);
    }
    std::printf("\n| %zu labelled questions, precision= | served | labelled "
                "the same | of all the same |\n|---|---|---|---|\n",
                b.data.questions.size());
    size_t same = static_cast<size_t>(std::count_if(
        b.data.questions.begin(), b.data.questions.end(),
        [](const bench::Pair& pair) { return pair.same; }));
    for (uint32_t p : {999000u, 990000u, 980000u, 950000u, 900000u, 800000u,
                       500000u}) {
        t = questions(b, p);
        std::printf("| %.3f | %zu | %.1f %% | %.1f %% |\n", p / 1e6,
                    t.right + t.wrong, t.precision(),
                    same == 0 ? 0
                              : 100.0 * static_cast<double>(t.right)
                                    / static_cast<double>(same));
    }
}

void run(const bench::SemanticData& data, const Judge& judge,
         const Encoder& encoder, const std::string& memo, std::FILE* misses) {
    EncoderKind kind = encoder_kind(encoder.kind());
    std::fprintf(stderr, "%.*s\n", static_cast<int>(encoder.kind().size()),
                 encoder.kind().data());
    Bench b{data, judge, encoder, kind, Vectors(encoder, memo, judge.lists()),
            judge.default_threshold(kind), misses};
    run(b);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr,
                     "usage: semantic DATA MODELS [MEMO [FALSE_HITS]]\n");
        return 2;
    }
    std::string models = argv[2];
    std::string memo = argc > 3 ? argv[3] : "";
    bench::SemanticData data = bench::SemanticData::read(
        argv[1], "bench/data");
    Result<Judge> judge = Judge::create({});
    if (!judge) {
        std::fprintf(stderr, "%s\n", judge.error().message.c_str());
        return 1;
    }
    std::FILE* misses = argc > 4 ? std::fopen(argv[4], "w") : nullptr;
    std::printf("# What the semantic cache gets right\n");
    if (auto minilm = BertEncoder::load(models + "/all-MiniLM-L6-v2",
                                        Precision::kInt8)) {
        run(data, *judge, *minilm, memo, misses);
    } else {
        std::fprintf(stderr, "minilm: %s\n", minilm.error().message.c_str());
    }
    for (const char* name : {"potion-base-8M", "potion-base-32M", "static"}) {
        auto encoder = StaticEncoder::load(models + "/" + name);
        if (encoder) {
            run(data, *judge, *encoder, memo, misses);
        }
    }
    run(data, *judge, LexicalEncoder(), memo, misses);
    if (misses != nullptr) {
        std::fclose(misses);
    }
    return 0;
}
