#include "src/api/stream_cut.hpp"

#include <algorithm>

#include "src/api/responses_progress.hpp"
#include "src/json/document.hpp"
#include "src/sse/writer.hpp"

namespace llm::api {
namespace {

using json::kRoot;

void append_count(std::string& out, Bytes key, int64_t value) {
    append_json_string(out, key);
    out += ':';
    append_number(out, std::max<int64_t>(value, 0));
}

void append_text(std::string& out, Bytes key, Bytes value) {
    append_json_string(out, key);
    out += ':';
    append_json_string(out, value);
}

std::string chunk_head(const Answer& answer) {
    std::string head = "{";
    append_text(head, "id", answer.id);
    head += ',';
    append_text(head, "object",
                answer.has_messages()
                    ? Bytes("chat.completion.chunk")
                    : Bytes("text_completion"));
    head += ',';
    append_count(head, "created", answer.created);
    head += ',';
    append_text(head, "model", answer.model);
    return head;
}

void append_choice(std::string& out, bool messages, int64_t index) {
    out += '{';
    append_count(out, "index", index);
    out += messages ? R"(,"delta":{})" : R"(,"text":"","logprobs":null)";
    out += R"(,"finish_reason":"length"})";
}

void cut_chunks(const Answer& answer, const Usage& usage, bool include_usage,
                std::string& out) {
    const std::string head = chunk_head(answer);
    for (const Choice& choice : answer.choices) {
        if (!choice.finish_reason.empty()) {
            continue;
        }
        std::string chunk = head + ",\"choices\":[";
        append_choice(chunk, answer.has_messages(), choice.index);
        chunk += include_usage ? "],\"usage\":null}" : "]}";
        sse::append_event(out, "", chunk);
    }
    if (include_usage) {
        std::string chunk = head + R"(,"choices":[],"usage":{)";
        append_count(chunk, "prompt_tokens", usage.input);
        chunk += ',';
        append_count(chunk, "completion_tokens", usage.output);
        chunk += ',';
        append_count(chunk, "total_tokens",
                     std::max<int64_t>(usage.input, 0)
                         + std::max<int64_t>(usage.output, 0));
        sse::append_event(out, "", chunk + "}}");
    }
    out += sse::kDone;
}

bool opens_block(const json::Document& data) {
    std::string scratch;
    json::NodeId type = data.find(kRoot, "type");
    return type != json::kNoNode
           && data.string(type, scratch) == "content_block_start";
}

void cut_messages(const json::Document& data, const Usage& usage,
                  std::string& out) {
    json::NodeId index = data.empty() ? json::kNoNode
                                      : data.find(kRoot, "index");
    // A block that this event was to open has never been.
    if (index != json::kNoNode && !opens_block(data)) {
        std::string stop = R"({"type":"content_block_stop",)";
        append_count(stop, "index", data.as_int64(index));
        sse::append_event(out, "content_block_stop", stop + '}');
    }
    std::string delta =
        R"({"type":"message_delta","delta":{"stop_reason":"max_tokens",)"
        R"("stop_sequence":null},"usage":{)";
    append_count(delta, "output_tokens", usage.output);
    sse::append_event(out, "message_delta", delta + "}}");
    sse::append_event(out, "message_stop", R"({"type":"message_stop"})");
}

void cut_response(const StreamReader& reader, const sse::Event& event,
                  const Usage& usage, std::string& out) {
    const Answer& answer = reader.answer();
    const ResponsesProgress* progress = reader.progress();
    // What it says is in the text that is now closed.
    out += event.raw;
    int64_t sequence = progress->next_sequence();
    std::string output = progress->close(out, sequence);
    std::string last = R"({"type":"response.incomplete",)";
    append_count(last, "sequence_number", sequence);
    last += R"(,"response":{)";
    append_text(last, "id", answer.id);
    last += R"(,"object":"response",)";
    append_count(last, "created_at", answer.created);
    last += R"(,"status":"incomplete","error":null,"incomplete_details":)"
            R"({"reason":"max_output_tokens"},)";
    append_text(last, "model", answer.model);
    last += R"(,"output":)" + output + R"(,"usage":{)";
    append_count(last, "input_tokens", usage.input);
    last += ',';
    append_count(last, "output_tokens", usage.output);
    last += ',';
    append_count(last, "total_tokens",
                 std::max<int64_t>(usage.input, 0)
                     + std::max<int64_t>(usage.output, 0));
    sse::append_event(out, "response.incomplete", last + "}}}");
}

}  // namespace

void write_cut(const StreamReader& reader, const sse::Event& event,
               const Usage& usage, bool include_usage, std::string& out) {
    const Answer& answer = reader.answer();
    json::Document doc;
    (void) doc.parse(event.data);  // empty where it is none
    switch (answer.endpoint) {
    case Endpoint::kMessages:
        return cut_messages(doc, usage, out);
    case Endpoint::kResponses:
        return cut_response(reader, event, usage, out);
    default:
        return cut_chunks(answer, usage, include_usage, out);
    }
}

}  // namespace llm::api
