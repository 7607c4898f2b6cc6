// RemoteVectors: what an OpenAI-compatible /v1/embeddings endpoint answered,
// as vectors of length 1 in the order of the texts.
//
//   {"data":[{"index":0,"embedding":[0.1,…] or "base64"},…],…}
// base64 (RFC 4648, section 4) is of float32, least byte first. Elements may
// come in any order; one without `index` is meant for its place.
// Source: https://platform.openai.com/docs/api-reference/embeddings.
//
// All or nothing. kInvalid: not JSON, another count of vectors than asked,
// an index twice or out of range, another number of dims than wanted or than
// its neighbours', what is no finite float, a vector without length. kTooLarge:
// more bytes than max_size(), more dims than kMaxDims. A message names the
// element and holds nothing of the answer.
//
// Ownership: owns its floats. Threads: a plain value. Time: in proportion to
// the answer; bench_core knows it. For the event loop a batch is a few texts.
#pragma once

#include <span>
#include <vector>

#include "src/base/bytes.hpp"
#include "src/base/result.hpp"

namespace llm::semantic {

class RemoteVectors {
public:
    static constexpr size_t kMaxDims = 4096;
    static constexpr size_t kMaxCount = 256;

    // Bytes that an answer may have: who reads one from the network stops
    // there. dims 0: not known.
    static size_t max_size(size_t count, size_t dims);

    // dims 0: those of the first element. Precondition: 0 < count <=
    // kMaxCount, dims <= kMaxDims.
    static Result<RemoteVectors> parse(Bytes answer, size_t count,
                                       size_t dims);

    size_t count() const { return values_.size() / dims_; }
    size_t dims() const { return dims_; }
    std::span<const float> operator[](size_t i) const {
        return {values_.data() + i * dims_, dims_};
    }

private:
    RemoteVectors(std::vector<float> values, size_t dims)
        : values_(std::move(values)), dims_(dims) {}

    std::vector<float> values_;
    size_t dims_;
};

}  // namespace llm::semantic
