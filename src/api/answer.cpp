#include "src/api/answer.hpp"

#include <algorithm>

namespace llm::api {

namespace {

constexpr Bytes kGood[] = {"stop",     "tool_calls",    "function_call",
                           "end_turn", "stop_sequence", "tool_use",
                           "completed"};

bool is_good(Bytes reason) {
    return std::find(std::begin(kGood), std::end(kGood), reason) !=
           std::end(kGood);
}

}  // namespace

Bytes Answer::finish_reason() const {
    for (const Choice& choice : choices) {
        if (!is_good(choice.finish_reason)) {
            return choice.finish_reason;
        }
    }
    return choices.empty() ? Bytes() : Bytes(choices.front().finish_reason);
}

bool Answer::finished_well() const {
    if (endpoint == Endpoint::kEmbeddings) {
        return !embeddings.empty();
    }
    return !choices.empty() && is_good(finish_reason());
}

}  // namespace llm::api
