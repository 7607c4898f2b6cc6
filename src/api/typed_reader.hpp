// What the readers of the two protocols whose events name their type share
// (Anthropic's messages, OpenAI's responses): an event's JSON, its type, and
// what is an error.
#pragma once

#include <optional>
#include <string>

#include "src/api/reader.hpp"
#include "src/json/document.hpp"

namespace llm::api {

class TypedReader : public StreamReader {
protected:
    using StreamReader::StreamReader;

    // Reads `data` into doc_: the event's type, that of its `event:` line
    // where the JSON has none. nullopt: no JSON object, `info` says so.
    std::optional<std::string> read(const sse::Event& event, Bytes data,
                                    EventInfo& info);
    bool is_error(Bytes type) const;

    json::Document doc_;
    bool done_ = false;  // the answer has ended

private:
    std::string loose_;  // of read_event_json()
};

}  // namespace llm::api
