// The partition of a request in the index: everything about it but the text
// that is encoded, and the encoder. Requests of one partition may share an
// answer when their texts mean the same; others never meet.
#pragma once

#include "src/base/digest.hpp"

namespace llm::semantic {

// request: cache::fingerprint() with the text as its placeholder, so tenant
// scope, model, route, system prompt, history, tools and parameters are in
// it. encoder: Encoder::id(); vectors of two encoders are never compared.
inline Digest partition_key(const Digest& request, const Digest& encoder) {
    Hasher hasher;
    hasher.update("llm-partition 1\n");
    hasher.update(request.view());
    hasher.update(encoder.view());
    return hasher.finish();
}

}  // namespace llm::semantic
