#include "src/api/reader.hpp"

#include "src/api/protocols.hpp"

namespace llm::api {

Result<Answer> read_json(Endpoint endpoint, Bytes body) {
    switch (endpoint) {
        case Endpoint::kChat:
            return read_json_chat(body);
        case Endpoint::kCompletions:
            return read_json_completions(body);
        case Endpoint::kEmbeddings:
            return read_json_embeddings(body);
        case Endpoint::kResponses:
            return read_json_responses(body);
        case Endpoint::kMessages:
            return read_json_messages(body);
        case Endpoint::kNone:
            break;
    }
    return Error{Errc::kUnsupported, "no endpoint that we understand"};
}

std::unique_ptr<StreamReader> make_stream_reader(Endpoint endpoint,
                                                 size_t max_bytes) {
    switch (endpoint) {
        case Endpoint::kChat:
            return make_chat_reader(max_bytes);
        case Endpoint::kCompletions:
            return make_completions_reader(max_bytes);
        case Endpoint::kResponses:
            return make_responses_reader(max_bytes);
        case Endpoint::kMessages:
            return make_messages_reader(max_bytes);
        case Endpoint::kEmbeddings:
        case Endpoint::kNone:
            break;
    }
    return nullptr;
}

void write_json(const Answer& answer, std::string& out) {
    switch (answer.endpoint) {
        case Endpoint::kChat:
            return write_json_chat(answer, out);
        case Endpoint::kCompletions:
            return write_json_completions(answer, out);
        case Endpoint::kEmbeddings:
            return write_json_embeddings(answer, out);
        case Endpoint::kResponses:
            return write_json_responses(answer, out);
        case Endpoint::kMessages:
            return write_json_messages(answer, out);
        case Endpoint::kNone:
            break;
    }
}

void write_sse(const Answer& answer, const StreamOptions& options,
               std::string& out) {
    switch (answer.endpoint) {
        case Endpoint::kChat:
            return write_sse_chat(answer, options, out);
        case Endpoint::kCompletions:
            return write_sse_completions(answer, options, out);
        case Endpoint::kResponses:
            return write_sse_responses(answer, options, out);
        case Endpoint::kMessages:
            return write_sse_messages(answer, options, out);
        case Endpoint::kEmbeddings:
        case Endpoint::kNone:
            break;
    }
}

}  // namespace llm::api
