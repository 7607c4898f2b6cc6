#include "tests/mock/reply.hpp"

#include <algorithm>

#include "tests/mock/text.hpp"

namespace llm::mock {

std::string count_text(std::uint64_t count, std::string_view mode) {
    if (mode == "absurd") {
        return "1000000000000000000";
    }
    if (mode == "huge") {
        return "1e999";
    }
    if (mode == "negative") {
        return "-" + text_of(count + 1);
    }
    if (mode == "string") {
        return '"' + text_of(count) + '"';
    }
    if (mode == "float") {
        return text_of(count) + ".5";
    }
    return mode == "null" ? std::string("null") : text_of(count);
}

Usage usage_of(const Ask& ask, const Content& content) {
    Usage usage;
    usage.prompt = ask.prompt_tokens;
    usage.completion = content.completion_tokens;
    usage.cached = ask.knobs.cached;
    usage.cache_write = ask.knobs.cache_write;
    usage.reasoning = content.reasoning_tokens;
    usage.mode = ask.knobs.usage;
    return usage;
}

std::string openai_usage(const Usage& usage) {
    auto count = [&](std::uint64_t n) { return count_text(n, usage.mode); };
    std::string out = "{\"prompt_tokens\":" + count(usage.prompt);
    out += ",\"completion_tokens\":" + count(usage.completion);
    out += ",\"total_tokens\":" + count(usage.prompt + usage.completion);
    out += ",\"prompt_tokens_details\":{\"cached_tokens\":";
    out += text_of(usage.cached);
    if (usage.cache_write > 0) {
        out += ",\"cache_write_tokens\":" + text_of(usage.cache_write);
    }
    out += ",\"audio_tokens\":0},\"completion_tokens_details\":{";
    out += "\"reasoning_tokens\":" + text_of(usage.reasoning);
    out += ",\"audio_tokens\":0,\"accepted_prediction_tokens\":0,"
           "\"rejected_prediction_tokens\":0}}";
    return out;
}

std::string chat_finish(const std::string& finish) {
    if (finish == "max_tokens") {
        return "length";
    }
    if (finish == "end_turn") {
        return "stop";
    }
    return finish == "tool_use" ? "tool_calls" : finish;
}

std::string provider_headers(const Ask& ask) {
    std::string id = "req_" + hex(ask.hash, 32);
    if (is_anthropic(ask.api)) {
        return "request-id: " + id
               + "\r\n"
                 "anthropic-organization-id: "
                 "00000000-0000-4000-8000-00000000000a\r\n"
                 "anthropic-ratelimit-requests-limit: 50\r\n"
                 "anthropic-ratelimit-requests-remaining: 49\r\n"
                 "anthropic-ratelimit-requests-reset: "
                 "2030-01-01T00:00:00Z\r\n"
                 "anthropic-ratelimit-input-tokens-limit: 30000\r\n"
                 "anthropic-ratelimit-input-tokens-remaining: 29000\r\n"
                 "anthropic-ratelimit-input-tokens-reset: "
                 "2030-01-01T00:00:00Z\r\n"
                 "anthropic-ratelimit-output-tokens-limit: 8000\r\n"
                 "anthropic-ratelimit-output-tokens-remaining: 8000\r\n"
                 "anthropic-ratelimit-output-tokens-reset: "
                 "2030-01-01T00:00:00Z\r\n";
    }
    return "x-request-id: " + id
           + "\r\n"
             "openai-organization: mock-org\r\n"
             "openai-project: proj_mock\r\n"
             "openai-processing-ms: 5\r\n"
             "openai-version: 2020-10-01\r\n"
             "x-ratelimit-limit-requests: 500\r\n"
             "x-ratelimit-limit-tokens: 200000\r\n"
             "x-ratelimit-remaining-requests: 499\r\n"
             "x-ratelimit-remaining-tokens: 199996\r\n"
             "x-ratelimit-reset-requests: 120ms\r\n"
             "x-ratelimit-reset-tokens: 1ms\r\n";
}

namespace {

struct ErrorWords {
    int status;
    const char* openai_type;
    const char* openai_code;  // nullptr: null
    const char* anthropic_type;
};

constexpr ErrorWords kErrors[] = {
    {400, "invalid_request_error", nullptr, "invalid_request_error"},
    {401, "invalid_request_error", "invalid_api_key", "authentication_error"},
    {402, "insufficient_quota", "insufficient_quota", "billing_error"},
    {403, "invalid_request_error", "permission_denied", "permission_error"},
    {404, "invalid_request_error", "model_not_found", "not_found_error"},
    {409, "invalid_request_error", nullptr, "conflict_error"},
    {413, "invalid_request_error", nullptr, "request_too_large"},
    {429, "requests", "rate_limit_exceeded", "rate_limit_error"},
    {500, "server_error", nullptr, "api_error"},
    {503, "server_error", nullptr, "api_error"},
    {504, "server_error", nullptr, "timeout_error"},
    {529, "server_error", nullptr, "overloaded_error"},
};

const ErrorWords& words_for(int status) {
    for (const ErrorWords& words : kErrors) {
        if (words.status == status) {
            return words;
        }
    }
    return status >= 500 ? kErrors[8] : kErrors[0];
}

std::string openai_error(const Ask& ask, int status,
                         std::string_view message) {
    const ErrorWords& words = words_for(status);
    bool quota = ask.knobs.quota;
    std::string out = "{\"error\":{\"message\":" + quoted(message);
    out += ",\"type\":";
    out += quoted(quota ? "insufficient_quota" : words.openai_type);
    out += ",\"param\":null,\"code\":";
    if (!ask.knobs.code.empty() || quota || words.openai_code != nullptr) {
        out += quoted(!ask.knobs.code.empty() ? ask.knobs.code.c_str()
                      : quota                 ? "insufficient_quota"
                                              : words.openai_code);
    } else {
        out += "null";
    }
    return out + "}}";
}

std::string anthropic_error(const Ask& ask, int status,
                            std::string_view message, bool in_stream) {
    std::string out = "{\"type\":\"error\",\"error\":{\"type\":";
    out += quoted(words_for(status).anthropic_type);
    if (ask.knobs.quota) {
        out += ",\"details\":{\"error_code\":\"enforced_spend_limit_reached\"}";
    }
    out += ",\"message\":" + quoted(message) + "}";
    if (!in_stream) {
        out += ",\"request_id\":\"req_" + hex(ask.hash, 32) + '"';
    }
    return out + "}";
}

}  // namespace

std::string error_body(const Ask& ask, int status, std::string_view message) {
    return is_anthropic(ask.api) ? anthropic_error(ask, status, message, false)
                                 : openai_error(ask, status, message);
}

Event error_event(const Ask& ask) {
    int status = ask.knobs.status == 200 ? 500
                                         : static_cast<int>(ask.knobs.status);
    std::string_view message = "The mock upstream was told to fail.";
    Event event;
    if (is_anthropic(ask.api)) {
        event.name = "error";
        event.data = anthropic_error(ask, status, message, true);
    } else if (ask.api == Api::kResponses) {
        event.name = "error";
        event.data = "{\"type\":\"error\",\"code\":\"server_error\","
                     "\"message\":" + quoted(message)
                     + ",\"param\":null,\"sequence_number\":999}";
    } else {
        event.data = openai_error(ask, status, message);
    }
    return event;
}

Reply error_reply(const Ask& ask, int status, std::string_view message) {
    Reply reply;
    reply.status = status;
    reply.headers = provider_headers(ask);
    auto header = [&reply](const char* name, const std::string& value) {
        if (!value.empty()) {
            reply.headers += std::string(name) + ": " + value + "\r\n";
        }
    };
    header("retry-after", ask.knobs.retry_after);
    header("retry-after-ms", ask.knobs.retry_after_ms);
    header("x-should-retry", ask.knobs.should_retry);
    if (ask.knobs.errsse) {
        reply.stream = true;
        reply.content_type = "text/event-stream; charset=utf-8";
        reply.events.push_back(error_event(ask));
        if (!is_anthropic(ask.api) && ask.api != Api::kResponses) {
            reply.event("", "[DONE]");
        }
        return reply;
    }
    reply.body = error_body(ask, status, message);
    return reply;
}

Reply models_reply(const Ask& ask) {
    static constexpr std::string_view kModels[] = {
        "gpt-4o-mini", "gpt-4o", "text-embedding-3-small",
        "claude-sonnet-4-5"};
    auto model = [](std::string_view id) {
        return "{\"id\":" + quoted(id)
               + ",\"object\":\"model\",\"created\":1700000000,"
                 "\"owned_by\":\"mock\"}";
    };
    Reply reply;
    reply.headers = provider_headers(ask);
    std::size_t at = ask.path.find("/models/");
    if (at != std::string::npos) {
        reply.body = model(percent_decoded(ask.path.substr(at + 8)));
        return reply;
    }
    for (std::string_view id : kModels) {
        reply.body += reply.body.empty() ? "{\"object\":\"list\",\"data\":["
                                         : ",";
        reply.body += model(id);
    }
    reply.body += "]}";
    return reply;
}

Reply count_tokens_reply(const Ask& ask) {
    Reply reply;
    reply.headers = provider_headers(ask);
    reply.body = "{\"input_tokens\":" + text_of(ask.prompt_tokens) + "}";
    return reply;
}

}  // namespace llm::mock
