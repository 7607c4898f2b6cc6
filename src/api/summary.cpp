#include "src/api/summary.hpp"

#include <utility>

#include "src/api/chunk_reader.hpp"
#include "src/api/messages.hpp"
#include "src/api/raw_json.hpp"
#include "src/api/responses.hpp"
#include "src/api/usage_json.hpp"

namespace llm::api {
namespace {

using json::Document;
using json::kNoNode;
using json::kRoot;
using json::NodeId;
using json::Type;

// Members whose strings are generated text, in any protocol.
bool holds_text(Bytes key) {
    switch (key.size()) {
    case 4: return key == "text" || key == "name";
    case 7: return key == "content" || key == "refusal";
    case 8: return key == "thinking";
    case 9: return key == "reasoning" || key == "arguments";
    case 17: return key == "reasoning_content";
    default: return false;
    }
}

// All nodes below `top`, one after the other: the array is flat.
void measure(const Document& doc, NodeId top, Summary& summary) {
    if (top == kNoNode) {
        return;
    }
    NodeId end = doc.node(top).next;
    for (NodeId id = top + 1; id < end; id++) {
        if (doc.is(id, Type::kString) && holds_text(doc.key(id))) {
            TextSize size = doc.string_size(id);
            summary.text += size;
        } else if (doc.is(id, Type::kObject) && doc.key(id) == "input") {
            summary.text.ascii_bytes += doc.raw(id).size();  // tool_use
        }
    }
}

// The first choice's reason, or the first one that is not good.
void read_finish_reasons(const Document& doc, NodeId choices,
                         Summary& summary) {
    std::string scratch;
    bool good = false;
    for (NodeId choice : doc.children(choices)) {
        NodeId id = doc.find(choice, "finish_reason");
        Bytes reason = doc.is(id, Type::kString) ? doc.string(id, scratch)
                                                 : Bytes{};
        bool first = choice == choices + 1;
        good = ends_well(reason);
        if (first || !good) {
            summary.finish_reason = reason;
        }
        if (!good) {
            break;
        }
    }
    summary.finished_well = good;
}

Result<void> read_chunks(const Document& doc, Summary& summary) {
    NodeId choices = doc.find(kRoot, "choices");
    if (!doc.is(choices, Type::kArray)) {
        return Error{Errc::kInvalid, "the answer has no choices"};
    }
    read_finish_reasons(doc, choices, summary);
    merge_openai_usage(doc, doc.find(kRoot, "usage"), summary.usage);
    summary.usage.service = read_service(doc, kRoot);
    measure(doc, choices, summary);
    return {};
}

Result<void> read_embeddings(const Document& doc, Summary& summary) {
    NodeId data = doc.find(kRoot, "data");
    if (!doc.is(data, Type::kArray)) {
        return Error{Errc::kInvalid, "the answer has no data"};
    }
    merge_embeddings_usage(doc, doc.find(kRoot, "usage"), summary.usage);
    summary.finished_well = doc.size(data) > 0;
    return {};
}

void take_reason(std::string reason, Summary& summary) {
    summary.finished_well = ends_well(reason);
    summary.finish_reason = std::move(reason);
}

Result<void> read_response(const Document& doc, Summary& summary) {
    NodeId output = doc.find(kRoot, "output");
    bool response = doc.is(output, Type::kArray)
                    || raw::text_of(doc, kRoot, "object") == "response";
    NodeId error = doc.find(kRoot, "error");
    if (doc.is(error, Type::kObject)) {
        summary.error = responses::read_error(doc, error);
    } else if (!response) {
        return Error{Errc::kInvalid, "a response without output"};
    }
    if (response) {
        take_reason(raw::text_of(doc, kRoot, "status"), summary);
        merge_openai_usage(doc, doc.find(kRoot, "usage"), summary.usage);
        summary.usage.service = read_service(doc, kRoot);
        measure(doc, output, summary);
    }
    return {};
}

Result<void> read_message(const Document& doc, Summary& summary) {
    NodeId error = doc.find(kRoot, "error");
    if (doc.is(error, Type::kObject)) {
        summary.error = messages::read_error(doc, error);
        return {};
    }
    NodeId content = doc.find(kRoot, "content");
    if (!doc.is(content, Type::kArray)) {
        return Error{Errc::kInvalid, "a message without content"};
    }
    take_reason(raw::text_of(doc, kRoot, "stop_reason"), summary);
    messages::merge_usage(doc, doc.find(kRoot, "usage"), false,
                          summary.usage);
    measure(doc, content, summary);
    return {};
}

Result<void> read_endpoint(Endpoint endpoint, const Document& doc,
                           Summary& summary) {
    switch (endpoint) {
    case Endpoint::kChat:
    case Endpoint::kCompletions:
    case Endpoint::kEmbeddings:
        summary.error = find_openai_error(doc);
        if (summary.error) {
            merge_openai_usage(doc, doc.find(kRoot, "usage"), summary.usage);
            return {};
        }
        return endpoint == Endpoint::kEmbeddings
                   ? read_embeddings(doc, summary)
                   : read_chunks(doc, summary);
    case Endpoint::kResponses: return read_response(doc, summary);
    case Endpoint::kMessages: return read_message(doc, summary);
    case Endpoint::kNone: break;
    }
    return Error{Errc::kUnsupported, "no endpoint that we understand"};
}

}  // namespace

Result<Summary> summarize(Endpoint endpoint, const Document& doc) {
    if (!doc.is(kRoot, Type::kObject)) {
        return Error{Errc::kInvalid, "the answer is not a JSON object"};
    }
    Summary summary;
    Result<void> read = read_endpoint(endpoint, doc, summary);
    if (!read.ok()) {
        return read.error();
    }
    if (endpoint != Endpoint::kEmbeddings) {
        summary.id = raw::text_of(doc, kRoot, "id");
    }
    summary.model = raw::text_of(doc, kRoot, "model");
    return summary;
}

}  // namespace llm::api
