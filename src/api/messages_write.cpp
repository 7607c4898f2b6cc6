#include <algorithm>

#include "src/api/messages.hpp"
#include "src/api/protocols.hpp"
#include "src/api/raw_json.hpp"

namespace llm::api {
namespace {

using Kind = Block::Kind;
using json::Document;
using json::kRoot;
using json::NodeId;
using json::Type;

const Choice& choice_of(const Answer& answer) {
    static const Choice kNone;
    return answer.choices.empty() ? kNone : answer.choices[0];
}

// A member with a field of its own, which stands in extras when the field
// could not hold it.
void field(raw::Object& object, Bytes key, const std::string& value) {
    if (!value.empty()) {
        object.text(key, value);
    }
}

// The extras but for those named.
void extras_but(raw::Object& object, const Extras& extras,
                std::initializer_list<Bytes> names) {
    for (const Extra& extra : extras) {
        if (std::find(names.begin(), names.end(), extra.key) == names.end()) {
            object.json(extra.key, extra.raw);
        }
    }
}

// An input that the token limit cut off is no JSON: a string holds it.
void input(raw::Object& object, const Block& block) {
    Document doc;
    if (doc.parse(block.text)) {
        raw::append_compact(object.key("input"), block.text);
    } else {
        object.text("input", block.text);
    }
}

void block_body(std::string& out, const Block& block) {
    if (block.kind == Kind::kOther) {
        raw::append_compact(out, block.raw);
        return;
    }
    raw::Object object(out);
    switch (block.kind) {
        case Kind::kToolCall:
            object.text("type", block.type);
            field(object, "id", block.id);
            field(object, "name", block.name);
            input(object, block);
            break;
        case Kind::kReasoning:
            object.text("type", "thinking");
            object.text("thinking", block.text);
            field(object, "signature", block.signature);
            break;
        default:
            object.text("type", "text");
            object.text("text", block.text);
            break;
    }
    object.extras(block.extra);
    object.end();
}

bool has_citations(const Block& block) {
    const Extra* extra = raw::find(block.extra, "citations");
    return extra != nullptr && extra->raw.size() > 2 &&
           extra->raw.front() == '[';
}

// content_block: the block before its first delta.
void block_start(std::string& out, const Block& block) {
    if (block.kind == Kind::kOther) {
        raw::append_compact(out, block.raw);
        return;
    }
    raw::Object object(out);
    switch (block.kind) {
        case Kind::kToolCall:
            object.text("type", block.type);
            field(object, "id", block.id);
            field(object, "name", block.name);
            object.json("input", "{}");
            break;
        case Kind::kReasoning:
            object.json("type", "\"thinking\"");
            object.json("thinking", "\"\"");
            if (!block.signature.empty()) {
                object.json("signature", "\"\"");
            }
            break;
        default:
            object.json("type", "\"text\"");
            object.json("text", "\"\"");
            break;
    }
    if (block.kind == Kind::kText && has_citations(block)) {
        object.json("citations", "[]");
        extras_but(object, block.extra, {"citations"});
    } else {
        object.extras(block.extra);
    }
    object.end();
}

// Writes the events of one block.
class BlockEvents {
public:
    BlockEvents(std::string& out, size_t index) : out_(out), index_(index) {}

    void write(const Block& block) {
        begin("content_block_start");
        out_ += ",\"content_block\":";
        block_start(out_, block);
        end();
        switch (block.kind) {
            case Kind::kToolCall:
                delta("input_json_delta", "partial_json",
                      block.text.empty() ? Bytes("{}") : Bytes(block.text));
                break;
            case Kind::kReasoning:
                delta("thinking_delta", "thinking", block.text);
                delta("signature_delta", "signature", block.signature);
                break;
            case Kind::kOther:
                break;
            default:
                delta("text_delta", "text", block.text);
                citations(block);
                break;
        }
        begin("content_block_stop");
        end();
    }

private:
    void begin(Bytes type) {
        raw::begin_event(out_, type);
        out_.append("{\"type\":\"").append(type).append("\",\"index\":");
        append_number(out_, static_cast<int64_t>(index_));
    }
    void end() {
        out_ += '}';
        raw::end_event(out_);
    }
    void delta(Bytes type, Bytes key, Bytes text) {
        if (text.empty()) {
            return;
        }
        begin("content_block_delta");
        out_ += ",\"delta\":";
        raw::Object object(out_);
        object.text("type", type);
        object.text(key, text);
        object.end();
        end();
    }
    void citations(const Block& block) {
        Document doc;
        if (!has_citations(block) ||
            !doc.parse(raw::find(block.extra, "citations")->raw)) {
            return;
        }
        for (const NodeId citation : doc.children(kRoot)) {
            begin("content_block_delta");
            out_ += ",\"delta\":{\"type\":\"citations_delta\",\"citation\":";
            raw::append_compact(out_, doc.raw(citation));
            out_ += '}';
            end();
        }
    }

    std::string& out_;
    size_t index_;
};

// Members of usage that only message_start reports.
bool starts_only(Bytes key) {
    return key == "cache_creation" || key == "service_tier" ||
           key == "inference_geo" || key == "speed";
}

// The clients need both counts in message_start and in message_delta, also
// of an answer that came without.
void estimated_usage(std::string& out, const Usage& usage, bool start) {
    const int64_t output = std::max<int64_t>(usage.output, 0);
    raw::Object object(out);
    object.number("input_tokens", std::max<int64_t>(usage.input, 0));
    object.number("output_tokens",
                  start ? std::min<int64_t>(output, 1) : output);
    object.end();
}

// `doc` is usage_raw, empty when the answer came without.
//
// message_start: everything, for clients that take over only a few members
// from message_delta, but output_tokens as at the first token.
void start_usage(std::string& out, const Answer& answer,
                 const Document& doc) {
    if (doc.empty()) {
        estimated_usage(out, answer.usage, true);
        return;
    }
    const NodeId output = doc.find(kRoot, "output_tokens");
    if (doc.is(output, Type::kNumber) && doc.as_int64(output) > 1) {
        raw::append_replaced(out, doc, kRoot, {{"output_tokens", "1"}});
    } else {
        raw::append_compact(out, doc.text());
    }
}

void delta_usage(std::string& out, const Answer& answer,
                 const Document& doc) {
    if (doc.empty()) {
        estimated_usage(out, answer.usage, false);
        return;
    }
    raw::Object object(out);
    for (const NodeId member : doc.children(kRoot)) {
        if (!starts_only(doc.key(member))) {
            raw::append_compact(object.key(doc.key(member)),
                                doc.raw(member));
        }
    }
    object.end();
}

void message_start(std::string& out, const Answer& answer,
                   const Document& usage) {
    const Choice& choice = choice_of(answer);
    raw::begin_event(out, "message_start");
    out += "{\"type\":\"message_start\",\"message\":";
    raw::Object object(out);
    field(object, "id", answer.id);
    field(object, "type", answer.object);
    field(object, "role", choice.role);
    field(object, "model", answer.model);
    object.json("content", "[]");
    for (const Bytes key : {"stop_reason", "stop_sequence", "stop_details"}) {
        if (raw::find(choice.extra, key) != nullptr ||
            (key == "stop_reason" && !choice.finish_reason.empty())) {
            object.json(key, "null");
        }
    }
    // Their last values, for clients that read them here alone.
    for (const Extras* extras : {&choice.extra, &choice.message_extra}) {
        for (const Extra& extra : *extras) {
            if (extra.key == "container" ||
                messages::is_event_member(extra.key)) {
                object.json(extra.key, extra.raw);
            }
        }
    }
    extras_but(object, answer.extra, {"usage"});
    start_usage(object.key("usage"), answer, usage);
    object.end();
    out += '}';
    raw::end_event(out);
}

void message_delta(std::string& out, const Answer& answer,
                   const Document& usage) {
    const Choice& choice = choice_of(answer);
    raw::begin_event(out, "message_delta");
    raw::Object object(out);
    object.json("type", "\"message_delta\"");
    raw::Object delta(object.key("delta"));
    field(delta, "stop_reason", choice.finish_reason);
    delta.extras(choice.extra);
    delta.end();
    delta_usage(object.key("usage"), answer, usage);
    object.extras(choice.message_extra);
    object.end();
    raw::end_event(out);
}

}  // namespace

void write_json_messages(const Answer& answer, std::string& out) {
    if (answer.error) {
        out += error_body(Family::kAnthropic, *answer.error, {});
        return;
    }
    const Choice& choice = choice_of(answer);
    raw::Object object(out);
    field(object, "id", answer.id);
    field(object, "type", answer.object);
    field(object, "role", choice.role);
    field(object, "model", answer.model);
    object.key("content") += '[';
    for (const Block& block : choice.blocks) {
        if (&block != choice.blocks.data()) {
            out += ',';
        }
        block_body(out, block);
    }
    out += ']';
    field(object, "stop_reason", choice.finish_reason);
    object.extras(choice.extra);
    if (!answer.usage_raw.empty()) {
        raw::append_compact(object.key("usage"), answer.usage_raw);
    }
    object.extras(choice.message_extra);
    object.extras(answer.extra);
    object.end();
}

void write_sse_messages(const Answer& answer, const StreamOptions&,
                        std::string& out) {
    const Choice& choice = choice_of(answer);
    Document usage;
    if (usage.parse(answer.usage_raw) && !usage.is(kRoot, Type::kObject)) {
        usage = Document();
    }
    message_start(out, answer, usage);
    for (size_t i = 0; i < choice.blocks.size(); ++i) {
        BlockEvents(out, i).write(choice.blocks[i]);
    }
    if (answer.error) {
        out += error_event(Endpoint::kMessages, *answer.error);
        return;
    }
    message_delta(out, answer, usage);
    raw::begin_event(out, "message_stop");
    out += "{\"type\":\"message_stop\"}";
    raw::end_event(out);
}

}  // namespace llm::api
