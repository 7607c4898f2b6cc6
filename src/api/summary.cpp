#include "src/api/summary.hpp"

#include <algorithm>

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
constexpr Bytes kText[] = {"content",   "text",      "thinking",
                           "reasoning", "refusal",   "reasoning_content",
                           "arguments", "name"};

bool holds_text(Bytes key) {
    return std::find(std::begin(kText), std::end(kText), key)
           != std::end(kText);
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

// The worst choice's reason, as Answer has it.
void read_finish_reasons(const Document& doc, NodeId choices,
                         Summary& summary) {
    Answer answer;
    answer.endpoint = Endpoint::kChat;
    for (NodeId choice : doc.children(choices)) {
        answer.choices.emplace_back().finish_reason =
            raw::text_of(doc, choice, "finish_reason");
    }
    summary.finish_reason = answer.finish_reason();
    summary.finished_well = answer.finished_well();
}

Result<void> read_chunks(const Document& doc, Summary& summary) {
    NodeId choices = doc.find(kRoot, "choices");
    if (!doc.is(choices, Type::kArray)) {
        return Error{Errc::kInvalid, "the answer has no choices"};
    }
    read_finish_reasons(doc, choices, summary);
    merge_openai_usage(doc, doc.find(kRoot, "usage"), summary.usage);
    measure(doc, choices, summary);
    return {};
}

Result<void> read_embeddings(const Document& doc, Summary& summary) {
    NodeId data = doc.find(kRoot, "data");
    if (!doc.is(data, Type::kArray)) {
        return Error{Errc::kInvalid, "the answer has no data"};
    }
    merge_openai_usage(doc, doc.find(kRoot, "usage"), summary.usage);
    if (summary.usage.input >= 0 && summary.usage.output < 0) {
        summary.usage.output = 0;
    }
    summary.finished_well = doc.size(data) > 0;
    return {};
}

void take_reason(Endpoint endpoint, std::string reason, Summary& summary) {
    Answer answer;
    answer.endpoint = endpoint;
    answer.choices.emplace_back().finish_reason = std::move(reason);
    summary.finished_well = answer.finished_well();
    summary.finish_reason = std::move(answer.choices[0].finish_reason);
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
        take_reason(Endpoint::kResponses, raw::text_of(doc, kRoot, "status"),
                    summary);
        merge_openai_usage(doc, doc.find(kRoot, "usage"), summary.usage);
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
    take_reason(Endpoint::kMessages, raw::text_of(doc, kRoot, "stop_reason"),
                summary);
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
