// OpenAI embeddings: a body alone, no stream. The vectors stay as they came,
// numbers or base64.
#include <utility>

#include "src/api/chunk_reader.hpp"
#include "src/api/protocols.hpp"
#include "src/api/raw_json.hpp"
#include "src/api/usage_json.hpp"

namespace llm::api {

using json::Document;
using json::kRoot;
using json::NodeId;
using json::Type;

namespace {

void read_member(const Document& doc, NodeId member, Answer& answer) {
    const Bytes key = doc.key(member);
    std::string scratch;
    const Bytes text = doc.string(member, scratch);
    if (key == "data" && doc.is(member, Type::kArray)) {
        for (const NodeId element : doc.children(member)) {
            answer.embeddings.push_back(raw::compact(doc.raw(element)));
        }
    } else if (key == "usage" && doc.is(member, Type::kObject)) {
        merge_embeddings_usage(doc, member, answer.usage);
        answer.usage_raw = raw::compact(doc.raw(member));
    } else if (key == "usage" && doc.is(member, Type::kNull)) {
        return;
    } else if (key == "model" && !text.empty()) {
        answer.model = text;
    } else if (key == "object" && !text.empty()) {
        answer.object = text;
    } else {
        raw::set(answer.extra, key, doc.raw(member));
    }
}

}  // namespace

Result<Answer> read_json_embeddings(Bytes body) {
    Document doc;
    if (auto parsed = doc.parse(body); !parsed) {
        return parsed.error();
    }
    if (!doc.is(kRoot, Type::kObject)) {
        return Error{Errc::kInvalid, "the answer is not a JSON object"};
    }
    Answer answer;
    answer.endpoint = Endpoint::kEmbeddings;
    answer.error = find_openai_error(doc);
    if (!answer.error && !doc.is(doc.find(kRoot, "data"), Type::kArray)) {
        return Error{Errc::kInvalid, "the answer has no data"};
    }
    for (const NodeId member : doc.children(kRoot)) {
        read_member(doc, member, answer);
    }
    answer.complete = !answer.error;
    return answer;
}

void write_json_embeddings(const Answer& answer, std::string& out) {
    raw::Object body(out);
    if (!answer.object.empty()) {
        body.text("object", answer.object);
    }
    if (!answer.error || !answer.embeddings.empty()) {
        body.key("data") += '[';
        bool first = true;
        for (const std::string& element : answer.embeddings) {
            if (!std::exchange(first, false)) {
                out += ',';
            }
            out += element;
        }
        out += ']';
    }
    if (!answer.model.empty()) {
        body.text("model", answer.model);
    }
    if (!answer.usage_raw.empty()) {
        body.json("usage", answer.usage_raw);
    }
    body.extras(answer.extra);
    body.end();
}

}  // namespace llm::api
