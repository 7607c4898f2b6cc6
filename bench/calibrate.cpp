// calibrate DATA MODELS [MEMO]: fits the weights of Calibration for each kind
// of encoder and prints data/semantic/calibration.txt; held-out error goes to
// stderr and into the file's head. MODELS holds what `./run model static`
// leaves. To be run where bench/data/near_pairs.tsv is.
//
// Method: logistic regression over the pairs that no guard vetoes, the sign
// of each weight held (nearer is never worse, a difference never better), one
// intercept a source. Labels are noisy: each is taken as wrong with a small
// chance of its source (expectation maximisation). Two parameters (Platt)
// then fit the scale to retrieved neighbours, banking77's train part and
// GPTCache's pairs, since the labelled questions and our own pairs were
// chosen to be hard. Held out: the fifth part by intent and by origin; of our
// own pairs the half `held`, which bench/semantic measures.
//
// `words` judges without cosines: on minilm's candidates, as if every word were
// as rare as any, since no table knows those of other languages.
#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>

#include "bench/semantic_pairs.hpp"
#include "src/semantic/alignment.hpp"
#include "src/semantic/bert_encoder.hpp"
#include "src/semantic/decision.hpp"
#include "src/semantic/lexical_encoder.hpp"
#include "src/semantic/static_encoder.hpp"

namespace {

using namespace llm;
using namespace llm::semantic;

constexpr size_t kSources = 4;
// What tells how much the texts say. The labelled questions were chosen to be
// hard, the long ones above all, so what they say of length holds for them
// alone.
constexpr Feature kSizes[] = {Feature::kShort, Feature::kLong,
                              Feature::kShared, Feature::kVague};
constexpr size_t kSizeCount = std::size(kSizes);
// And an intercept a source, and the labelled questions' own sizes.
constexpr size_t kAll = kFeatures + kSources + kSizeCount;
constexpr double kNoise[kSources] = {0.06, 0.004, 0.16, 0};
constexpr double kWeight[kSources] = {0.3, 2.0, 1.0, 0.2};
constexpr double kNearest = 0.75;  // farther pairs are not where it is decided
// Set, not fitted, and added to what was: a question that says little ("how
// do I top up?") leans on what it does not say, one of light verbs ("get a
// card", "use a card") on the verb, which too few labels tell.
constexpr struct {
    Feature feature;
    double weight;
} kCaution[] = {{Feature::kVague, -1.2}, {Feature::kLight, -0.5}};
constexpr double kRidge = 2.0;
constexpr double kRidgeAbroad = 0.5;  // towards slope 1, offset 0
constexpr int kLevel = 1000;  // how often each word stands in flat_idf()
constexpr unsigned kHeldOut = 4;

struct Example {
    std::array<double, kAll> x{};
    double label = 0;
    double weight = 1;
    int source = 0;
    unsigned part = 0;
    double z = 0;
    double soft = 0;
};

double sigmoid(double z) {
    return 1 / (1 + std::exp(-z));
}

// -1, 0, 1: what sign a weight may have; 0 is any.
int sign_of(size_t feature) {
    switch (static_cast<Feature>(feature)) {
    case Feature::kCosine:
    case Feature::kNear:
    case Feature::kShared:
    case Feature::kSameWords:
    case Feature::kLong:
        return 1;
    case Feature::kBias:
    case Feature::kShort:
        return 0;
    default:
        return feature < kFeatures ? -1 : 0;
    }
}

// What a fit is made of: with which table of words, and whether with the
// cosine.
struct Evidence {
    const Lists& lists;
    const Idf& idf;
    bool cosine = true;
};

std::vector<Example> examples_of(const std::vector<bench::Candidate>& pairs,
                                 const Evidence& evidence) {
    std::vector<Example> out;
    const std::string* served = nullptr;  // the query that has its candidate
    for (const bench::Candidate& pair : pairs) {
        if (pair.cosine < kNearest || pair.query == served) {
            continue;
        }
        const auto& [lists, idf, cosine] = evidence;
        Facts query = Facts::read(*pair.query, lists, idf);
        Facts stored = Facts::read(*pair.stored, lists, idf,
                                   query.language());
        Alignment alignment(query, stored);
        if (find_veto(alignment, lists, kAllVetoes) != Veto::kNone) {
            continue;
        }
        bool retrieved = pair.source == 1 || pair.source == 2;
        served = retrieved ? pair.query : nullptr;
        Example e;
        Features f = features_of(alignment, pair.cosine);
        std::copy(f.value.begin(), f.value.end(), e.x.begin());
        e.x[0] = 0;  // the sources' intercepts stand for it
        for (Feature near : {Feature::kCosine, Feature::kNear}) {
            e.x[static_cast<size_t>(near)] *= cosine ? 1 : 0;
        }
        e.source = pair.source;
        e.x[kFeatures + static_cast<size_t>(pair.source)] = 1;
        for (size_t i = 0; pair.source == 0 && i < kSizeCount; i++) {
            std::swap(e.x[static_cast<size_t>(kSizes[i])],
                      e.x[kFeatures + kSources + i]);
        }
        e.label = pair.right ? 1 : 0;
        e.part = pair.part;
        out.push_back(e);
    }
    std::array<double, kSources> count{};
    for (const Example& e : out) {
        count[static_cast<size_t>(e.source)]++;
    }
    for (Example& e : out) {
        auto source = static_cast<size_t>(e.source);
        e.weight = kWeight[source] * 10000 / count[source];
    }
    return out;
}

void expect(std::vector<Example*>& data) {
    for (Example* e : data) {
        double noise = kNoise[e->source];
        double p = sigmoid(e->z);
        double as_is = e->label == 1 ? 1 - noise : noise;
        double other = e->label == 1 ? noise : 1 - noise;
        e->soft = p * as_is / (p * as_is + (1 - p) * other);
    }
}

// One Newton step for one weight.
void step(std::vector<Example*>& data, std::array<double, kAll>& w,
          size_t k) {
    double gradient = -kRidge * w[k];
    double curvature = kRidge;
    for (const Example* e : data) {
        if (e->x[k] != 0) {
            double p = sigmoid(e->z);
            gradient += e->weight * e->x[k] * (e->soft - p);
            curvature += e->weight * e->x[k] * e->x[k] * p * (1 - p);
        }
    }
    double next = w[k] + gradient / curvature;
    int sign = sign_of(k);
    next = sign > 0 ? std::max(next, 0.0) : sign < 0 ? std::min(next, 0.0)
                                                     : next;
    for (Example* e : data) {
        e->z += (next - w[k]) * e->x[k];
    }
    w[k] = next;
}

std::array<double, kAll> fit(std::vector<Example*> data) {
    std::array<double, kAll> w{};
    for (Example* e : data) {
        e->z = 0;
        e->soft = e->label;
    }
    for (int round = 0; round < 12; round++) {
        for (int sweep = 0; sweep < 40; sweep++) {
            for (size_t k = 1; k < kAll; k++) {
                step(data, w, k);
            }
        }
        expect(data);
    }
    return w;
}

double score(const std::array<double, kAll>& w, const Example& e) {
    double z = 0;
    for (size_t k = 1; k < kFeatures; k++) {
        z += w[k] * e.x[k];
    }
    for (size_t i = 0; i < kSizeCount; i++) {  // told apart for fit() only
        z += w[static_cast<size_t>(kSizes[i])] * e.x[kFeatures + kSources + i];
    }
    return z;
}

// Slope and offset of a logistic function, by Newton's method.
struct Scale {
    double slope = 1;
    double offset = 0;
    double g0 = 0, g1 = 0, h00 = 0, h01 = 0, h11 = 0;

    // Begins a round; ridge holds the slope near 1 and the offset near 0.
    void begin(double ridge) {
        g0 = -ridge * offset;
        g1 = -ridge * (slope - 1);
        h00 = h11 = ridge;
        h01 = 0;
    }
    double p(double s) const { return sigmoid(slope * s + offset); }
    void add(double s, double target, double weight) {
        double v = weight * p(s) * (1 - p(s));
        g0 += weight * (target - p(s));
        g1 += weight * (target - p(s)) * s;
        h00 += v;
        h01 += v * s;
        h11 += v * s * s;
    }
    void step() {
        double det = h00 * h11 - h01 * h01;
        offset += (h11 * g0 - h01 * g1) / det;
        slope += (h00 * g1 - h01 * g0) / det;
    }
};

// Slope and offset for retrieved neighbours.
std::pair<double, double> platt(const std::array<double, kAll>& w,
                                const std::vector<Example>& all) {
    Scale scale{.offset = w[kFeatures + 1]};
    for (int round = 0; round < 200; round++) {
        scale.begin(0);
        scale.h00 = scale.h11 = 1e-6;
        for (const Example& e : all) {
            if (e.source == 0 || e.source == 3) {
                continue;
            }
            double s = score(w, e);
            double p = scale.p(s);
            double noise = kNoise[e.source];
            double as_is = e.label == 1 ? 1 - noise : noise;
            double other = e.label == 1 ? noise : 1 - noise;
            double t = p * as_is / (p * as_is + (1 - p) * other);
            scale.add(s, t, e.weight);
        }
        scale.step();
    }
    return {std::max(scale.slope, 0.05), scale.offset};
}

struct Fitted {
    std::array<double, kAll> w;
    double slope;
    double offset;
};

Fitted fit_all(std::vector<Example>& all, bool hold_out) {
    std::vector<Example*> data;
    std::vector<Example> seen;
    for (Example& e : all) {
        if (!hold_out || e.part != kHeldOut) {
            data.push_back(&e);
        }
    }
    Fitted made;
    made.w = fit(data);
    for (const Example* e : data) {
        seen.push_back(*e);
    }
    std::tie(made.slope, made.offset) = platt(made.w, seen);
    return made;
}

// Of held-out pairs, or of all: how many pass at 0.98, how many of those are
// right.
void report(const char* kind, const Fitted& made,
            const std::vector<Example>& all, bool held_out, std::FILE* out) {
    const char* names[] = {"questions", "banking77", "published"};
    for (size_t source = 0; source < std::size(names); source++) {
        size_t pairs = 0, right = 0, passed = 0, passed_right = 0;
        double loss = 0;
        for (const Example& e : all) {
            if ((held_out && e.part != kHeldOut)
                || static_cast<size_t>(e.source) != source) {
                continue;
            }
            double p = sigmoid(made.slope * score(made.w, e) + made.offset);
            pairs++;
            right += e.label == 1 ? 1 : 0;
            loss += (p - e.label) * (p - e.label);
            if (p >= 0.98) {
                passed++;
                passed_right += e.label == 1 ? 1 : 0;
            }
        }
        std::fprintf(out,
                     "# %s, %s: %zu pairs, %zu right; at 0.98 %zu "
                     "pass,\n#   %.1f %% of them labelled right; Brier score "
                     "%.3f\n",
                     kind, names[source], pairs, right, passed,
                     passed ? 100.0 * static_cast<double>(passed_right)
                                  / static_cast<double>(passed)
                            : 0.0,
                     pairs ? loss / static_cast<double>(pairs) : 0.0);
    }
}

void print_kind(const char* kind, double floor, const Fitted& made,
                double lower) {
    std::printf("\n[%s]\nfloor %.2f\nbias %.4f\n", kind, floor,
                made.offset - lower);
    for (size_t k = 1; k < kFeatures; k++) {
        double weight = made.w[k] * made.slope;
        for (const auto& caution : kCaution) {
            weight += static_cast<size_t>(caution.feature) == k
                          ? caution.weight
                          : 0;
        }
        if (std::fabs(weight) > 0.00005) {
            Bytes name = name_of(static_cast<Feature>(k));
            std::printf("%.*s %.4f\n", static_cast<int>(name.size()),
                        name.data(), weight);
        }
    }
}

Fitted run(const char* name, const bench::SemanticData& data,
           const Encoder& encoder, const Evidence& evidence,
           const std::string& memo) {
    bench::Vectors vectors(encoder, memo, evidence.lists);
    std::vector<Example> all =
        examples_of(bench::candidates(data, vectors), evidence);
    report(name, fit_all(all, true), all, true, stdout);
    Fitted made = fit_all(all, false);
    report(name, made, all, false, stderr);
    return made;
}

// Slope and offset of words alone for the languages that they are for, on the
// half `seen` of language_pairs.tsv: its look-alikes are hard, so that retrieved
// pairs are right more often.
void fit_abroad(Fitted& words, const std::vector<bench::OwnPair>& pairs,
                const Evidence& evidence) {
    std::vector<bench::Candidate> seen;
    for (const bench::OwnPair& own : pairs) {
        if (!own.held) {
            seen.push_back({&own.pair.left, &own.pair.right, 1,
                            own.pair.same, 0, 0});
        }
    }
    std::vector<Example> examples = examples_of(seen, evidence);
    Scale scale;
    for (int round = 0; round < 200; round++) {
        scale.begin(kRidgeAbroad);
        for (const Example& e : examples) {
            scale.add(words.slope * score(words.w, e) + words.offset, e.label,
                      1);
        }
        scale.step();
    }
    words.slope *= scale.slope;
    words.offset = words.offset * scale.slope + scale.offset;
    std::fprintf(stderr, "words abroad: %zu pairs, slope %.2f, offset %.2f\n",
                 examples.size(), scale.slope, scale.offset);
}

// Every word of questions is as rare as any: what is known of other languages.
Result<Idf> flat_idf() {
    std::ifstream file("data/semantic/idf.txt");
    std::string table = "documents "
                        + std::to_string(std::lround(
                            kLevel * std::exp(Idf::kMiddling / 100.0)))
                        + '\n';
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with("#") && !line.starts_with("documents ")) {
            table += line.substr(0, line.find(' ')) + ' '
                     + std::to_string(kLevel) + '\n';
        }
    }
    return Idf::create(table);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: calibrate DATA MODELS [MEMO]\n");
        return 2;
    }
    std::string memo = argc > 3 ? argv[3] : "";
    bench::SemanticData data = bench::SemanticData::read(
        argv[1], "bench/data");
    Result<Judge> judge = Judge::create({});
    Result<BertEncoder> minilm = BertEncoder::load(
        std::string(argv[2]) + "/all-MiniLM-L6-v2", Precision::kInt8);
    Result<StaticEncoder> distilled =
        StaticEncoder::load(std::string(argv[2]) + "/static");
    Result<Idf> flat = flat_idf();
    if (!judge || !flat || !minilm || !distilled) {
        const Error& error = !judge    ? judge.error()
                             : !flat   ? flat.error()
                             : !minilm ? minilm.error()
                                       : distilled.error();
        std::fprintf(stderr, "%s\n", error.message.c_str());
        return 1;
    }
    std::printf(
        "# Weights of the probability that a stored answer is right, fitted "
        "by\n# bench/calibrate.cpp, whose head tells the method: logistic "
        "regression on pairs\n# that no guard vetoes (labelled questions, "
        "banking77's train part, GPTCache's\n# pairs, the half `seen` of "
        "bench/data/near_pairs.tsv), labels taken as noisy,\n# the sign of "
        "each weight held, Platt's scale on retrieved neighbours. Set, not\n"
        "# fitted: the sources' weights and noise, what is added to vague "
        "and light, the\n# vetoes' bounds, the floors. `static` is "
        "fitted on what `./run model\n# static` makes; others differ, so its "
        "log-odds are lowered by 0.3. `remote`\n# takes minilm's weights "
        "with the log-odds lowered by one, and a higher floor.\n# "
        "`words` is for minilm and static in other languages than English: "
        "fitted without\n# cosines, with words that are all as rare, then "
        "Platt's scale on the half `seen` of\n# "
        "bench/data/language_pairs.tsv.\n#\n"
        "# Held-out part (a fifth, by intent and by "
        "origin; labels as published; before\n# what is added):\n");
    Evidence all{judge->lists(), judge->idf()};
    Fitted near = run("minilm", data, *minilm, all, memo);
    Fitted table = run("static", data, *distilled, all, memo);
    Fitted lexical = run("lexical", data, LexicalEncoder(), all, memo);
    Fitted words = run("words", data, *minilm,
                       {judge->lists(), *flat, false}, memo);
    fit_abroad(words, data.languages,
               {judge->lists(), judge->idf(), false});
    print_kind("minilm", 0.70, near, 0);
    print_kind("static", 0.75, table, 0.3);
    print_kind("remote", 0.80, near, 1);
    print_kind("lexical", 0.75, lexical, 0);
    print_kind("words", 1, words, 0);
    return 0;
}
