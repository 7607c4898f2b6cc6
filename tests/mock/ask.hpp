// What the mock upstream understood of a request, and the content that it
// will answer with, before either takes a protocol's form. Everything follows
// from the request's members (less `stream` and `stream_options`, so that one
// request gives one answer in both forms) and the knobs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/mock/json.hpp"
#include "tests/mock/knobs.hpp"

namespace llm::mock {

enum class Api : std::uint8_t {
    kNone,
    kChat,
    kCompletions,
    kEmbeddings,
    kResponses,
    kMessages,
    kCountTokens,
    kModels
};

// By the path's suffix, so that any prefix works.
Api api_of(std::string_view path);
std::string_view api_name(Api api);
inline bool is_anthropic(Api api) {
    return api == Api::kMessages || api == Api::kCountTokens;
}

struct Ask {
    Api api = Api::kNone;
    Value root;
    Knobs knobs;
    std::string path;
    std::string model;  // the one served
    bool stream = false;
    std::string user_text;  // of the last user message
    bool after_tool = false;  // the last message is a tool's result
    std::uint64_t hash = 0;
    std::uint64_t prompt_tokens = 0;
    std::uint64_t created = 0;
};

Ask make_ask(Api api, std::string_view path, Value root, const Knobs& knobs);

struct Call {
    std::string id;  // hash-derived, without a protocol's prefix
    std::string name;
    std::string arguments;  // JSON
};

struct Content {
    std::string text;
    std::vector<std::string> pieces;  // of the text, as streamed
    std::string reasoning;
    std::string refusal;
    std::vector<Call> calls;
    std::string finish;  // stop, length, tool_calls, … or what the knob says
    std::string stop_sequence;
    std::uint64_t completion_tokens = 0;
    std::uint64_t reasoning_tokens = 0;
};

// The content of choice `index`.
Content make_content(const Ask& ask, std::size_t index);

// A minimal value that satisfies a JSON Schema (the common subset).
std::string instance_of(Value schema);

inline std::uint64_t tokens_of(std::string_view text) {
    return (text.size() + 3) / 4;
}

}  // namespace llm::mock
