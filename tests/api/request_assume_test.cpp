#include <gtest/gtest.h>

#include "src/api/request.hpp"

namespace llm::api {
namespace {

// What an operator's edits make of a request decides as if it had come so.
TEST(RequestAssume, IsAsTheEditsMakeIt) {
    auto assumed = [](Endpoint endpoint, Bytes body, Bytes name, Bytes raw) {
        json::Document doc;
        EXPECT_TRUE(doc.parse(body).ok()) << body;
        Result<Request> request = parse_request(endpoint, doc);
        EXPECT_TRUE(request.ok()) << body;
        assume(*request, doc, name, raw);
        return *request;
    };
    constexpr Bytes kChatBody =
        R"({"model":"m","messages":[],"n":4,"temperature":0.1,"store":true})";
    auto chat = [&](Bytes name, Bytes raw) {
        return assumed(Endpoint::kChat, kChatBody, name, raw);
    };
    EXPECT_EQ(chat("temperature", "1.5").temperature, 1.5);
    EXPECT_EQ(chat("temperature", "null").temperature, std::nullopt);
    EXPECT_EQ(chat("temperature", "\"hot\"").temperature, std::nullopt);
    EXPECT_EQ(chat("n", "2").n, 2);
    EXPECT_EQ(chat("n", "-1").n, 1);
    EXPECT_EQ(chat("n", "null").n, 1);
    EXPECT_EQ(chat("best_of", "9").n, 4);
    EXPECT_EQ(chat("top_p", "9").n, 4);
    EXPECT_EQ(chat("store", "false").effect(), "");
    EXPECT_EQ(chat("store", "null").store, Tri::kAbsent);
    EXPECT_EQ(chat("store", "1").effect(), "store");

    constexpr Bytes kPrompt = R"({"model":"m","prompt":"p","n":2,"best_of":5})";
    auto text = [&](Bytes name, Bytes raw) {
        return assumed(Endpoint::kCompletions, kPrompt, name, raw);
    };
    EXPECT_EQ(text("n", "3").n, 5);
    EXPECT_EQ(text("n", "7").n, 7);
    EXPECT_EQ(text("best_of", "1").n, 2);

    constexpr Bytes kInput = R"({"model":"m","input":"i"})";
    auto response = [&](Bytes name, Bytes raw) {
        return assumed(Endpoint::kResponses, kInput, name, raw);
    };
    EXPECT_EQ(response("store", "true").effect(), "store");
    EXPECT_EQ(response("background", "true").effect(), "background");
    EXPECT_EQ(response("background", "false").effect(), "");
}

}  // namespace
}  // namespace llm::api
