#include "src/api/summary.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "src/api/reader.hpp"

namespace llm::api {
namespace {

constexpr Endpoint kAll[] = {Endpoint::kChat, Endpoint::kCompletions,
                             Endpoint::kEmbeddings, Endpoint::kResponses,
                             Endpoint::kMessages};

Result<Summary> summarize_text(Endpoint endpoint, Bytes body) {
    json::Document doc;
    if (auto parsed = doc.parse(body); !parsed.ok()) {
        return parsed.error();
    }
    return summarize(endpoint, doc);
}

// What the reader of whole answers says is what the summary must say.
void expect_agreement(Endpoint endpoint, Bytes body) {
    Result<Answer> answer = read_json(endpoint, body);
    Result<Summary> summary = summarize_text(endpoint, body);
    ASSERT_EQ(answer.ok(), summary.ok()) << body.substr(0, 200);
    if (!answer.ok()) {
        return;
    }
    EXPECT_EQ(answer->error.has_value(), summary->error.has_value());
    if (answer->error) {
        EXPECT_EQ(answer->error->message, summary->error->message);
        return;
    }
    EXPECT_EQ(answer->id, summary->id);
    EXPECT_EQ(answer->model, summary->model);
    EXPECT_EQ(answer->finish_reason(), summary->finish_reason);
    EXPECT_EQ(answer->finished_well(), summary->finished_well);
    EXPECT_EQ(answer->usage.input, summary->usage.input);
    EXPECT_EQ(answer->usage.output, summary->usage.output);
    EXPECT_EQ(answer->usage.cached_input, summary->usage.cached_input);
    EXPECT_EQ(answer->usage.cache_write, summary->usage.cache_write);
    EXPECT_EQ(answer->usage.reasoning, summary->usage.reasoning);
    EXPECT_EQ(answer->usage.absurd, summary->usage.absurd);
}

TEST(Summary, AgreesWithTheReaderOnEveryShape) {
    constexpr Bytes kBodies[] = {
        R"({"id":"a","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}})",
        R"({"choices":[{"index":0,"finish_reason":"stop","message":{"content":null,"tool_calls":[]}},{"index":1,"finish_reason":"length","message":{}}]})",
        R"({"choices":[],"usage":{"prompt_tokens":-1,"completion_tokens":1.5}})",
        R"({"id":"e","object":"list","data":[{"index":0,"embedding":[1]}],"model":"x","usage":{"prompt_tokens":4,"total_tokens":4}})",
        R"({"object":"list","data":[]})",
        R"({"id":"resp_1","object":"response","status":"completed","model":"m","output":[],"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}})",
        R"({"id":"resp_1","object":"response","status":"failed","error":{"code":"server_error","message":"no"},"output":[]})",
        R"({"id":"msg_1","type":"message","role":"assistant","model":"c","content":[{"type":"text","text":"x"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"cache_read_input_tokens":4,"output_tokens":2}})",
        R"({"type":"error","error":{"type":"overloaded_error","message":"busy"}})",
        R"({"error":{"message":"broken","type":"server_error","code":503}})",
        R"({"error":null,"choices":[{"index":0,"message":{},"finish_reason":null}]})",
        R"({"error":"words"})",
        R"({})",
        R"([])",
        R"(7)",
    };
    for (Endpoint endpoint : kAll) {
        for (Bytes body : kBodies) {
            SCOPED_TRACE(std::string(name_of(endpoint)) + " "
                         + std::string(body));
            expect_agreement(endpoint, body);
        }
    }
}

TEST(Summary, MeasuresGeneratedText) {
    auto chat = summarize_text(
        Endpoint::kChat,
        R"({"choices":[{"index":0,"message":{"role":"assistant","content":"h\u00e9","reasoning_content":"abc","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}]})");
    ASSERT_TRUE(chat.ok());
    EXPECT_EQ(chat->text.ascii_bytes, 1u + 3 + 1 + 2);
    EXPECT_EQ(chat->text.other_bytes, 2u);
    auto message = summarize_text(
        Endpoint::kMessages,
        R"({"content":[{"type":"text","text":"abcd"},{"type":"tool_use","id":"t","name":"go","input":{"a":1}}],"stop_reason":"tool_use"})");
    ASSERT_TRUE(message.ok());
    EXPECT_EQ(message->text.ascii_bytes, 4u + 2 + 7);
}

TEST(Summary, AgreesOnRecordedTraffic) {
    const char* root = std::getenv("LLM_FIXTURES");
    std::filesystem::path folder =
        root != nullptr
            ? std::filesystem::path(root)
            : std::filesystem::path(__FILE__).parent_path()
                  / "../../../shared/fixtures";
    folder /= "agentgateway/crates/llm/src/tests/response";
    if (!std::filesystem::exists(folder)) {
        GTEST_SKIP() << "no recorded traffic at " << folder;
    }
    size_t files = 0;
    for (auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (entry.path().extension() != ".json") {
            continue;
        }
        std::ifstream in(entry.path());
        std::stringstream text;
        text << in.rdbuf();
        for (Endpoint endpoint : kAll) {
            SCOPED_TRACE(entry.path().string());
            expect_agreement(endpoint, text.str());
        }
        files++;
    }
    EXPECT_GT(files, 20u);
}

}  // namespace
}  // namespace llm::api
