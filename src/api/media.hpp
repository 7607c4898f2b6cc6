// What a part of a prompt is that is no text, by its type in any protocol.
// Pure; any thread.
#pragma once

#include "src/json/document.hpp"

namespace llm::api {

enum class Media : uint8_t { kNone, kImage, kSound, kFile };  // or video

Media media_of(const json::Document& doc, json::NodeId part);

}  // namespace llm::api
