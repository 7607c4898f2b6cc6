#include "src/api/answer.hpp"

#include <algorithm>

namespace llm::api {

namespace {

constexpr Bytes kGood[] = {"stop",     "tool_calls",    "function_call",
                           "end_turn", "stop_sequence", "tool_use",
                           "completed"};

bool has_message(const Choice& choice) {
    return !choice.role.empty() || choice.content_null ||
           !choice.message_extra.empty() ||
           std::any_of(choice.blocks.begin(), choice.blocks.end(),
                       [](const Block& block) {
                           return block.type != "text";
                       });
}

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

bool Answer::has_messages() const {
    if (endpoint != Endpoint::kCompletions) {
        return endpoint == Endpoint::kChat;
    }
    return std::any_of(choices.begin(), choices.end(), has_message);
}

bool Answer::finished_well() const {
    if (endpoint == Endpoint::kEmbeddings) {
        return !embeddings.empty();
    }
    return !choices.empty() && ends_well(finish_reason());
}

}  // namespace llm::api
