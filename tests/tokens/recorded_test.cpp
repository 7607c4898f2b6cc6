// The estimator's error on recorded requests with their reported usage.
#include <gtest/gtest.h>

#include <cmath>

#include "src/tokens/estimator.hpp"
#include "tests/tokens/recordings.hpp"

namespace llm::tokens {
namespace {

struct Pair {
    std::string name;
    TextSize prompt;
    uint64_t messages = 0;
    uint64_t prompt_tokens = 0;
    TextSize completion;
    uint64_t completion_tokens = 0;
};

Bytes string_of(json_t* value) {
    return {json_string_value(value), json_string_length(value)};
}

// False when something but plain text was sent.
bool read_request(json_t* request, Pair& pair) {
    size_t at;
    json_t* item;
    if (json_object_get(request, "tools") != nullptr) {
        return false;
    }
    json_t* messages = json_object_get(request, "messages");
    json_array_foreach(messages, at, item) {
        json_t* content = json_object_get(item, "content");
        if (!json_is_string(content)) {
            return false;
        }
        pair.prompt += TextSize::of(string_of(content));
        ++pair.messages;
    }
    for (const char* name : {"prompt", "input"}) {
        json_t* text = json_object_get(request, name);
        if (json_is_string(text)) {
            pair.prompt += TextSize::of(string_of(text));
        }
        json_array_foreach(text, at, item) {
            if (!json_is_string(item)) {
                return false;
            }
            pair.prompt += TextSize::of(string_of(item));
        }
    }
    return !pair.prompt.empty();
}

void read_answer(json_t* answer, Pair& pair) {
    json_t* usage = json_object_get(answer, "usage");
    auto number = [&](json_t* in, const char* name) {
        return static_cast<uint64_t>(
            json_integer_value(json_object_get(in, name)));
    };
    pair.prompt_tokens = number(usage, "prompt_tokens");
    json_t* details = json_object_get(usage, "completion_tokens_details");
    pair.completion_tokens = number(usage, "completion_tokens")
                             - number(details, "reasoning_tokens");
    size_t at;
    json_t* item;
    json_array_foreach(json_object_get(answer, "choices"), at, item) {
        json_t* text = json_object_get(item, "text");
        if (text == nullptr) {
            text = json_object_get(json_object_get(item, "message"),
                                   "content");
        }
        if (json_is_string(text)) {
            pair.completion += TextSize::of(string_of(text));
        }
    }
}

std::vector<Pair> read_pairs(const fs::path& folder) {
    std::vector<Pair> pairs;
    for (const auto& entry : fs::directory_iterator(folder)) {
        std::vector<std::string> found = bodies(entry.path());
        for (size_t at = 0; at + 1 < found.size(); at += 2) {
            Json request = parse(found[at]);
            Json answer = parse(found[at + 1]);
            Pair pair;
            pair.name = entry.path().stem();
            if (request && answer && read_request(request.get(), pair)) {
                read_answer(answer.get(), pair);
                pairs.push_back(pair);
            }
        }
    }
    return pairs;
}

struct Errors {
    double sum = 0;
    int64_t guessed = 0;
    int64_t reported = 0;
    int count = 0;

    void add(uint64_t guess, uint64_t truth) {
        auto off = static_cast<double>(guess) - static_cast<double>(truth);
        sum += std::abs(off) / static_cast<double>(truth);
        guessed += static_cast<int64_t>(guess);
        reported += static_cast<int64_t>(truth);
        ++count;
    }
    void print(const char* what) const {
        printf("%s: mean error %.1f %% over %d, %ld tokens estimated for %ld "
               "reported\n",
               what, 100 * sum / count, count, static_cast<long>(guessed),
               static_cast<long>(reported));
    }
};

TEST(TokensRecorded, ErrorOnRecordedTraffic) {
    if (!fs::is_directory(recorded())) {
        GTEST_SKIP() << "no recorded traffic at " << recorded();
    }
    std::vector<Pair> pairs = read_pairs(recorded());
    ASSERT_GE(pairs.size(), 8u);
    std::vector<uint64_t> memory(Estimator::kSize / 8);
    Estimator learned =
        Estimator::attach(memory.data(), Estimator::kSize, true).value();
    for (int round = 0; round < 20; ++round) {
        for (const Pair& pair : pairs) {
            learned.learn_prompt(1, pair.prompt, pair.messages,
                                 pair.prompt_tokens);
            learned.learn_completion(1, pair.completion,
                                     pair.completion_tokens);
        }
    }
    Errors prompts;
    Errors completions;
    Errors learned_prompts;
    Errors learned_completions;
    for (const Pair& pair : pairs) {
        if (pair.prompt_tokens > 0) {
            prompts.add(Estimator().prompt(1, pair.prompt, pair.messages),
                        pair.prompt_tokens);
            learned_prompts.add(learned.prompt(1, pair.prompt, pair.messages),
                                pair.prompt_tokens);
        }
        if (!pair.completion.empty() && pair.completion_tokens > 0) {
            completions.add(Estimator().completion(1, pair.completion),
                            pair.completion_tokens);
            learned_completions.add(learned.completion(1, pair.completion),
                                    pair.completion_tokens);
        }
    }
    prompts.print("prompts by default     ");
    learned_prompts.print("prompts learned        ");
    completions.print("completions by default ");
    learned_completions.print("completions learned    ");
    EXPECT_LT(prompts.sum / prompts.count, 0.6);
    EXPECT_LT(completions.sum / completions.count, 0.6);
}

}  // namespace
}  // namespace llm::tokens
