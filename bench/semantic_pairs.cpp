#include "bench/semantic_pairs.hpp"

#include <cstdio>

#include "src/base/hash.hpp"

namespace llm::bench {
namespace {

constexpr unsigned kParts = 5;

unsigned part_of(const std::string& group) {
    return static_cast<unsigned>(hash64(group, 7) % kParts);
}

void add_banking(const SemanticData& data, Vectors& vectors,
                 std::vector<Candidate>& out) {
    std::vector<const Labelled*> stored;
    std::vector<const float*> rows;
    for (size_t i = 0; i < data.banking_train.size(); i += 2) {
        stored.push_back(&data.banking_train[i]);
        rows.push_back(vectors.of(stored.back()->text));
    }
    for (size_t i = 1; i < data.banking_train.size(); i += 2) {
        const Labelled& query = data.banking_train[i];
        const float* vector = vectors.of(query.text);
        for (const Near& near : nearest(vectors, rows, vector, 4)) {
            const Labelled& entry = *stored[near.row];
            out.push_back({&query.text, &entry.text, near.cosine,
                           query.label == entry.label, 1,
                           part_of(query.label)});
        }
    }
}

void add_published(const SemanticData& data, Vectors& vectors,
                   std::vector<Candidate>& out) {
    std::vector<const float*> rows;
    for (const Pair& pair : data.published) {
        rows.push_back(vectors.of(pair.left));
    }
    for (const Pair& pair : data.published) {
        const float* vector = vectors.of(pair.right);
        for (const Near& near : nearest(vectors, rows, vector, 4)) {
            const std::string& origin = data.published[near.row].left;
            out.push_back({&pair.right, &origin, near.cosine,
                           origin == pair.left, 2, part_of(pair.left)});
        }
    }
}

void add_own(const SemanticData& data, Vectors& vectors,
             std::vector<Candidate>& out) {
    for (const OwnPair& own : data.own) {
        if (own.held) {
            continue;
        }
        const std::string& left = own.pair.left;
        const std::string& right = own.pair.right;
        double cosine = vectors.cosine(left, right);
        out.push_back({&left, &right, cosine, own.pair.same, 3, 0});
        out.push_back({&right, &left, cosine, own.pair.same, 3, 0});
    }
}

}  // namespace

std::vector<const float*> rows_of(Vectors& vectors,
                                  const std::vector<std::string>& texts) {
    std::vector<const float*> rows;
    for (const std::string& text : texts) {
        rows.push_back(vectors.of(text));
    }
    return rows;
}

std::vector<Candidate> candidates(const SemanticData& data, Vectors& vectors) {
    std::vector<Candidate> out;
    for (const Pair& pair : data.questions) {
        out.push_back({&pair.left, &pair.right,
                       vectors.cosine(pair.left, pair.right), pair.same, 0,
                       part_of(pair.left)});
    }
    std::fprintf(stderr, "  labelled questions done\n");
    add_banking(data, vectors, out);
    std::fprintf(stderr, "  banking77 done\n");
    add_published(data, vectors, out);
    add_own(data, vectors, out);
    return out;
}

}  // namespace llm::bench
