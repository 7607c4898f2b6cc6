#include "src/api/protocols.hpp"
#include "src/api/raw_json.hpp"
#include "src/api/responses.hpp"
#include "src/api/usage_json.hpp"

namespace llm::api {
namespace responses {

using json::Document;
using json::NodeId;
using json::Type;

namespace {

int status_of(const ApiError& error) {
    if (error.code == "rate_limit_exceeded" ||
        error.code == "insufficient_quota") {
        return 429;
    }
    return error.type == "invalid_request_error" ? 400 : 500;
}

void take(const Document& doc, NodeId object, Bytes key,
          std::string& field) {
    std::string text = raw::text_of(doc, object, key);
    if (!text.empty()) {
        field = std::move(text);
    }
}

}  // namespace

void read_head(const Document& doc, NodeId response, Answer& answer) {
    take(doc, response, "id", answer.id);
    take(doc, response, "model", answer.model);
    take(doc, response, "object", answer.object);
    const NodeId created = doc.find(response, "created_at");
    if (doc.is(created, Type::kNumber)) {
        answer.created = doc.as_int64(created);
    }
}

void read_response(const Document& doc, NodeId response, Answer& answer) {
    read_head(doc, response, answer);
    take(doc, response, "status", answer.choices[0].finish_reason);
    const NodeId usage = doc.find(response, "usage");
    if (doc.is(usage, Type::kObject)) {
        answer.usage_raw = raw::compact(doc.raw(usage));
        merge_openai_usage(doc, usage, answer.usage);
    }
    answer.usage.service = read_service(doc, response);
    const NodeId error = doc.find(response, "error");
    if (doc.is(error, Type::kObject)) {
        answer.error = read_error(doc, error);
    }
}

ApiError read_error(const Document& doc, NodeId node) {
    ApiError error;
    error.message = raw::text_of(doc, node, "message");
    error.type = raw::text_of(doc, node, "type");
    error.param = raw::text_of(doc, node, "param");
    error.code = raw::text_of(doc, node, "code");
    error.status = status_of(error);
    return error;
}

}  // namespace responses

Result<Answer> read_json_responses(Bytes body) {
    json::Document doc;
    if (const Result<void> parsed = doc.parse(body); !parsed) {
        return parsed.error();
    }
    Answer answer;
    answer.endpoint = Endpoint::kResponses;
    const bool response =
        doc.is(doc.find(json::kRoot, "output"), json::Type::kArray) ||
        raw::text_of(doc, json::kRoot, "object") == "response";
    if (!response) {
        const json::NodeId error = doc.find(json::kRoot, "error");
        if (!doc.is(error, json::Type::kObject)) {
            return Error{Errc::kInvalid, "a response without output"};
        }
        answer.error = responses::read_error(doc, error);
        return answer;
    }
    answer.choices.emplace_back();
    responses::read_response(doc, json::kRoot, answer);
    answer.document = raw::compact(body);
    answer.complete = true;
    return answer;
}

}  // namespace llm::api
