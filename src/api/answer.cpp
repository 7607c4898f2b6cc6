#include "src/api/answer.hpp"

#include <algorithm>

namespace llm::api {

namespace {

constexpr Bytes kGood[] = {"stop",     "tool_calls",    "function_call",
                           "end_turn", "stop_sequence", "tool_use",
                           "completed"};

}  // namespace

bool ends_well(Bytes finish_reason) {
    return std::find(std::begin(kGood), std::end(kGood), finish_reason) !=
           std::end(kGood);
}

Bytes Answer::finish_reason() const {
    for (const Choice& choice : choices) {
        if (!ends_well(choice.finish_reason)) {
            return choice.finish_reason;
        }
    }
    return choices.empty() ? Bytes() : Bytes(choices.front().finish_reason);
}

bool Answer::finished_well() const {
    if (endpoint == Endpoint::kEmbeddings) {
        return !embeddings.empty();
    }
    return !choices.empty() && ends_well(finish_reason());
}

}  // namespace llm::api
