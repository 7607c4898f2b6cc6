// What makes an answer depend on more than the request: members that name
// such a thing, and tools that the provider runs against the world or a state
// of its own. Sources: OpenAI API reference (responses, chat), Anthropic API
// reference (tool types).
#pragma once

#include "src/api/protocol.hpp"
#include "src/json/document.hpp"

namespace llm::api {

// "tools:<kind>" of the first such tool, "" when there is none. `tools` is
// the request's array of tools. Static storage.
Bytes effect_of_tools(Endpoint endpoint, const json::Document& doc,
                      json::NodeId tools);

// `name` itself where a member of the body's root by that name is of that
// kind, whatever its value (null, false and [] aside); "" otherwise. Static
// storage.
Bytes effect_of_member(Endpoint endpoint, Bytes name);

}  // namespace llm::api
