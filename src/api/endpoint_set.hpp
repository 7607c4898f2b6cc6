// Sets of endpoints as bits, for tables of what a member means where.
#pragma once

#include "src/api/protocol.hpp"

namespace llm::api {

constexpr unsigned bit(Endpoint endpoint) {
    return 1u << static_cast<unsigned>(endpoint);
}

constexpr unsigned kChat = bit(Endpoint::kChat);
constexpr unsigned kCompletions = bit(Endpoint::kCompletions);
constexpr unsigned kEmbeddings = bit(Endpoint::kEmbeddings);
constexpr unsigned kResponses = bit(Endpoint::kResponses);
constexpr unsigned kMessages = bit(Endpoint::kMessages);
constexpr unsigned kChats = kChat | kCompletions;
constexpr unsigned kOpenaiText = kChats | kResponses;
constexpr unsigned kText = kOpenaiText | kMessages;
constexpr unsigned kAny = kText | kEmbeddings;

}  // namespace llm::api
