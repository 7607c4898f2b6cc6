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

}  // namespace
}  // namespace llm::api
