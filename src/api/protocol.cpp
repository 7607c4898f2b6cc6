#include "src/api/protocol.hpp"

namespace llm::api {
namespace {

// POST …/threads/<id>/messages is OpenAI's assistants, not Anthropic's.
bool is_thread(Bytes parent) {
    size_t id = parent.rfind('/');
    return id != Bytes::npos && parent.substr(0, id).ends_with("/threads");
}

Bytes openai_type(int status) {
    switch (status) {
    case 401: return "authentication_error";
    case 402: return "insufficient_quota";
    case 403: return "permission_error";
    case 408:
    case 504: return "timeout_error";
    case 429: return "rate_limit_exceeded";
    default: return status < 500 ? "invalid_request_error" : "server_error";
    }
}

Bytes anthropic_type(int status) {
    switch (status) {
    case 401: return "authentication_error";
    case 402: return "billing_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 408:
    case 504: return "timeout_error";
    case 409: return "conflict_error";
    case 413: return "request_too_large";
    case 429: return "rate_limit_error";
    case 529: return "overloaded_error";
    default: return status < 500 ? "invalid_request_error" : "api_error";
    }
}

Bytes type_of(Family family, const ApiError& error) {
    if (!error.type.empty()) {
        return error.type;
    }
    return family == Family::kOpenai ? openai_type(error.status)
                                     : anthropic_type(error.status);
}

void append_member(std::string& out, Bytes key, Bytes value) {
    append_json_string(out, key);
    out += ':';
    append_json_string(out, value);
}

void append_nullable(std::string& out, Bytes key, Bytes value) {
    append_json_string(out, key);
    out += ':';
    if (value.empty()) {
        out += "null";
    } else {
        append_json_string(out, value);
    }
}

}  // namespace

Endpoint endpoint_of(Bytes path) {
    constexpr Bytes kMessagesEnd = "/messages";
    if (path.ends_with("/chat/completions")) {
        return Endpoint::kChat;
    }
    if (path.ends_with("/completions")) {
        return Endpoint::kCompletions;
    }
    if (path.ends_with("/embeddings")) {
        return Endpoint::kEmbeddings;
    }
    if (path.ends_with("/responses")) {
        return Endpoint::kResponses;
    }
    if (path.ends_with(kMessagesEnd)
        && !is_thread(path.substr(0, path.size() - kMessagesEnd.size()))) {
        return Endpoint::kMessages;
    }
    return Endpoint::kNone;
}

Family family_of(Endpoint endpoint) {
    return endpoint == Endpoint::kMessages ? Family::kAnthropic
                                           : Family::kOpenai;
}

Bytes name_of(Endpoint endpoint) {
    switch (endpoint) {
    case Endpoint::kChat: return "chat";
    case Endpoint::kCompletions: return "completions";
    case Endpoint::kEmbeddings: return "embeddings";
    case Endpoint::kResponses: return "responses";
    case Endpoint::kMessages: return "messages";
    case Endpoint::kNone: break;
    }
    return "";
}

Bytes operation_of(Endpoint endpoint) {
    switch (endpoint) {
    case Endpoint::kChat:
    case Endpoint::kResponses:
    case Endpoint::kMessages: return "chat";
    case Endpoint::kCompletions: return "text_completion";
    case Endpoint::kEmbeddings: return "embeddings";
    case Endpoint::kNone: break;
    }
    return "";
}

Bytes name_of(Family family) {
    return family == Family::kOpenai ? "openai" : "anthropic";
}

std::string error_body(Family family, const ApiError& error,
                       Bytes request_id) {
    std::string out;
    if (family == Family::kAnthropic) {
        out = R"({"type":"error","error":{)";
        append_member(out, "type", type_of(family, error));
        out += ',';
        append_member(out, "message", error.message);
        out += '}';
        if (!request_id.empty()) {
            out += ',';
            append_member(out, "request_id", request_id);
        }
        return out += '}';
    }
    out = R"({"error":{)";
    append_member(out, "message", error.message);
    out += ',';
    append_member(out, "type", type_of(family, error));
    out += ',';
    append_nullable(out, "param", error.param);
    out += ',';
    append_nullable(out, "code", error.code);
    return out += "}}";
}

std::string error_event(Endpoint endpoint, const ApiError& error,
                        int64_t sequence) {
    Family family = family_of(endpoint);
    if (endpoint == Endpoint::kMessages) {
        return "event: error\ndata: " + error_body(family, error, {})
               + "\n\n";
    }
    if (endpoint != Endpoint::kResponses) {
        return "data: " + error_body(family, error, {}) + "\n\n";
    }
    std::string out = "event: error\ndata: {\"type\":\"error\",";
    append_member(out, "code",
                  error.code.empty() ? type_of(family, error)
                                     : Bytes(error.code));
    out += ',';
    append_member(out, "message", error.message);
    out += ',';
    append_nullable(out, "param", error.param);
    out += ",\"sequence_number\":";
    append_number(out, sequence);
    return out += "}\n\n";
}

}  // namespace llm::api
