// OpenAI embeddings: bodies, in both encodings.
#include <gtest/gtest.h>

#include "src/api/summary.hpp"
#include "tests/api/chunks.hpp"

namespace llm::api {
namespace {

using namespace chunks;

const std::string kBody = R"({
  "object": "list",
  "data": [
    {"object": "embedding", "index": 0,
     "embedding": [0.010, -1.5e-05, 1, -0, 123456789.123456789]},
    {"object": "embedding", "index": 1, "embedding": "AACAPw=="}
  ],
  "model": "text-embedding", "future": {"x": 1.0},
  "usage": {"prompt_tokens": 8, "total_tokens": 8}
})";

TEST(Embeddings, BodySurvives) {
    auto answer = read_json(Endpoint::kEmbeddings, kBody);
    ASSERT_TRUE(answer.ok());
    EXPECT_TRUE(answer->complete);
    EXPECT_TRUE(answer->finished_well());
    EXPECT_EQ(answer->object, "list");
    EXPECT_EQ(answer->model, "text-embedding");
    ASSERT_EQ(answer->embeddings.size(), 2u);
    EXPECT_EQ(answer->embeddings[0],
              R"({"object":"embedding","index":0,)"
              R"("embedding":[0.010,-1.5e-05,1,-0,123456789.123456789]})");
    EXPECT_EQ(value_of(json_of(*answer)), value_of(kBody));
}

TEST(Embeddings, UsageHasNoOutput) {
    auto answer = read_json(Endpoint::kEmbeddings, kBody);
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer->usage.input, 8);
    EXPECT_EQ(answer->usage.output, 0);
    answer = read_json(Endpoint::kEmbeddings,
                       R"({"data":[],"usage":{"prompt_tokens":8}})");
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer->usage.output, 0);
    EXPECT_FALSE(answer->finished_well());
    answer = read_json(Endpoint::kEmbeddings, R"({"data":[]})");
    ASSERT_TRUE(answer.ok());
    EXPECT_FALSE(answer->usage.known());
}

TEST(Embeddings, ATotalAloneIsTheInput) {
    std::string body = kBody;
    body.replace(body.find("\"prompt_tokens\": 8, "), 20, "");
    auto answer = read_json(Endpoint::kEmbeddings, body);
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer->usage.input, 8);
    EXPECT_EQ(answer->usage.output, 0);
    json::Document doc;
    ASSERT_TRUE(doc.parse(body).ok());
    auto summary = summarize(Endpoint::kEmbeddings, doc);
    ASSERT_TRUE(summary.ok());
    EXPECT_EQ(summary->usage.input, 8);
    EXPECT_EQ(summary->usage.output, 0);
}

TEST(Embeddings, NotAnAnswer) {
    for (const char* body : {"", "[]", "{}", "{\"data\":{}}", "{\"data\":[}"}) {
        EXPECT_FALSE(read_json(Endpoint::kEmbeddings, body).ok()) << body;
    }
}

TEST(Embeddings, Error) {
    auto answer = read_json(Endpoint::kEmbeddings,
                            R"({"error":{"message":"no","code":"bad"}})");
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer->error->message, "no");
    EXPECT_EQ(answer->error->code, "bad");
    EXPECT_FALSE(answer->complete);
    EXPECT_EQ(json_of(*answer), R"({"error":{"message":"no","code":"bad"}})");
}

TEST(Embeddings, DoNotStream) {
    EXPECT_EQ(make_stream_reader(Endpoint::kEmbeddings, 1000), nullptr);
    EXPECT_EQ(make_stream_reader(Endpoint::kNone, 1000), nullptr);
    auto answer = read_json(Endpoint::kEmbeddings, kBody);
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(sse_of(*answer), "");
}

}  // namespace
}  // namespace llm::api
