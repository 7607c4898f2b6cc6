// The encoders by their names in the configuration, for who opens one and
// for who decides by its kind.
//
// Open before the fork: all workers share the pages (see Encoder). An
// endpoint of /v1/embeddings is no Encoder, since its vectors arrive later;
// kRemote stands for it where kinds are compared.
#pragma once

#include <memory>
#include <string>

#include "src/semantic/encoder.hpp"
#include "src/semantic/matrix.hpp"

namespace llm::semantic {

inline constexpr Bytes kMinilm = "minilm";
inline constexpr Bytes kStatic = "static";
inline constexpr Bytes kLexical = "lexical";
inline constexpr Bytes kRemote = "remote";

// `path` is the model's directory, "" for lexical; `precision` counts for
// minilm alone. kUnsupported: no such kind. Other errors name the file, and
// in it the tensor or member.
Result<std::unique_ptr<Encoder>> open_encoder(Bytes kind,
                                              const std::string& path,
                                              Precision precision);

struct EncoderTraits {
    // The least cosine at which two texts may be taken for one question,
    // where the configuration names none.
    float floor;
    // Whether encode() is short enough for an event loop; otherwise it is
    // for a thread pool.
    bool immediate;
};

// Of the kinds above; what is not known gets the strictest.
EncoderTraits traits_of(Bytes kind);

}  // namespace llm::semantic
