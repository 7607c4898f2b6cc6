#include <gtest/gtest.h>

#include <initializer_list>

#include "src/api/request.hpp"

namespace llm::api {
namespace {

Request assumed(Endpoint endpoint, Bytes body,
                std::initializer_list<SetMember> members) {
    json::Document doc;
    EXPECT_TRUE(doc.parse(body).ok()) << body;
    Result<Request> request = parse_request(endpoint, doc);
    EXPECT_TRUE(request.ok()) << body;
    assume(*request, doc, {members.begin(), members.size()});
    return *request;
}

// What an operator's edits make of a request decides as if it had come so.
TEST(RequestAssume, IsAsTheEditsMakeIt) {
    constexpr Bytes kChatBody =
        R"({"model":"m","messages":[],"n":4,"temperature":0.1,"store":true})";
    auto chat = [&](Bytes name, Bytes raw) {
        return assumed(Endpoint::kChat, kChatBody, {{name, raw}});
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
        return assumed(Endpoint::kCompletions, kPrompt, {{name, raw}});
    };
    EXPECT_EQ(text("n", "3").n, 5);
    EXPECT_EQ(text("n", "7").n, 7);
    EXPECT_EQ(text("best_of", "1").n, 2);

    constexpr Bytes kInput = R"({"model":"m","input":"i"})";
    auto response = [&](Bytes name, Bytes raw) {
        return assumed(Endpoint::kResponses, kInput, {{name, raw}});
    };
    EXPECT_EQ(response("store", "true").effect(), "store");
    EXPECT_EQ(response("background", "true").effect(), "background");
    EXPECT_EQ(response("background", "false").effect(), "");
    EXPECT_EQ(response("n", "5").n, 1);
}

TEST(RequestAssume, OfTwoCountsThatAreSetTheLargerCounts) {
    auto n = [](std::initializer_list<SetMember> members) {
        return assumed(Endpoint::kCompletions,
                       R"({"model":"m","prompt":"p","best_of":3})", members)
            .n;
    };
    EXPECT_EQ(n({{"best_of", "5"}, {"n", "2"}}), 5);
    EXPECT_EQ(n({{"n", "2"}, {"best_of", "5"}}), 5);
    EXPECT_EQ(n({{"best_of", "1"}, {"n", "1"}}), 1);
}

// What the operator has the provider do is no less a reason than what the
// client asks for.
TEST(RequestAssume, SideEffectsThatAreSetCount) {
    auto effect = [](Endpoint endpoint, Bytes body, Bytes name, Bytes raw) {
        return assumed(endpoint, body, {{name, raw}}).effect();
    };
    auto chat = [&](Bytes name, Bytes raw) {
        return effect(Endpoint::kChat, R"({"model":"m","messages":[]})", name,
                      raw);
    };
    EXPECT_EQ(chat("enable_search", "true"), "enable_search");
    EXPECT_EQ(chat("enable_search", "false"), "");
    EXPECT_EQ(chat("enable_search", "null"), "");
    EXPECT_EQ(chat("web_search_options", "{}"), "web_search_options");
    EXPECT_EQ(chat("search_parameters", "{}"), "search_parameters");
    EXPECT_EQ(chat("background", "true"), "");  // no member of a chat
    constexpr Bytes kInput = R"({"model":"m","input":"i"})";
    EXPECT_EQ(effect(Endpoint::kResponses, kInput, "previous_response_id",
                     "\"r1\""), "previous_response_id");
    EXPECT_EQ(effect(Endpoint::kResponses, kInput, "conversation", "\"c\""),
              "conversation");
    EXPECT_EQ(effect(Endpoint::kMessages, R"({"model":"m","messages":[]})",
                     "container", "\"c\""), "container");
}

TEST(RequestAssume, WhatMakesAnAnswerDearerCounts) {
    Request request =
        assumed(Endpoint::kChat,
                R"({"model":"m","messages":[],"service_tier":"flex"})",
                {{"service_tier", "\"priority\""},
                 {"modalities", "\"audio\""}});
    EXPECT_EQ(request.service, Service::kPriority);
    EXPECT_TRUE(request.speaks);
}

}  // namespace
}  // namespace llm::api
