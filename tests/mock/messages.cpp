// Anthropic's POST /v1/messages, JSON and events.
#include <algorithm>

#include "tests/mock/reply.hpp"
#include "tests/mock/text.hpp"

namespace llm::mock {

namespace {

class MessageWriter {
public:
    explicit MessageWriter(const Ask& ask)
        : ask_(ask), content_(make_content(ask, 0)) {
        usage_ = usage_of(ask, content_);
        stop_reason_ = content_.finish;
        if (!content_.refusal.empty() || stop_reason_ == "content_filter") {
            stop_reason_ = "refusal";
        } else if (stop_reason_ == "stop") {
            stop_reason_ = content_.stop_sequence.empty() ? "end_turn"
                                                          : "stop_sequence";
        } else if (stop_reason_ == "length") {
            stop_reason_ = "max_tokens";
        } else if (stop_reason_ == "tool_calls") {
            stop_reason_ = "tool_use";
        }
    }

    void write_json(std::string& out) const;
    void write_stream(Reply& reply);

private:
    void head(std::string& out) const;
    std::string stop() const;
    std::string input_usage(std::uint64_t input) const;
    std::string usage(std::uint64_t input, std::uint64_t output) const;
    std::string signature() const;
    std::string call_block(const Call& call, bool whole) const;
    void event(Reply& reply, const std::string& type, const std::string& rest,
               bool delta = false) const;
    void block_start(Reply& reply, const std::string& block);
    void block_delta(Reply& reply, const std::string& delta,
                     bool text = false) const;
    void block_stop(Reply& reply);
    void stream_start(Reply& reply) const;
    void stream_thinking(Reply& reply);
    void stream_text(Reply& reply);
    void stream_call(Reply& reply, const Call& call);
    void stream_end(Reply& reply) const;
    void message_delta(Reply& reply, bool last, bool with_usage,
                       std::uint64_t output) const;

    const Ask& ask_;
    Content content_;
    Usage usage_;
    std::string stop_reason_;
    std::uint64_t index_ = 0;
};

void MessageWriter::head(std::string& out) const {
    out += "{\"id\":\"msg_01" + letters(ask_.hash, 22)
           + "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
           + quoted(ask_.model) + ",\"content\":[";
}

std::string MessageWriter::stop() const {
    std::string out = "\"stop_reason\":" + quoted(stop_reason_);
    out += ",\"stop_sequence\":";
    out += stop_reason_ == "stop_sequence" ? quoted(content_.stop_sequence)
                                           : "null";
    if (stop_reason_ == "refusal") {
        out += ",\"stop_details\":{\"type\":\"refusal\",\"category\":null,"
               "\"explanation\":\"This request was refused.\"}";
    }
    return out;
}

std::string MessageWriter::input_usage(std::uint64_t input) const {
    return "\"input_tokens\":" + count_text(input, usage_.mode)
           + ",\"cache_creation_input_tokens\":" + text_of(usage_.cache_write)
           + ",\"cache_read_input_tokens\":" + text_of(usage_.cached);
}

std::string MessageWriter::usage(std::uint64_t input,
                                 std::uint64_t output) const {
    return "{" + input_usage(input)
           + ",\"cache_creation\":{\"ephemeral_5m_input_tokens\":"
           + text_of(usage_.cache_write)
           + ",\"ephemeral_1h_input_tokens\":0},\"output_tokens\":"
           + count_text(output, usage_.mode)
           + ",\"service_tier\":\"standard\"}";
}

// Opaque to clients; base64, as the real ones are.
std::string MessageWriter::signature() const {
    return base64(letters(ask_.hash + 5, 96));
}

std::string MessageWriter::call_block(const Call& call, bool whole) const {
    return "{\"type\":\"tool_use\",\"id\":\"toolu_01" + call.id
           + "\",\"name\":" + quoted(call.name)
           + ",\"input\":" + (whole ? call.arguments : "{}") + "}";
}

void MessageWriter::write_json(std::string& out) const {
    head(out);
    const char* comma = "";
    if (!content_.reasoning.empty()) {
        out += "{\"type\":\"thinking\",\"thinking\":"
               + quoted(content_.reasoning) + ",\"signature\":\""
               + signature() + "\"}";
        comma = ",";
    }
    if (content_.calls.empty() && content_.refusal.empty()) {
        out += comma;
        out += "{\"type\":\"text\",\"text\":" + quoted(content_.text) + "}";
    }
    for (const Call& call : content_.calls) {
        out += comma + call_block(call, true);
        comma = ",";
    }
    out += "]," + stop();
    if (usage_.mode != "none") {
        out += ",\"usage\":" + usage(usage_.prompt, usage_.completion);
    }
    out += '}';
}

void MessageWriter::event(Reply& reply, const std::string& type,
                          const std::string& rest, bool delta) const {
    reply.event(type, "{\"type\":\"" + type + '"' + rest + "}", delta);
}

void MessageWriter::block_start(Reply& reply, const std::string& block) {
    event(reply, "content_block_start",
          ",\"index\":" + text_of(index_) + ",\"content_block\":" + block);
    if (ask_.knobs.ping && index_ == 0) {
        reply.event("ping", "{\"type\": \"ping\"}");
    }
}

void MessageWriter::block_delta(Reply& reply, const std::string& delta,
                                bool text) const {
    event(reply, "content_block_delta",
          ",\"index\":" + text_of(index_) + ",\"delta\":" + delta, text);
}

void MessageWriter::block_stop(Reply& reply) {
    event(reply, "content_block_stop", ",\"index\":" + text_of(index_++));
}

void MessageWriter::stream_start(Reply& reply) const {
    std::uint64_t input =
        ask_.knobs.revise ? usage_.prompt / 2 : usage_.prompt;
    std::string rest = ",\"message\":";
    head(rest);
    rest += "],\"stop_reason\":null,\"stop_sequence\":null";
    if (usage_.mode != "none") {
        rest += ",\"usage\":" + usage(input, 1);
    }
    event(reply, "message_start", rest + "}");
}

void MessageWriter::stream_thinking(Reply& reply) {
    block_start(reply,
                "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}");
    for (const std::string& piece : pieces(content_.reasoning, 0)) {
        block_delta(reply, "{\"type\":\"thinking_delta\",\"thinking\":"
                               + quoted(piece) + "}");
    }
    block_delta(reply, "{\"type\":\"signature_delta\",\"signature\":\""
                           + signature() + "\"}");
    block_stop(reply);
}

void MessageWriter::stream_text(Reply& reply) {
    std::uint64_t spoken = 0;
    block_start(reply, "{\"type\":\"text\",\"text\":\"\"}");
    for (const std::string& piece : content_.pieces) {
        block_delta(reply,
                    "{\"type\":\"text_delta\",\"text\":" + quoted(piece) + "}",
                    true);
        if (usage_.mode == "every") {
            spoken += tokens_of(piece);
            message_delta(reply, false, true,
                          std::min(spoken, usage_.completion));
        }
    }
    block_stop(reply);
}

void MessageWriter::stream_call(Reply& reply, const Call& call) {
    block_start(reply, call_block(call, false));
    auto delta = [&](std::string_view piece) {
        block_delta(reply, "{\"type\":\"input_json_delta\",\"partial_json\":"
                               + quoted(piece) + "}");
    };
    delta("");
    for (const std::string& piece :
         pieces(call.arguments, 1 + call.arguments.size() / 6)) {
        delta(piece);
    }
    block_stop(reply);
}

void MessageWriter::message_delta(Reply& reply, bool last, bool with_usage,
                                  std::uint64_t output) const {
    std::string rest = ",\"delta\":{";
    rest += last ? stop() : "\"stop_reason\":null,\"stop_sequence\":null";
    rest += '}';
    if (with_usage) {
        rest += ",\"usage\":{";
        rest += ask_.knobs.revise ? input_usage(usage_.prompt) + ","
                                  : std::string();
        rest += "\"output_tokens\":" + count_text(output, usage_.mode) + "}";
    }
    event(reply, "message_delta", rest);
}

void MessageWriter::stream_end(Reply& reply) const {
    bool late = usage_.mode == "after_done";
    bool known = usage_.mode != "none" && usage_.mode != "early" && !late;
    if (usage_.mode == "double") {
        message_delta(reply, false, true, usage_.completion / 2);
    }
    message_delta(reply, true, known, usage_.completion);
    if (ask_.knobs.done != "none") {
        event(reply, "message_stop", "");
    }
    if (late) {
        message_delta(reply, true, true, usage_.completion);
    }
}

void MessageWriter::write_stream(Reply& reply) {
    stream_start(reply);
    if (usage_.mode == "early") {
        message_delta(reply, false, true, usage_.completion);
    }
    if (!content_.reasoning.empty()) {
        stream_thinking(reply);
    }
    for (const Call& call : content_.calls) {
        stream_call(reply, call);
    }
    if (content_.calls.empty() && content_.refusal.empty()) {
        stream_text(reply);
    }
    stream_end(reply);
}

}  // namespace

Reply messages_reply(const Ask& ask) {
    return reply_of<MessageWriter>(ask);
}

}  // namespace llm::mock
