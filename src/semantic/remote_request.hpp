// What an OpenAI-compatible /v1/embeddings endpoint (OpenAI, vLLM, TEI,
// Ollama, llama.cpp) is asked: the body of one request for a batch of texts,
// and the id of the vectors that it answers with.
//
// Format: https://platform.openai.com/docs/api-reference/embeddings/create.
// The vectors are asked for in base64, a third of the bytes and a tenth of
// the time of decimal numbers; who does not know that form answers in the
// other one, and RemoteVectors reads both.
//
// Pure functions; any thread.
#pragma once

#include <span>
#include <string>

#include "src/base/digest.hpp"

namespace llm::semantic {

// Views of the configuration.
struct RemoteModel {
    Bytes url;
    Bytes name;
    size_t dims = 0;  // asked for and demanded; 0: the model's own
};

// The texts are UTF-8, and none is empty, which most endpoints refuse.
std::string remote_request(const RemoteModel& model,
                           std::span<const Bytes> texts);

// Encoder::id() of an endpoint: `dims` are those of its vectors. A server
// that puts another model behind the same name cannot be told from outside.
Digest remote_id(const RemoteModel& model, size_t dims);

}  // namespace llm::semantic
