// Summary: what has to be known of a whole JSON answer to settle and store
// it, read from its nodes without building an Answer: a forwarded body that
// nobody edits is stored as it came.
//
// Ownership: owns its strings. Threads: a plain value.
#pragma once

#include <optional>
#include <string>

#include "src/api/answer.hpp"
#include "src/base/result.hpp"
#include "src/json/document.hpp"

namespace llm::api {

struct Summary {
    std::string id;
    std::string model;
    // As Answer::finish_reason() and Answer::finished_well().
    std::string finish_reason;
    bool finished_well = false;
    Usage usage;
    std::optional<ApiError> error;
    // Generated text: content, reasoning, refusals, names and arguments of
    // tool calls; bytes after unescaping.
    TextSize text;
};

// `doc` holds the body of an answer with status 200. Errc::kInvalid under
// the same conditions as read_json().
Result<Summary> summarize(Endpoint endpoint, const json::Document& doc);

}  // namespace llm::api
