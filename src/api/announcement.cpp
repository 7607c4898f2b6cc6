#include "src/api/announcement.hpp"

#include "src/api/loose_json.hpp"
#include "src/api/raw_json.hpp"

namespace llm::api {
namespace {

using json::Document;
using json::NodeId;
using json::Type;

bool says_nothing(const Document& doc, NodeId value) {
    if (value == json::kNoNode || doc.is(value, Type::kNull)) {
        return true;
    }
    if (doc.is(value, Type::kArray)) {
        return doc.size(value) == 0;
    }
    return doc.is(value, Type::kString) && doc.raw(value).size() == 2;
}

bool is_role_alone(const Document& doc, NodeId choice) {
    NodeId delta = doc.find(choice, "delta");
    if (!doc.is(delta, Type::kObject)
        || !says_nothing(doc, doc.find(choice, "finish_reason"))) {
        return false;
    }
    for (NodeId member : doc.children(delta)) {
        if (doc.key(member) != "role" && !says_nothing(doc, member)) {
            return false;
        }
    }
    return true;
}

bool announces_chat(const Document& doc) {
    NodeId choices = doc.find(json::kRoot, "choices");
    if (!doc.is(choices, Type::kArray)
        || !says_nothing(doc, doc.find(json::kRoot, "error"))) {
        return false;
    }
    if (doc.size(choices) == 0) {
        return doc.find(json::kRoot, "prompt_filter_results")
               != json::kNoNode;
    }
    for (NodeId choice : doc.children(choices)) {
        if (!is_role_alone(doc, choice)) {
            return false;
        }
    }
    return true;
}

}  // namespace

bool is_announcement(Endpoint endpoint, const sse::Event& event) {
    Document doc;
    std::string scratch;
    if (read_event_json(event.data, doc, scratch) == EventJson::kNone) {
        return false;
    }
    if (endpoint == Endpoint::kChat) {
        return announces_chat(doc);
    }
    std::string type = raw::text_of(doc, json::kRoot, "type");
    Bytes name = type.empty() ? event.type : Bytes(type);
    if (endpoint == Endpoint::kMessages) {
        return name == "message_start";
    }
    return endpoint == Endpoint::kResponses
           && (name == "response.created" || name == "response.queued"
               || name == "response.in_progress");
}

}  // namespace llm::api
