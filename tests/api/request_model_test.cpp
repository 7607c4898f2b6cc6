// A body without a model, where the reader of it knows one and where not.
#include <gtest/gtest.h>

#include "src/api/request.hpp"

namespace llm::api {
namespace {

using json::Document;

TEST(Request, AModelMayBeMissingWhereItIsKnown) {
    struct Case {
        Endpoint endpoint;
        const char* body;
        bool missing;
    };
    const Case cases[] = {
        {Endpoint::kChat, R"({"messages":[]})", true},
        {Endpoint::kMessages, R"({"messages":[]})", true},
        {Endpoint::kCompletions, R"({"prompt":"x"})", true},
        {Endpoint::kEmbeddings, R"({"input":"x"})", true},
        {Endpoint::kResponses, R"({"input":"x"})", true},
        {Endpoint::kResponses, R"({"prompt":{"id":"p"}})", false},
        {Endpoint::kResponses, R"({"model":"m","input":"x"})", false},
    };
    for (const Case& c : cases) {
        Document doc;
        ASSERT_TRUE(doc.parse(c.body).ok());
        Result<Request> request =
            parse_request(c.endpoint, doc, nullptr, false);
        ASSERT_TRUE(request.ok()) << c.body;
        EXPECT_EQ(request->model_missing, c.missing) << c.body;
        EXPECT_EQ(parse_request(c.endpoint, doc).ok(), !c.missing)
            << c.body;
    }
    for (const char* wrong : {R"({"messages":[],"model":7})",
                              R"({"messages":[],"model":""})", "{}"}) {
        Document doc;
        ASSERT_TRUE(doc.parse(wrong).ok());
        EXPECT_FALSE(
            parse_request(Endpoint::kChat, doc, nullptr, false).ok())
            << wrong;
    }
    EXPECT_EQ(missing_model().param, "model");
}

TEST(Request, WhatStandsBesideTheMessagesCounts) {
    auto beside = [](Endpoint endpoint, Bytes member) {
        std::string body = R"({"model":"m","messages":[],"input":[],)";
        body.append(member).append("}");
        json::Document doc;
        EXPECT_TRUE(doc.parse(body).ok()) << member;
        auto request = parse_request(endpoint, doc);
        EXPECT_TRUE(request.ok()) << member;
        return request->beside_bytes;
    };
    EXPECT_EQ(beside(Endpoint::kChat, R"("response_format":{"type":"a"})"),
              12u);
    EXPECT_EQ(beside(Endpoint::kChat, R"("response_format":null)"), 0u);
    EXPECT_EQ(beside(Endpoint::kResponses, R"("response_format":{"a":1})"),
              0u);
    EXPECT_EQ(beside(Endpoint::kResponses, R"("text":{"format":1})"), 12u);
    EXPECT_EQ(beside(Endpoint::kResponses, R"("background":true)"), 0u);
    EXPECT_EQ(beside(Endpoint::kResponses, R"("prompt":{"id":"p"})"), 10u);
    EXPECT_EQ(beside(Endpoint::kMessages, R"("mcp_servers":[1])"), 3u);
}

}  // namespace
}  // namespace llm::api
