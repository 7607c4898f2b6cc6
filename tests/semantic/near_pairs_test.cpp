// The judge over pairs of our own, bench/data/near_pairs.tsv, blind_pairs.tsv
// and language_pairs.tsv: look-alikes are not served, paraphrases are, at the default
// precision and behind the gate. With all-MiniLM-L6-v2 where ./run model has fetched it (or LLM_MINILM
// names its directory), and with the lexical encoder, which needs no file.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "src/semantic/bert_encoder.hpp"
#include "src/semantic/decision.hpp"
#include "src/semantic/gate.hpp"
#include "src/semantic/lexical_encoder.hpp"
#include "src/semantic/normalise.hpp"

namespace llm::semantic {
namespace {

namespace fs = std::filesystem;

struct Row {
    std::string kind, verdict, part, left, right;
};

struct Tally {
    size_t served = 0;
    size_t all = 0;
    double share() const {
        return static_cast<double>(served) / static_cast<double>(all);
    }
};

fs::path root() {
    return fs::path(__FILE__).parent_path().parent_path().parent_path();
}

std::vector<Row> rows(const char* set) {
    std::ifstream in(root() / "bench" / "data" / set);
    std::vector<Row> out;
    for (std::string line; std::getline(in, line);) {
        std::istringstream cells(line);
        Row row;
        if (line.empty() || line[0] == '#') {
            continue;
        }
        for (std::string* cell : {&row.kind, &row.verdict, &row.part,
                                  &row.left, &row.right}) {
            std::getline(cells, *cell, '\t');
        }
        out.push_back(row);
    }
    return out;
}

class NearPairs : public testing::Test {
protected:
    // Whether the second text is answered from the first, or the other way
    // round.
    bool served(const Encoder& encoder, const Row& row) {
        const Lists& lists = judge_->lists();
        if (!gate_text(row.left, {}, lists).empty()
            || !gate_text(row.right, {}, lists).empty()) {
            return false;
        }
        std::vector<float> a(encoder.dims());
        std::vector<float> b(encoder.dims());
        Bytes left = normalise(row.left, lists).asking;
        Bytes right = normalise(row.right, lists).asking;
        EXPECT_TRUE(encoder.encode(left, space_, a));
        EXPECT_TRUE(encoder.encode(right, space_, b));
        double cosine = 0;
        for (size_t i = 0; i < a.size(); i++) {
            cosine += double{a[i]} * double{b[i]};
        }
        EncoderKind kind = encoder_kind(encoder.kind());
        auto passes = [&](const std::string& query, const std::string& stored) {
            Verdict v = judge_->judge(query, stored, cosine, kind);
            return cosine >= judge_->default_threshold(kind)
                   && v.veto.empty()
                   && v.probability_ppm >= kDefaultPrecisionPpm;
        };
        return passes(row.left, row.right) || passes(row.right, row.left);
    }

    // Of a part and a verdict.
    Tally count(const Encoder& encoder, Bytes part, Bytes verdict,
                const char* set = "near_pairs.tsv") {
        encoder.prepare(space_);
        Tally tally;
        for (const Row& row : rows(set)) {
            if (row.part != part || row.verdict != verdict) {
                continue;
            }
            bool hit = served(encoder, row);
            tally.served += hit ? 1 : 0;
            tally.all++;
            if (hit && verdict == "other" && part == "seen") {
                ADD_FAILURE() << row.kind << ": " << row.left << " | "
                              << row.right;
            }
        }
        EXPECT_GT(tally.all, 0u);
        return tally;
    }

    Result<Judge> judge_ = Judge::create({});
    Workspace space_;
};

TEST_F(NearPairs, minilm) {
    const char* named = std::getenv("LLM_MINILM");
    fs::path path = named != nullptr ? fs::path(named)
                                     : root() / "models" / "all-MiniLM-L6-v2";
    std::error_code unreadable;
    if (!fs::exists(path / "model.safetensors", unreadable)) {
        GTEST_SKIP() << "no model in " << path << ": fetch it with ./run model";
    }
    auto encoder = BertEncoder::load(path, Precision::kInt8);
    ASSERT_TRUE(encoder) << encoder.error().message;
    count(*encoder, "seen", "other");
    EXPECT_LE(count(*encoder, "held", "other").share(), 0.01);
    EXPECT_GE(count(*encoder, "seen", "same").share(), 0.8);
    EXPECT_GE(count(*encoder, "held", "same").share(), 0.75);
    const char* blind = "blind_pairs.tsv";
    count(*encoder, "seen", "other", blind);
    EXPECT_LE(count(*encoder, "held", "other", blind).share(), 0.02);
    EXPECT_GE(count(*encoder, "seen", "same", blind).share(), 0.65);
    EXPECT_GE(count(*encoder, "held", "same", blind).share(), 0.55);
    const char* languages = "language_pairs.tsv";
    count(*encoder, "seen", "other", languages);
    EXPECT_LE(count(*encoder, "held", "other", languages).share(), 0.02);
    EXPECT_GE(count(*encoder, "seen", "same", languages).share(), 0.6);
    EXPECT_GE(count(*encoder, "held", "same", languages).share(), 0.5);
}

TEST_F(NearPairs, lexical) {
    LexicalEncoder encoder;
    count(encoder, "seen", "other");
    EXPECT_LE(count(encoder, "held", "other").share(), 0.01);
    EXPECT_GE(count(encoder, "held", "same").share(), 0.35);
    const char* blind = "blind_pairs.tsv";
    count(encoder, "seen", "other", blind);
    EXPECT_LE(count(encoder, "held", "other", blind).share(), 0.01);
    EXPECT_GE(count(encoder, "held", "same", blind).share(), 0.25);
    const char* languages = "language_pairs.tsv";
    count(encoder, "seen", "other", languages);
    EXPECT_LE(count(encoder, "held", "other", languages).share(), 0.02);
    EXPECT_GE(count(encoder, "held", "same", languages).share(), 0.25);
}

}  // namespace
}  // namespace llm::semantic
