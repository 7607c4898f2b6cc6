// Encoder: a text into a vector of length 1, so that texts that mean the same
// have a cosine near 1. Each kind is a file of its own: bert_encoder,
// static_encoder, lexical_encoder.
//
// Ownership: an encoder owns its weights in anonymous memory: load it before
// the fork and all workers share the pages, whatever becomes of its files.
// Threads: immutable, for any number of threads at once; each brings its own
// Workspace.
#pragma once

#include <span>

#include "src/base/digest.hpp"
#include "src/base/result.hpp"
#include "src/semantic/workspace.hpp"

namespace llm::semantic {

class Encoder {
public:
    virtual ~Encoder() = default;

    // Floats of a vector.
    virtual size_t dims() const = 0;

    // Of the kind, its options, its weights, vocabulary and dims: vectors
    // may be compared when and only when their ids are equal. The same on
    // every machine and after every restart.
    virtual const Digest& id() const = 0;

    // "minilm", "static" or "lexical"; see registry.hpp.
    virtual Bytes kind() const = 0;

    // Of a text, no more than so many tokens (words, for lexical) count.
    virtual size_t max_tokens() const = 0;

    // Allocates all that encode() will need of this Workspace.
    virtual void prepare(Workspace& space) const = 0;

    // kInvalid ("no tokens"): the text holds nothing to compare; out is not
    // a vector then, and must never match. Bytes that are not UTF-8 are
    // taken as they come; what passes the encoder's length is cut off.
    // Precondition: out.size() == dims(). No allocation after prepare().
    virtual Result<void> encode(Bytes text, Workspace& space,
                                std::span<float> out) const = 0;
};

// Divides by the length; false, with out as it was, for a vector that has
// none (zero, not finite).
bool normalize(std::span<float> out);

}  // namespace llm::semantic
