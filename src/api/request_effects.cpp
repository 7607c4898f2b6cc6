#include "src/api/request_effects.hpp"

namespace llm::api {
namespace {

using json::Document;
using json::NodeId;
using json::Type;

struct Kind {
    Bytes prefix;
    Bytes effect;
};

// Kinds carry dates and suffixes: web_search_20250305, mcp_toolset.
constexpr Kind kServerTools[] = {
    {"web_search", "tools:web_search"},
    {"web_fetch", "tools:web_fetch"},
    {"file_search", "tools:file_search"},
    {"code_interpreter", "tools:code_interpreter"},
    {"code_execution", "tools:code_execution"},
    {"mcp", "tools:mcp"},
    {"image_generation", "tools:image_generation"},
    {"shell", "tools:shell"},
};

// The client runs these and sends what came out, or (the searches over the
// request's own tools) nothing outside the request is asked.
constexpr Bytes kOpenaiClient[] = {
    "function", "custom", "computer", "computer_use",
    "computer_use_preview", "local_shell", "apply_patch", "tool_search",
};
constexpr Bytes kAnthropicClient[] = {
    "custom", "bash_", "text_editor_", "computer_", "memory_",
    "tool_search_tool_",
};

bool runs_at_client(Family family, Bytes type) {
    if (family == Family::kOpenai) {
        for (Bytes known : kOpenaiClient) {
            if (type == known) {
                return true;
            }
        }
        return false;
    }
    for (Bytes known : kAnthropicClient) {
        if (type.starts_with(known)) {
            return true;
        }
    }
    return false;
}

Bytes effect_of_tool(Family family, const Document& doc, NodeId tool) {
    NodeId kind = doc.find(tool, "type");
    if (!doc.is(kind, Type::kString)) {
        return {};
    }
    std::string scratch;
    Bytes type = doc.string(kind, scratch);
    if (runs_at_client(family, type)) {
        return {};
    }
    for (const Kind& known : kServerTools) {
        if (type.starts_with(known.prefix)) {
            return known.effect;
        }
    }
    return "tools:server";
}

}  // namespace

Bytes effect_of_tools(Endpoint endpoint, const Document& doc, NodeId tools) {
    Family family = family_of(endpoint);
    for (NodeId tool : doc.children(tools)) {
        // A namespace groups tools, one level deep.
        NodeId grouped = doc.find(tool, "tools");
        if (family == Family::kOpenai && doc.is(grouped, Type::kArray)) {
            for (NodeId inner : doc.children(grouped)) {
                Bytes effect = effect_of_tool(family, doc, inner);
                if (!effect.empty()) {
                    return effect;
                }
            }
            std::string scratch;
            NodeId kind = doc.find(tool, "type");
            if (doc.is(kind, Type::kString)
                && doc.string(kind, scratch) == "namespace") {
                continue;
            }
        }
        Bytes effect = effect_of_tool(family, doc, tool);
        if (!effect.empty()) {
            return effect;
        }
    }
    return {};
}

}  // namespace llm::api
