// Counts against what a provider reported for the same bytes, where both are
// at hand: recordings (recordings.hpp), and rank files in LLM_RANKS
// (cl100k_base.tiktoken, o200k_base.tiktoken).
#include <gtest/gtest.h>

#include <sstream>

#include "src/tokens/prompt.hpp"
#include "tests/tokens/recordings.hpp"

namespace llm::tokens {
namespace {

using api::Endpoint;

std::string slurp(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

std::optional<Counter> counter(const fs::path& folder, const char* file,
                               Encoding encoding) {
    auto table = RankTable::parse(slurp(folder / file));
    if (!table.ok()) {
        ADD_FAILURE() << file << ": " << table.error().message;
        return std::nullopt;
    }
    return Counter(
        std::make_shared<const RankTable>(std::move(table).value()),
        encoding);
}

Endpoint endpoint_of(const std::string& name) {
    return name.starts_with("chat-")         ? Endpoint::kChat
           : name.starts_with("completion-") ? Endpoint::kCompletions
           : name.starts_with("embeddings-") ? Endpoint::kEmbeddings
                                             : Endpoint::kNone;
}

// Sound and pictures have tokens that no text tells; tools are estimated.
bool is_plain(Bytes request) {
    for (Bytes word : {"\"tools\"", "image", "audio", "web_search",
                       "\"file\"", "response_format"}) {
        if (request.find(word) != Bytes::npos) {
            return false;
        }
    }
    return true;
}

TEST(TokensRecordedCount, IsWhatTheProviderReported) {
    const char* ranks = std::getenv("LLM_RANKS");
    if (ranks == nullptr || !fs::is_directory(recorded())) {
        GTEST_SKIP() << "no rank files or no recordings";
    }
    auto chat = counter(ranks, "o200k_base.tiktoken", Encoding::kO200k);
    auto text = counter(ranks, "cl100k_base.tiktoken", Encoding::kCl100k);
    ASSERT_TRUE(chat && text);
    CountScratch scratch;
    int compared = 0;
    for (const auto& entry : fs::directory_iterator(recorded())) {
        std::string name = entry.path().stem();
        Endpoint endpoint = endpoint_of(name);
        std::vector<std::string> found = bodies(entry.path());
        json::Document doc;
        for (size_t at = 0; at + 1 < found.size(); at += 2) {
            Json answer = parse(found[at + 1]);
            json_t* usage = json_object_get(answer.get(), "usage");
            auto request = endpoint != Endpoint::kNone && usage != nullptr
                                   && doc.parse(found[at]).ok()
                               ? api::parse_request(endpoint, doc)
                               : Error{};
            if (!request.ok() || !is_plain(found[at])) {
                continue;
            }
            Budget budget;
            TextCount count =
                count_prompt(endpoint == Endpoint::kChat ? *chat : *text,
                             endpoint, doc, scratch, budget);
            auto counted = static_cast<json_int_t>(count.tokens
                                                   + request->input_tokens);
            json_int_t off = counted
                             - json_integer_value(json_object_get(
                                 usage, "prompt_tokens"));
            // gpt-5 opens its answer with two tokens, models before with
            // three.
            bool newer = request->model.starts_with("gpt-5");
            EXPECT_EQ(newer ? 1 : 0, off) << name << ", " << request->model;
            EXPECT_TRUE(count.rest.empty()) << name;
            compared++;
        }
    }
    printf("%d recorded requests compared\n", compared);
    EXPECT_GT(compared, 0);
}

}  // namespace
}  // namespace llm::tokens
