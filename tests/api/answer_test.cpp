#include "src/api/answer.hpp"

#include <gtest/gtest.h>

namespace llm::api {
namespace {

Answer with(std::initializer_list<const char*> reasons) {
    Answer answer;
    answer.endpoint = Endpoint::kChat;
    for (const char* reason : reasons) {
        answer.choices.emplace_back().finish_reason = reason;
    }
    return answer;
}

TEST(Answer, FinishedWell) {
    for (const char* reason :
         {"stop", "tool_calls", "function_call", "end_turn", "tool_use",
          "stop_sequence", "completed"}) {
        EXPECT_TRUE(with({reason}).finished_well()) << reason;
        EXPECT_TRUE(with({reason, "stop"}).finished_well()) << reason;
    }
    for (const char* reason :
         {"", "length", "content_filter", "max_tokens", "refusal",
          "pause_turn", "incomplete", "failed", "error", "STOP"}) {
        EXPECT_FALSE(with({reason}).finished_well()) << reason;
        EXPECT_FALSE(with({"stop", reason}).finished_well()) << reason;
        EXPECT_EQ(with({"stop", reason}).finish_reason(), reason);
    }
    EXPECT_FALSE(with({}).finished_well());
    EXPECT_EQ(with({}).finish_reason(), "");
    EXPECT_EQ(with({"tool_calls", "stop"}).finish_reason(), "tool_calls");
}

TEST(Answer, EmbeddingsNeedData) {
    Answer answer;
    answer.endpoint = Endpoint::kEmbeddings;
    EXPECT_FALSE(answer.finished_well());
    answer.embeddings.push_back("{}");
    EXPECT_TRUE(answer.finished_well());
}

}  // namespace
}  // namespace llm::api
