// Vectors of texts by one encoder, each text encoded once; optionally kept
// in a file between runs, which is told by the encoder's id.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "src/semantic/encoder.hpp"
#include "src/semantic/lists.hpp"

namespace llm::bench {

class Vectors {
public:
    // memo: a directory to keep vectors in, "" for none. lists: a text's vector
    // is that of the part that asks, as in the cache.
    Vectors(const semantic::Encoder& encoder, const std::string& memo,
            const semantic::Lists& lists);
    ~Vectors();

    // A row of dims() floats; all zero when the encoder refuses the text.
    const float* of(const std::string& whole);
    double cosine(const std::string& a, const std::string& b);
    double dot(const float* a, const float* b) const;
    size_t dims() const { return encoder_.dims(); }

private:
    void load();

    const semantic::Encoder& encoder_;
    const semantic::Lists& lists_;
    semantic::Workspace space_;
    std::string path_;
    std::unordered_map<std::string, size_t> rows_;
    std::vector<std::vector<float>> data_;
    size_t loaded_ = 0;
};

// The rows nearest to a vector, by brute force; best first.
struct Near {
    size_t row;
    double cosine;
};
std::vector<Near> nearest(const Vectors& vectors,
                          const std::vector<const float*>& rows,
                          const float* query, size_t count);

}  // namespace llm::bench
