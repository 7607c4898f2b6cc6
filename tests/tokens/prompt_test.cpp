// What the chat format adds: the figures are those of OpenAI's cookbook.
#include "src/tokens/prompt.hpp"

#include "tests/tokens/rank_file.hpp"

namespace llm::tokens {
namespace {

using api::Endpoint;

class TokensPrompt : public testing::Test {
protected:
    TextCount count(Endpoint endpoint, Bytes body,
                    size_t budget = Budget::kUsual) {
        text_ = body;
        EXPECT_TRUE(doc_.parse(text_).ok()) << body;
        EXPECT_TRUE(api::parse_request(endpoint, doc_).ok()) << body;
        Budget left{budget};
        return count_prompt(counter_, endpoint, doc_, scratch_, left);
    }
    // Where nothing is left over.
    uint64_t tokens(Endpoint endpoint, Bytes body) {
        TextCount all = count(endpoint, body);
        EXPECT_TRUE(all.rest.empty()) << body;
        return all.tokens;
    }

    Counter counter_{rank_table({"us", "er", "user", "sy", "st", "em", "syst",
                                 "system", "hi", " h", " hi", "\n\n"}),
                     Encoding::kO200k};
    CountScratch scratch_;
    json::Document doc_;
    std::string text_;
};

TEST_F(TokensPrompt, Chat) {
    // 3 + user + hi, and 3 for the answer.
    EXPECT_EQ(8u, tokens(Endpoint::kChat,
                         R"({"model":"m","messages":[)"
                         R"({"role":"user","content":"hi"}]})"));
    EXPECT_EQ(15u, tokens(Endpoint::kChat,
                          R"({"messages":[)"
                          R"({"role":"system","content":"hi hi hi"},)"
                          R"({"content":"h\u0069","role":"user"}],)"
                          R"("model":"m","user":"hi hi hi","stop":["hi"]})"));
    // A name is one more than its own tokens.
    EXPECT_EQ(10u, tokens(Endpoint::kChat,
                          R"({"model":"m","messages":[{"role":"user",)"
                          R"("name":"hi","content":"hi"}]})"));
    EXPECT_EQ(3u, tokens(Endpoint::kChat, R"({"model":"m","messages":[]})"));
}

TEST_F(TokensPrompt, Parts) {
    EXPECT_EQ(9u, tokens(Endpoint::kChat,
                         R"({"model":"m","messages":[{"role":"user",)"
                         R"("content":[{"type":"text","text":"hi"},)"
                         R"({"type":"image_url","image_url":{"url":"x"}},)"
                         R"({"type":"text","text":" hi"}]}]})"));
    // A kind that we do not know is left to the estimate.
    TextCount odd = count(Endpoint::kChat,
                          R"({"model":"m","messages":[{"role":"user",)"
                          R"("content":[{"type":"odd","x":"\u00e9é"}]}]})");
    EXPECT_EQ(7u, odd.tokens);
    EXPECT_EQ(27u, odd.rest.ascii_bytes);
    EXPECT_EQ(2u, odd.rest.other_bytes);
}

TEST_F(TokensPrompt, ToolsAreEstimated) {
    TextCount tools = count(
        Endpoint::kChat,
        R"({"model":"m","tools":[{"type":"function"}],"messages":[)"
        R"({"role":"user","content":null,"tool_calls":[1]},)"
        R"({"role":"user","tool_call_id":"call_1","content":"hi"}]})");
    EXPECT_EQ(12u, tools.tokens);
    EXPECT_EQ(21u + 3u, tools.rest.ascii_bytes);
}

TEST_F(TokensPrompt, Responses) {
    EXPECT_EQ(8u, tokens(Endpoint::kResponses,
                         R"({"model":"m","input":"hi"})"));
    EXPECT_EQ(13u, tokens(Endpoint::kResponses,
                          R"({"model":"m","instructions":"hi","input":[)"
                          R"({"type":"message","role":"user","content":)"
                          R"([{"type":"input_text","text":"hi"}]}]})"));
}

TEST_F(TokensPrompt, Messages) {
    EXPECT_EQ(14u, tokens(Endpoint::kMessages,
                          R"({"model":"m","max_tokens":9,"system":[)"
                          R"({"type":"text","text":"hi hi"}],"messages":[)"
                          R"({"role":"user","content":"hi"}]})"));
}

TEST_F(TokensPrompt, TextAlone) {
    EXPECT_EQ(2u, tokens(Endpoint::kCompletions,
                         R"({"model":"m","prompt":"hi hi","user":"hi"})"));
    EXPECT_EQ(4u, tokens(Endpoint::kCompletions,
                         R"({"model":"m","prompt":["hi hi"," hi"],)"
                         R"("suffix":"hi"})"));
    EXPECT_EQ(0u, tokens(Endpoint::kCompletions,
                         R"({"model":"m","prompt":[[1,2],[3]]})"));
    EXPECT_EQ(3u, tokens(Endpoint::kEmbeddings,
                         R"({"model":"m","input":["hi","hi hi"]})"));
    EXPECT_EQ(1u, tokens(Endpoint::kEmbeddings,
                         R"({"model":"m","input":"hi"})"));
}

TEST_F(TokensPrompt, WhatTheBudgetDoesNotReachIsLeft) {
    TextCount some = count(Endpoint::kChat,
                           R"({"model":"m","messages":[{"role":"user",)"
                           R"("content":"hi hi\n\n"},)"
                           R"({"role":"user","content":"hié"}]})",
                           9);
    // The first role and one word: the second touches the cut.
    EXPECT_EQ(3u + 1u + 1u + 3u + 3u, some.tokens);
    EXPECT_EQ(5u + 4u + 2u, some.rest.ascii_bytes);
    EXPECT_EQ(2u, some.rest.other_bytes);
}

}  // namespace
}  // namespace llm::tokens
