// Which tools make an answer depend on more than the request: those that
// the provider runs against the world or a state of its own. Sources: OpenAI
// API reference (responses, chat), Anthropic API reference (tool types).
#pragma once

#include "src/api/protocol.hpp"
#include "src/json/document.hpp"

namespace llm::api {

// "tools:<kind>" of the first such tool, "" when there is none. `tools` is
// the request's array of tools. Static storage.
Bytes effect_of_tools(Endpoint endpoint, const json::Document& doc,
                      json::NodeId tools);

}  // namespace llm::api
