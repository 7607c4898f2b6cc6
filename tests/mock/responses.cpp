// OpenAI's POST /v1/responses, JSON and events.
#include "tests/mock/reply.hpp"
#include "tests/mock/text.hpp"

namespace llm::mock {

namespace {

class ResponseWriter {
public:
    explicit ResponseWriter(const Ask& ask)
        : ask_(ask), content_(make_content(ask, 0)) {
        suffix_ = hex(ask.hash, 46);
        const std::string& finish = content_.finish;
        if (finish == "length" || finish == "max_tokens"
            || finish == "max_output_tokens") {
            reason_ = "max_output_tokens";
        } else if (finish == "content_filter") {
            reason_ = "content_filter";
        }
        status_ = finish == "failed" ? "failed"
                  : reason_.empty()  ? "completed"
                                     : "incomplete";
    }

    void write_json(std::string& out) const {
        object(out, status_, output(), usage());
    }
    void write_stream(Reply& reply);

private:
    std::string usage() const;
    std::string output() const;
    void echo(std::string& out, std::string_view name,
              std::string_view otherwise) const;
    void object(std::string& out, const std::string& status,
                const std::string& output, const std::string& usage) const;
    std::string reasoning_item(bool whole) const;
    std::string message_item(bool whole) const;
    std::string part(bool whole) const;
    std::string call_item(const Call& call, bool whole) const;
    void event(Reply& reply, const std::string& type, const std::string& rest,
               bool delta = false);
    void snapshot(Reply& reply, const std::string& type,
                  const std::string& status, const std::string& output,
                  const std::string& usage);
    void stream_reasoning(Reply& reply);
    void stream_message(Reply& reply);
    void stream_call(Reply& reply, const Call& call);
    void stream_end(Reply& reply);

    std::string at() const { return ",\"output_index\":" + text_of(index_); }

    const Ask& ask_;
    Content content_;
    std::string suffix_;
    std::string reason_;
    std::string status_;
    std::uint64_t sequence_ = 0;
    std::uint64_t index_ = 0;
};

std::string ResponseWriter::usage() const {
    Usage usage = usage_of(ask_, content_);
    if (usage.mode == "none" || status_ == "failed") {
        return "null";
    }
    auto count = [&](std::uint64_t n) { return count_text(n, usage.mode); };
    std::string out = "{\"input_tokens\":" + count(usage.prompt);
    out += ",\"input_tokens_details\":{\"cached_tokens\":"
           + text_of(usage.cached) + "},\"output_tokens\":"
           + count(usage.completion)
           + ",\"output_tokens_details\":{\"reasoning_tokens\":"
           + text_of(usage.reasoning) + "},\"total_tokens\":"
           + count(usage.prompt + usage.completion) + "}";
    return out;
}

void ResponseWriter::echo(std::string& out, std::string_view name,
                          std::string_view otherwise) const {
    Value value = ask_.root.get(name);
    out += ",\"" + std::string(name) + "\":";
    out += value.present() ? value.raw() : otherwise;
}

void ResponseWriter::object(std::string& out, const std::string& status,
                            const std::string& output,
                            const std::string& usage) const {
    out += "{\"id\":\"resp_" + suffix_
           + "\",\"object\":\"response\",\"created_at\":"
           + text_of(ask_.created) + ",\"status\":\"" + status
           + "\",\"background\":false,\"error\":";
    out += status == "failed"
               ? "{\"code\":\"server_error\",\"message\":\"The mock upstream "
                 "was told to fail.\"}"
               : "null";
    out += ",\"incomplete_details\":";
    out += status == "incomplete" ? "{\"reason\":\"" + reason_ + "\"}"
                                  : std::string("null");
    echo(out, "instructions", "null");
    echo(out, "max_output_tokens", "null");
    out += ",\"model\":" + quoted(ask_.model) + ",\"output\":[" + output + "]";
    echo(out, "parallel_tool_calls", "true");
    echo(out, "previous_response_id", "null");
    echo(out, "reasoning", "{\"effort\":null,\"summary\":null}");
    out += ",\"service_tier\":\"default\"";
    echo(out, "store", "true");
    echo(out, "temperature", "1.0");
    echo(out, "text", "{\"format\":{\"type\":\"text\"}}");
    echo(out, "tool_choice", "\"auto\"");
    echo(out, "tools", "[]");
    echo(out, "top_p", "1.0");
    echo(out, "truncation", "\"disabled\"");
    out += ",\"usage\":" + usage;
    echo(out, "user", "null");
    echo(out, "metadata", "{}");
    out += '}';
}

std::string ResponseWriter::reasoning_item(bool whole) const {
    std::string out = "{\"id\":\"rs_" + suffix_
                      + "\",\"type\":\"reasoning\",\"summary\":[";
    if (whole) {
        out += "{\"type\":\"summary_text\",\"text\":"
               + quoted(content_.reasoning) + "}";
    }
    return out + "]}";
}

std::string ResponseWriter::part(bool whole) const {
    if (!content_.refusal.empty()) {
        return "{\"type\":\"refusal\",\"refusal\":"
               + (whole ? quoted(content_.refusal) : std::string("\"\""))
               + "}";
    }
    std::string out = "{\"type\":\"output_text\",\"annotations\":[";
    if (whole && ask_.knobs.annotations) {
        out += "{\"type\":\"url_citation\",\"end_index\":4,\"start_index\":0,"
               "\"title\":\"Example\",\"url\":\"https://example.com/\"}";
    }
    out += "],\"logprobs\":[],\"text\":";
    return out + (whole ? quoted(content_.text) : std::string("\"\"")) + "}";
}

std::string ResponseWriter::message_item(bool whole) const {
    std::string status = !whole                    ? "in_progress"
                         : status_ == "incomplete" ? "incomplete"
                                                   : "completed";
    return "{\"id\":\"msg_" + suffix_ + "\",\"type\":\"message\",\"status\":\""
           + status + "\",\"content\":[" + (whole ? part(true) : "")
           + "],\"role\":\"assistant\"}";
}

std::string ResponseWriter::call_item(const Call& call, bool whole) const {
    return "{\"id\":\"fc_" + call.id
           + "\",\"type\":\"function_call\",\"status\":\""
           + (whole ? "completed" : "in_progress") + "\",\"arguments\":"
           + (whole ? quoted(call.arguments) : std::string("\"\""))
           + ",\"call_id\":\"call_" + call.id + "\",\"name\":"
           + quoted(call.name) + "}";
}

std::string ResponseWriter::output() const {
    std::string out;
    auto add = [&out](const std::string& item) {
        out += (out.empty() ? "" : ",") + item;
    };
    if (!content_.reasoning.empty()) {
        add(reasoning_item(true));
    }
    for (const Call& call : content_.calls) {
        add(call_item(call, true));
    }
    if (content_.calls.empty()) {
        add(message_item(true));
    }
    return out;
}

void ResponseWriter::event(Reply& reply, const std::string& type,
                           const std::string& rest, bool delta) {
    std::string data = "{\"type\":\"" + type + "\",\"sequence_number\":"
                       + text_of(sequence_++) + rest;
    if (delta && ask_.knobs.obfuscation) {
        std::uint64_t seed = mix(rest, sequence_);
        data += ",\"obfuscation\":\"" + letters(seed, 2 + seed % 14) + '"';
    }
    reply.event(type, data + "}", delta);
}

void ResponseWriter::snapshot(Reply& reply, const std::string& type,
                              const std::string& status,
                              const std::string& output,
                              const std::string& usage) {
    std::string rest = ",\"response\":";
    object(rest, status, output, usage);
    event(reply, type, rest);
}

void ResponseWriter::stream_reasoning(Reply& reply) {
    std::string item = ",\"item_id\":\"rs_" + suffix_ + '"';
    std::string where = item + at() + ",\"summary_index\":0";
    std::string type = "response.reasoning_summary_";
    event(reply, "response.output_item.added",
          at() + ",\"item\":" + reasoning_item(false));
    event(reply, type + "part.added",
          where + ",\"part\":{\"type\":\"summary_text\",\"text\":\"\"}");
    for (const std::string& piece : pieces(content_.reasoning, 0)) {
        event(reply, type + "text.delta",
              where + ",\"delta\":" + quoted(piece));
    }
    event(reply, type + "text.done",
          where + ",\"text\":" + quoted(content_.reasoning));
    event(reply, type + "part.done",
          where + ",\"part\":{\"type\":\"summary_text\",\"text\":"
              + quoted(content_.reasoning) + "}");
    event(reply, "response.output_item.done",
          at() + ",\"item\":" + reasoning_item(true));
    ++index_;
}

void ResponseWriter::stream_message(Reply& reply) {
    bool refused = !content_.refusal.empty();
    std::string where = ",\"item_id\":\"msg_" + suffix_ + '"' + at()
                        + ",\"content_index\":0";
    std::string kind = refused ? "refusal" : "output_text";
    std::string probs = refused ? "" : ",\"logprobs\":[]";
    event(reply, "response.output_item.added",
          at() + ",\"item\":" + message_item(false));
    event(reply, "response.content_part.added",
          where + ",\"part\":" + part(false));
    for (const std::string& piece :
         refused ? pieces(content_.refusal, 0) : content_.pieces) {
        event(reply, "response." + kind + ".delta",
              where + ",\"delta\":" + quoted(piece) + probs, true);
    }
    if (!refused && ask_.knobs.annotations) {
        event(reply, "response.output_text.annotation.added",
              where
                  + ",\"annotation_index\":0,\"annotation\":{\"type\":"
                    "\"url_citation\",\"end_index\":4,\"start_index\":0,"
                    "\"title\":\"Example\",\"url\":\"https://example.com/\"}");
    }
    event(reply, "response." + kind + ".done",
          where + (refused ? ",\"refusal\":" + quoted(content_.refusal)
                           : probs + ",\"text\":" + quoted(content_.text)));
    event(reply, "response.content_part.done",
          where + ",\"part\":" + part(true));
    event(reply, "response.output_item.done",
          at() + ",\"item\":" + message_item(true));
    ++index_;
}

void ResponseWriter::stream_call(Reply& reply, const Call& call) {
    std::string where = ",\"item_id\":\"fc_" + call.id + '"' + at();
    std::string type = "response.function_call_arguments.";
    event(reply, "response.output_item.added",
          at() + ",\"item\":" + call_item(call, false));
    for (const std::string& piece :
         pieces(call.arguments, 1 + call.arguments.size() / 6)) {
        event(reply, type + "delta", where + ",\"delta\":" + quoted(piece));
    }
    event(reply, type + "done",
          where + ",\"name\":" + quoted(call.name) + ",\"arguments\":"
              + quoted(call.arguments));
    event(reply, "response.output_item.done",
          at() + ",\"item\":" + call_item(call, true));
    ++index_;
}

void ResponseWriter::stream_end(Reply& reply) {
    bool late = ask_.knobs.usage == "after_done";
    if (ask_.knobs.done != "none") {
        snapshot(reply, "response." + status_, status_, output(),
                 late ? "null" : usage());
    }
    if (late) {
        snapshot(reply, "response." + status_, status_, output(), usage());
    }
}

void ResponseWriter::write_stream(Reply& reply) {
    const std::string& mode = ask_.knobs.usage;
    bool early = mode == "early" || mode == "double" || mode == "every";
    std::string first = early ? usage() : "null";
    snapshot(reply, "response.created", "in_progress", "", first);
    snapshot(reply, "response.in_progress", "in_progress", "", first);
    if (!content_.reasoning.empty()) {
        stream_reasoning(reply);
    }
    for (const Call& call : content_.calls) {
        stream_call(reply, call);
    }
    if (content_.calls.empty()) {
        stream_message(reply);
    }
    stream_end(reply);
}

}  // namespace

Reply responses_reply(const Ask& ask) {
    if (!ask.root.get("input").present()) {
        return error_reply(ask, 400, "Missing required parameter: 'input'.");
    }
    return reply_of<ResponseWriter>(ask);
}

}  // namespace llm::mock
