// The sets that bench_semantic prints and calibrate fits on, read from a
// directory of public data (gptcache/, banking77/, clinc150/, trap_pairs/,
// arena_hard/, mt_bench/). A set that is not there is empty.
#pragma once

#include <string>
#include <vector>

namespace llm::bench {

struct Pair {
    std::string left;
    std::string right;
    bool same = false;
};

// Of bench/data/near_pairs.tsv, blind_pairs.tsv or language_pairs.tsv; the head
// of the first tells the columns.
struct OwnPair {
    std::string kind;
    Pair pair;
    bool held = false;  // not for fitting
};

// Of a file of the same columns, or of two: question, question.
std::vector<OwnPair> read_pairs(const std::string& path);

struct Labelled {
    std::string text;
    std::string label;
};

struct SemanticData {
    std::vector<Pair> published;   // GPTCache: origin, similar
    std::vector<Pair> questions;   // the 20,000 labelled pairs
    std::vector<Pair> traps;       // never the same
    std::vector<OwnPair> own;
    std::vector<OwnPair> blind;    // never fitted on
    std::vector<OwnPair> languages;  // Spanish, Russian and Romanian
    std::vector<Labelled> banking_train;
    std::vector<Labelled> banking_test;
    std::vector<Labelled> clinc_train;
    std::vector<Labelled> clinc_test;
    std::vector<std::string> prompts;  // arena_hard, mt_bench

    // own: where near_pairs.tsv, blind_pairs.tsv and language_pairs.tsv are.
    static SemanticData read(const std::string& directory,
                             const std::string& own);
};

}  // namespace llm::bench
