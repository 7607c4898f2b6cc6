// Pairs of prompts as a cache meets them: a query and a near entry, with
// whether the entry's answer is right.
#pragma once

#include "bench/semantic_data.hpp"
#include "bench/semantic_vectors.hpp"

namespace llm::bench {

struct Candidate {
    const std::string* query;
    const std::string* stored;
    double cosine = 0;
    bool right = false;
    int source = 0;    // 0 questions, 1 banking77 train, 2 published, 3 own
    unsigned part = 0; // of five: by intent, by origin, by pair
};

// All labelled questions; the nearest entries of half of banking77's train
// part for the other half; the nearest origins for each published text.
std::vector<Candidate> candidates(const SemanticData& data, Vectors& vectors);

std::vector<const float*> rows_of(Vectors& vectors,
                                  const std::vector<std::string>& texts);

}  // namespace llm::bench
