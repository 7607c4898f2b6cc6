// OpenAI Responses: what its readers and writers share. The response object
// is kept whole as Answer.document, compact; the fields of Answer repeat the
// few members that others ask for. Choice.finish_reason is its status.
//
// Source: OpenAI API reference (responses, streaming events) and the
// accumulators of the official clients.
#pragma once

#include "src/api/reader.hpp"
#include "src/json/document.hpp"

namespace llm::api::responses {

// Fills id, model, object and created where they are there.
void read_head(const json::Document& doc, json::NodeId response,
               Answer& answer);

// Fills everything but the document. `answer` has one choice.
void read_response(const json::Document& doc, json::NodeId response,
                   Answer& answer);

// {"message":…,"type":…,"param":…,"code":…}; all may be absent.
ApiError read_error(const json::Document& doc, json::NodeId node);

}  // namespace llm::api::responses
