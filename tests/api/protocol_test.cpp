#include "src/api/protocol.hpp"

#include <gtest/gtest.h>

#include "src/json/document.hpp"

namespace llm::api {
namespace {

TEST(Protocol, EndpointByTheEndOfThePath) {
    struct Case {
        const char* path;
        Endpoint endpoint;
    };
    Case cases[] = {
        {"/v1/chat/completions", Endpoint::kChat},
        {"/openai/v1/chat/completions", Endpoint::kChat},
        {"/openai/deployments/gpt/chat/completions", Endpoint::kChat},
        {"/chat/completions", Endpoint::kChat},
        {"/v1/completions", Endpoint::kCompletions},
        {"/v1/embeddings", Endpoint::kEmbeddings},
        {"/v1/responses", Endpoint::kResponses},
        {"/v1/messages", Endpoint::kMessages},
        {"/anthropic/v1/messages", Endpoint::kMessages},
        {"/messages", Endpoint::kMessages},
        {"", Endpoint::kNone},
        {"/", Endpoint::kNone},
        {"/v1/models", Endpoint::kNone},
        {"/v1/chat/completions/", Endpoint::kNone},
        {"/v1/Chat/Completions", Endpoint::kNone},
        {"/v1/mycompletions", Endpoint::kNone},
        {"completions", Endpoint::kNone},
        {"/v1/chat-completions", Endpoint::kNone},
        {"/v1/messages/count_tokens", Endpoint::kNone},
        {"/v1/messages/batches", Endpoint::kNone},
        {"/v1/responses/resp_1/cancel", Endpoint::kNone},
        {"/v1/threads/thread_1/messages", Endpoint::kNone},
        {"/v1/threads/messages", Endpoint::kMessages},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(endpoint_of(c.path), c.endpoint) << c.path;
    }
    EXPECT_EQ(endpoint_of("/v1/mychat/completions"), Endpoint::kCompletions);
}

TEST(Protocol, Names) {
    EXPECT_EQ(name_of(Endpoint::kChat), "chat");
    EXPECT_EQ(name_of(Endpoint::kNone), "");
    EXPECT_EQ(operation_of(Endpoint::kCompletions), "text_completion");
    EXPECT_EQ(operation_of(Endpoint::kMessages), "chat");
    EXPECT_EQ(operation_of(Endpoint::kResponses), "chat");
    EXPECT_EQ(operation_of(Endpoint::kEmbeddings), "embeddings");
    EXPECT_EQ(name_of(family_of(Endpoint::kMessages)), "anthropic");
    EXPECT_EQ(name_of(family_of(Endpoint::kResponses)), "openai");
}

TEST(Protocol, OpenaiErrorHasFourKeys) {
    EXPECT_EQ(error_body(Family::kOpenai, {400, "no \"model\"", "", "model",
                                           ""}, "req_1"),
              R"({"error":{"message":"no \"model\"",)"
              R"("type":"invalid_request_error","param":"model",)"
              R"("code":null}})");
    EXPECT_EQ(error_body(Family::kOpenai,
                         {404, "gone", "", "", "model_not_found"}, ""),
              R"({"error":{"message":"gone","type":"invalid_request_error",)"
              R"("param":null,"code":"model_not_found"}})");
    EXPECT_EQ(error_body(Family::kOpenai,
                         {429, "spent", "insufficient_quota", "", ""}, ""),
              R"({"error":{"message":"spent","type":"insufficient_quota",)"
              R"("param":null,"code":null}})");
}

TEST(Protocol, AnthropicErrorHasItsEnvelope) {
    EXPECT_EQ(error_body(Family::kAnthropic, {400, "bad", "", "model", "x"},
                         "req_1"),
              R"({"type":"error","error":{"type":"invalid_request_error",)"
              R"("message":"bad"},"request_id":"req_1"})");
    EXPECT_EQ(error_body(Family::kAnthropic, {529, "busy", "", "", ""}, ""),
              R"({"type":"error","error":{"type":"overloaded_error",)"
              R"("message":"busy"}})");
}

Bytes type_in(const std::string& body, json::Document& doc,
              std::string& scratch) {
    EXPECT_TRUE(doc.parse(body).ok()) << body;
    return doc.string(doc.find(doc.find(json::kRoot, "error"), "type"),
                      scratch);
}

TEST(Protocol, TypesByStatus) {
    struct Case {
        int status;
        const char* openai;
        const char* anthropic;
    };
    Case cases[] = {
        {400, "invalid_request_error", "invalid_request_error"},
        {401, "authentication_error", "authentication_error"},
        {402, "insufficient_quota", "billing_error"},
        {403, "permission_error", "permission_error"},
        {404, "invalid_request_error", "not_found_error"},
        {405, "invalid_request_error", "invalid_request_error"},
        {409, "invalid_request_error", "conflict_error"},
        {413, "invalid_request_error", "request_too_large"},
        {415, "invalid_request_error", "invalid_request_error"},
        {429, "rate_limit_exceeded", "rate_limit_error"},
        {500, "server_error", "api_error"},
        {502, "server_error", "api_error"},
        {503, "server_error", "api_error"},
        {504, "timeout_error", "timeout_error"},
        {529, "server_error", "overloaded_error"},
    };
    for (const Case& c : cases) {
        json::Document doc;
        std::string scratch;
        ApiError error{c.status, "m", "", "", ""};
        std::string openai = error_body(Family::kOpenai, error, "");
        EXPECT_EQ(type_in(openai, doc, scratch), c.openai) << c.status;
        std::string anthropic = error_body(Family::kAnthropic, error, "");
        EXPECT_EQ(type_in(anthropic, doc, scratch), c.anthropic) << c.status;
    }
}

TEST(Protocol, EventsThatEndAStreamInFailure) {
    ApiError error{502, "cut", "", "", ""};
    EXPECT_EQ(error_event(Endpoint::kChat, error),
              "data: {\"error\":{\"message\":\"cut\","
              "\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n");
    EXPECT_EQ(error_event(Endpoint::kMessages, error),
              "event: error\ndata: {\"type\":\"error\",\"error\":{"
              "\"type\":\"api_error\",\"message\":\"cut\"}}\n\n");
    EXPECT_EQ(error_event(Endpoint::kResponses, error),
              "event: error\ndata: {\"type\":\"error\","
              "\"code\":\"server_error\",\"message\":\"cut\","
              "\"param\":null,\"sequence_number\":0}\n\n");
}

TEST(Protocol, MessagesCannotBreakOutOfTheirLine) {
    std::string event = error_event(
        Endpoint::kChat, {400, "a\n\ndata: [DONE]\r\n", "", "", ""});
    EXPECT_EQ(event.find('\n'), event.size() - 2);
    EXPECT_EQ(event.find('\r'), event.npos);
}

}  // namespace
}  // namespace llm::api
