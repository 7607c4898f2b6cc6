#include "src/api/messages.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "src/api/protocols.hpp"
#include "src/api/raw_json.hpp"
#include "src/api/usage_json.hpp"

namespace llm::api {
namespace messages {

using json::Document;
using json::kNoNode;
using json::NodeId;
using json::Type;

bool is_tool_use(Bytes type) {
    return type == "tool_use" || type == "server_tool_use";
}

bool is_start_member(Bytes key) {
    return key == "id" || key == "type" || key == "role" || key == "model" ||
           key == "content" || key == "usage";
}

bool is_block_field(Block::Kind kind, Bytes key) {
    switch (kind) {
        case Block::Kind::kOther:
            return false;
        case Block::Kind::kToolCall:
            return key == "id" || key == "name" || key == "input";
        case Block::Kind::kReasoning:
            return key == "thinking" || key == "signature";
        default:
            return key == "text";
    }
}

bool is_delta_member(Bytes key) {
    return key == "stop_reason" || key == "stop_sequence" ||
           key == "stop_details" || key == "container";
}

bool is_event_member(Bytes key) {
    return key == "context_management" || key == "input_transformations";
}

namespace {

// True when the value was a string worth a field of its own.
bool take_string(const Document& doc, NodeId id, std::string& field) {
    std::string scratch;
    const Bytes text = doc.string(id, scratch);
    if (text.empty()) {
        return false;
    }
    field = text;
    return true;
}

std::string* field_of(Answer& answer, Bytes key) {
    if (key == "id") {
        return &answer.id;
    }
    if (key == "type") {
        return &answer.object;
    }
    if (key == "role") {
        return &answer.choices[0].role;
    }
    if (key == "model") {
        return &answer.model;
    }
    if (key == "stop_reason") {
        return &answer.choices[0].finish_reason;
    }
    return nullptr;
}

Extras& extras_of(Answer& answer, Bytes key) {
    if (is_delta_member(key)) {
        return answer.choices[0].extra;
    }
    if (is_event_member(key)) {
        return answer.choices[0].message_extra;
    }
    return answer.extra;
}

Block whole_block(const Document& doc, NodeId node) {
    Block block;
    block.kind = Block::Kind::kOther;
    block.type = raw::text_of(doc, node, "type");
    block.raw = raw::compact(doc.raw(node));
    return block;
}

// The member that holds a block's text.
Bytes text_key(Block::Kind kind) {
    switch (kind) {
        case Block::Kind::kText:
            return "text";
        case Block::Kind::kReasoning:
            return "thinking";
        default:
            return "input";
    }
}

// A body has the text as a string and the input as an object; the start of a
// stream may lack either. Everything else is kept whole.
bool has_known_shape(const Document& doc, NodeId node, Block::Kind kind,
                     bool start) {
    const NodeId text = doc.find(node, text_key(kind));
    if (text == kNoNode) {
        return start;
    }
    const bool tool = kind == Block::Kind::kToolCall;
    return doc.is(text, tool ? Type::kObject : Type::kString);
}

void read_members(const Document& doc, NodeId node, Block& block) {
    const bool tool = block.kind == Block::Kind::kToolCall;
    std::string scratch;
    for (const NodeId member : doc.children(node)) {
        const Bytes key = doc.key(member);
        if (key == "type") {
            continue;
        }
        if (key == text_key(block.kind)) {
            if (tool) {
                raw::append_compact(block.text, doc.raw(member));
            } else {
                block.text = doc.string(member, scratch);
            }
            continue;
        }
        const bool taken =
            (tool && key == "id" && take_string(doc, member, block.id)) ||
            (tool && key == "name" && take_string(doc, member, block.name)) ||
            (block.kind == Block::Kind::kReasoning && key == "signature" &&
             take_string(doc, member, block.signature));
        if (!taken) {
            block.extra.push_back(
                {std::string(key), raw::compact(doc.raw(member))});
        }
    }
}

int status_of(Bytes type) {
    constexpr std::array<std::pair<Bytes, int>, 11> kStatus = {{
        {"invalid_request_error", 400},
        {"authentication_error", 401},
        {"billing_error", 402},
        {"permission_error", 403},
        {"not_found_error", 404},
        {"conflict_error", 409},
        {"request_too_large", 413},
        {"rate_limit_error", 429},
        {"api_error", 500},
        {"timeout_error", 504},
        {"overloaded_error", 529},
    }};
    for (const auto& [name, status] : kStatus) {
        if (name == type) {
            return status;
        }
    }
    return 500;
}

}  // namespace

void read_message(const Document& doc, NodeId message, Answer& answer) {
    for (const NodeId member : doc.children(message)) {
        const Bytes key = doc.key(member);
        if (key == "content") {
            continue;
        }
        if (key == "usage" && doc.is(member, Type::kObject)) {
            answer.usage_raw = raw::compact(doc.raw(member));
            continue;
        }
        std::string* field = field_of(answer, key);
        if (field == nullptr || !take_string(doc, member, *field)) {
            extras_of(answer, key).push_back(
                {std::string(key), raw::compact(doc.raw(member))});
        }
    }
}

Block read_block(const Document& doc, NodeId node, bool start) {
    const std::string type = raw::text_of(doc, node, "type");
    Block block;
    if (type == "text") {
        block.kind = Block::Kind::kText;
    } else if (type == "thinking") {
        block.kind = Block::Kind::kReasoning;
    } else if (is_tool_use(type)) {
        block.kind = Block::Kind::kToolCall;
    } else {
        return whole_block(doc, node);
    }
    if (!has_known_shape(doc, node, block.kind, start)) {
        return whole_block(doc, node);
    }
    block.type = type;
    read_members(doc, node, block);
    return block;
}

namespace {

// What `iterations` names beside the steps of the answer itself, which alone
// the totals hold (https://platform.claude.com/docs, "Compaction" and "Advisor
// tool"). Only to totals of the same report, so that one that comes again adds
// nothing.
void add_steps(const Document& doc, NodeId node, Usage& usage) {
    const NodeId steps = doc.find(node, "iterations");
    if (!doc.is(steps, Type::kArray) || !usage.known() ||
        doc.find(node, "input_tokens") == json::kNoNode ||
        doc.find(node, "output_tokens") == json::kNoNode) {
        return;
    }
    for (const NodeId child : doc.children(steps)) {
        const std::string type = raw::text_of(doc, child, "type");
        if (type != "compaction" && type != "advisor_message") {
            continue;
        }
        Usage step;
        merge_usage(doc, child, false, step);
        usage.absurd = usage.absurd || step.absurd;
        usage.cached_input += step.cached_input;
        usage.cache_write += step.cache_write;
        usage.cache_write_1h += step.cache_write_1h;
        usage.input += std::max<int64_t>(step.input, 0);
        usage.output += std::max<int64_t>(step.output, 0);
    }
}

// Whether a member that is there is that word.
void read_word(const Document& doc, NodeId node, Bytes key, Bytes word,
               bool& out) {
    const NodeId member = doc.find(node, key);
    if (doc.is(member, Type::kString)) {
        std::string scratch;
        out = doc.string(member, scratch) == word;
    }
}

}  // namespace

void merge_usage(const Document& doc, NodeId node, bool provisional,
                 Usage& usage) {
    const auto read = [&](NodeId object, Bytes key, int64_t& out) {
        return read_count(doc, doc.find(object, key), out, usage.absurd);
    };
    int64_t plain = usage.input < 0 ? Usage::kUnknown
                                    : usage.input - usage.cached_input -
                                          usage.cache_write;
    read(node, "input_tokens", plain);
    read(node, "cache_read_input_tokens", usage.cached_input);
    const bool total =
        read(node, "cache_creation_input_tokens", usage.cache_write);
    const NodeId writes = doc.find(node, "cache_creation");
    int64_t write_5m = 0;
    const bool known_5m = read(writes, "ephemeral_5m_input_tokens", write_5m);
    const bool known_1h =
        read(writes, "ephemeral_1h_input_tokens", usage.cache_write_1h);
    if (!total && known_5m && known_1h) {
        usage.cache_write = write_5m + usage.cache_write_1h;
    }
    usage.cache_write_1h = std::min(usage.cache_write_1h, usage.cache_write);
    if (plain >= 0) {
        usage.input = plain + usage.cached_input + usage.cache_write;
    }
    const Service service = read_service(doc, node);
    if (service != Service::kUnsaid) {
        usage.service = service;
    }
    read_word(doc, node, "speed", "fast", usage.fast);
    read_word(doc, node, "inference_geo", "us", usage.in_us);
    if (provisional) {
        return;
    }
    read(node, "output_tokens", usage.output);
    read(doc.find(node, "output_tokens_details"), "thinking_tokens",
         usage.reasoning);
    if (usage.output >= 0) {
        usage.reasoning = std::min(usage.reasoning, usage.output);
    }
    add_steps(doc, node, usage);
}

ApiError read_error(const Document& doc, NodeId node) {
    ApiError error;
    error.type = raw::text_of(doc, node, "type");
    error.message = raw::text_of(doc, node, "message");
    error.status = status_of(error.type);
    return error;
}

}  // namespace messages

Result<Answer> read_json_messages(Bytes body) {
    using messages::read_block;
    json::Document doc;
    if (const Result<void> parsed = doc.parse(body); !parsed) {
        return parsed.error();
    }
    Answer answer;
    answer.endpoint = Endpoint::kMessages;
    const json::NodeId error = doc.find(json::kRoot, "error");
    if (doc.is(error, json::Type::kObject)) {
        answer.error = messages::read_error(doc, error);
        return answer;
    }
    const json::NodeId content = doc.find(json::kRoot, "content");
    if (!doc.is(content, json::Type::kArray)) {
        return Error{Errc::kInvalid, "a message without content"};
    }
    answer.choices.emplace_back();
    messages::read_message(doc, json::kRoot, answer);
    std::vector<Block>& blocks = answer.choices[0].blocks;
    blocks.reserve(doc.size(content));
    for (const json::NodeId node : doc.children(content)) {
        blocks.push_back(read_block(doc, node, false));
        blocks.back().index = static_cast<int64_t>(blocks.size()) - 1;
    }
    messages::merge_usage(doc, doc.find(json::kRoot, "usage"), false,
                          answer.usage);
    answer.complete = true;
    return answer;
}

}  // namespace llm::api
