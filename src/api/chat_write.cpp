// Writes OpenAI chat completions, body and stream.
#include <algorithm>
#include <utility>

#include "src/api/chunk_writer.hpp"
#include "src/api/protocols.hpp"
#include "src/json/document.hpp"

namespace llm::api {

namespace {

constexpr Bytes kFunction = "function";

Bytes member_of(const Block& block) {
    switch (block.kind) {
        case Block::Kind::kRefusal:
            return "refusal";
        case Block::Kind::kReasoning:
            return block.type.empty() ? Bytes("reasoning_content")
                                      : Bytes(block.type);
        default:
            return "content";
    }
}

bool is_legacy(const Block& block) {
    return block.kind == Block::Kind::kToolCall && block.index < 0;
}

bool is_tool(const Block& block) {
    return block.kind == Block::Kind::kToolCall && block.index >= 0;
}

// The members of `function` that have no field are an object in extra; its
// "arguments" are those that were no string.
void write_function(const Block& block, raw::Object& call) {
    const Extra* more = raw::find(block.extra, kFunction);
    json::Document members;
    if (more != nullptr && (!members.parse(more->raw) ||
                            !members.is(json::kRoot, json::Type::kObject))) {
        call.json(kFunction, more->raw);
        return;
    }
    if (more == nullptr && block.name.empty() && block.text.empty() &&
        block.type != kFunction) {
        return;
    }
    raw::Object function(call.key(kFunction));
    if (!block.name.empty()) {
        function.text("name", block.name);
    }
    if (more == nullptr ||
        members.find(json::kRoot, "arguments") == json::kNoNode) {
        function.text("arguments", block.text);
    }
    if (more != nullptr) {
        for (const json::NodeId member : members.children(json::kRoot)) {
            function.json(members.key(member), members.raw(member));
        }
    }
    function.end();
}

// One element of tool_calls. `position` is its place in a body; a stream
// says the index always.
void write_tool(const Block& block, bool stream, int64_t position,
                std::string& out) {
    raw::Object call(out);
    const bool said = raw::find(block.extra, "index") != nullptr;
    if (stream || (!said && block.index != position)) {
        call.number("index", block.index);
    }
    if (!block.id.empty()) {
        call.text("id", block.id);
    }
    if (!block.type.empty()) {
        call.text("type", block.type);
    }
    write_function(block, call);
    for (const Extra& extra : block.extra) {
        if (extra.key != kFunction && (extra.key != "index" || !stream)) {
            call.json(extra.key, extra.raw);
        }
    }
    call.end();
}

void write_legacy(const Block& block, raw::Object& message) {
    raw::Object call(message.key("function_call"));
    call.text("name", block.name);
    call.text("arguments", block.text);
    call.end();
}

void write_tools(const std::vector<Block>& blocks, raw::Object& message) {
    std::string* out = nullptr;
    int64_t position = 0;
    for (const Block& block : blocks) {
        if (!is_tool(block)) {
            continue;
        }
        if (out == nullptr) {
            out = &message.key("tool_calls");
            *out += '[';
        } else {
            *out += ',';
        }
        write_tool(block, false, position++, *out);
    }
    if (out != nullptr) {
        *out += ']';
    }
}

void write_message(const Choice& choice, raw::Object& message) {
    if (!choice.role.empty()) {
        message.text("role", choice.role);
    }
    if (choice.content_null) {
        message.json("content", "null");
    }
    for (const Block& block : choice.blocks) {
        if (is_legacy(block)) {
            write_legacy(block, message);
        } else if (block.kind == Block::Kind::kText ||
                   block.kind == Block::Kind::kRefusal ||
                   block.kind == Block::Kind::kReasoning) {
            message.text(member_of(block), block.text);
        }
    }
    write_tools(choice.blocks, message);
    message.extras(choice.message_extra);
}

void write_choice(const Choice& choice, std::string& out) {
    raw::Object object(out);
    object.number("index", choice.index);
    if (!has_extra(choice.extra, "message")) {
        raw::Object message(object.key("message"));
        write_message(choice, message);
        message.end();
    }
    if (!choice.logprobs.empty()) {
        object.json("logprobs", choice.logprobs);
    }
    if (!choice.finish_reason.empty()) {
        object.text("finish_reason", choice.finish_reason);
    }
    object.extras(choice.extra);
    object.end();
}

// One choice of a stream: its role, one delta a block, its finish reason.
class ChoiceStream {
public:
    ChoiceStream(ChunkWriter& chunks, const Choice& choice, std::string& out)
        : chunks_(chunks), choice_(choice), out_(out),
          logprobs_(choice.logprobs) {}

    void write() {
        write_role();
        for (const Block& block : choice_.blocks) {
            if (block.kind != Block::Kind::kOther) {
                write_block(block);
            }
        }
        write_end();
    }

private:
    void write_role() {
        raw::Object object = chunks_.begin_choice(choice_);
        raw::Object delta(object.key("delta"));
        delta.text("role", choice_.role.empty() ? Bytes("assistant")
                                                : Bytes(choice_.role));
        const auto& blocks = choice_.blocks;
        const bool text = std::any_of(
            blocks.begin(), blocks.end(), [](const Block& block) {
                return block.kind == Block::Kind::kText;
            });
        if (text) {
            delta.json("content", "\"\"");
        } else if (choice_.content_null) {
            delta.json("content", "null");
        }
        for (const Extra& extra : choice_.message_extra) {
            if (extra.key != "role") {
                delta.json(extra.key, extra.raw);
            }
        }
        end_delta(object, delta, {});
    }

    void write_block(const Block& block) {
        const bool tool = block.kind == Block::Kind::kToolCall;
        if (block.text.empty() && block.kind == Block::Kind::kText) {
            return;  // the role's chunk has said it
        }
        raw::Object object = chunks_.begin_choice(choice_);
        raw::Object delta(object.key("delta"));
        if (is_legacy(block)) {
            write_legacy(block, delta);
        } else if (tool) {
            delta.key("tool_calls") += '[';
            write_tool(block, true, 0, out_);
            out_ += ']';
        } else {
            delta.text(member_of(block), block.text);
        }
        const bool spoken = block.kind == Block::Kind::kText ||
                            block.kind == Block::Kind::kRefusal;
        end_delta(object, delta, spoken ? take_logprobs() : Bytes());
    }

    void write_end() {
        raw::Object object = chunks_.begin_choice(choice_);
        object.json("delta", "{}");
        const Bytes logprobs = take_logprobs();
        if (!logprobs.empty()) {
            object.json("logprobs", logprobs);
        }
        if (!choice_.finish_reason.empty()) {
            object.text("finish_reason", choice_.finish_reason);
        } else if (!has_extra(choice_.extra, "finish_reason")) {
            object.json("finish_reason", "null");
        }
        for (const Extra& extra : choice_.extra) {
            // A body's own members that mean something else in a stream.
            if (extra.key != "message" && extra.key != "delta") {
                object.json(extra.key, extra.raw);
            }
        }
        chunks_.end_choice(object);
    }

    void end_delta(raw::Object& object, raw::Object& delta, Bytes logprobs) {
        delta.end();
        if (!logprobs.empty()) {
            object.json("logprobs", logprobs);
        }
        object.json("finish_reason", "null");
        chunks_.end_choice(object);
    }

    // The whole of them once, with the first text.
    Bytes take_logprobs() { return std::exchange(logprobs_, Bytes()); }

    ChunkWriter& chunks_;
    const Choice& choice_;
    std::string& out_;
    Bytes logprobs_;
};

}  // namespace

void write_json_chat(const Answer& answer, std::string& out) {
    write_body(answer, write_choice, out);
}

void write_sse_chat(const Answer& answer, const StreamOptions& options,
                    std::string& out) {
    const Bytes object = answer.object == "chat.completion"
                             ? Bytes("chat.completion.chunk")
                             : Bytes(answer.object);
    ChunkWriter chunks(answer, object, options, out);
    for (const Choice& choice : answer.choices) {
        ChoiceStream(chunks, choice, out).write();
    }
    chunks.finish();
}

}  // namespace llm::api
