// Recorded requests and answers of a provider, where they are at hand
// (LLM_FIXTURES, or ../shared/fixtures beside the sources).
#pragma once

#include <jansson.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace llm::tokens {

namespace fs = std::filesystem;

struct JsonFree {
    void operator()(json_t* json) const { json_decref(json); }
};
using Json = std::unique_ptr<json_t, JsonFree>;

inline Json parse(const std::string& text) {
    return Json(json_loadb(text.data(), text.size(), 0, nullptr));
}

inline fs::path recorded() {
    const char* set = std::getenv("LLM_FIXTURES");
    fs::path root = set != nullptr
                        ? fs::path(set)
                        : fs::path(__FILE__).parent_path() / "../../.."
                              / "shared/fixtures";
    return root / "envoyproxy-ai-gateway/tests/internal/testopenai/cassettes";
}

// A YAML scalar in double quotes on one line; its escapes are JSON's but for
// a few, and a body with one of those is passed over.
inline std::string unquote(const std::string& scalar) {
    Json text = parse("[" + scalar + "]");
    const char* value =
        text ? json_string_value(json_array_get(text.get(), 0)) : nullptr;
    return value == nullptr ? "" : value;
}

// The values of "body:" in a recording: request, response, request, …
inline std::vector<std::string> bodies(const fs::path& path) {
    std::vector<std::string> found;
    std::ifstream file(path);
    const std::string key = "    body: ";
    std::string line;
    bool block = false;
    while (std::getline(file, line)) {
        if (block && line.starts_with("      ")) {
            found.back() += line.substr(6) + "\n";
            continue;
        }
        block = false;
        if (line.starts_with(key)) {
            std::string value = line.substr(key.size());
            block = value.starts_with("|");
            found.push_back(value.starts_with("\"") ? unquote(value) : "");
        }
    }
    return found;
}

}  // namespace llm::tokens
