// OpenAI's POST /v1/chat/completions, JSON and chunks.
#include <algorithm>

#include "tests/mock/reply.hpp"
#include "tests/mock/text.hpp"

namespace llm::mock {

namespace {

constexpr std::uint64_t kMaxChoices = 128;

// One token's entry of the logprobs object.
void append_logprob(std::string& out, std::string_view token,
                    std::uint64_t alternatives) {
    auto entry = [&out](std::string_view text, int rank) {
        out += "{\"token\":";
        append_quoted(out, text);
        out += ",\"logprob\":-" + std::to_string(rank) + ".125,\"bytes\":[";
        for (std::size_t i = 0; i < text.size(); ++i) {
            out += i > 0 ? "," : "";
            out += text_of(static_cast<unsigned char>(text[i]));
        }
        out += ']';
    };
    entry(token, 0);
    out += ",\"top_logprobs\":[";
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(alternatives, 20);
         ++i) {
        out += i > 0 ? "," : "";
        entry(i == 0 ? std::string(token) : " alt" + text_of(i),
              static_cast<int>(i));
        out += '}';
    }
    out += "]}";
}

class ChatWriter {
public:
    explicit ChatWriter(const Ask& ask) : ask_(ask) {
        n_ = std::clamp<std::uint64_t>(ask.root.get("n").count(1), 1,
                                       kMaxChoices);
        for (std::uint64_t i = 0; i < n_; ++i) {
            contents_.push_back(make_content(ask, i));
        }
        usage_ = usage_of(ask, contents_[0]);
        for (std::uint64_t i = 1; i < n_; ++i) {
            usage_.completion += contents_[i].completion_tokens;
            usage_.reasoning += contents_[i].reasoning_tokens;
        }
        logprobs_ = ask.root.get("logprobs").truthy();
        top_ = ask.root.get("top_logprobs").count(0);
        wants_usage_ =
            ask.root.get("stream_options").get("include_usage").truthy();
    }

    void write_json(std::string& out) const;
    void write_stream(Reply& reply);

private:
    void head(std::string& out, std::string_view object) const;
    void message(std::string& out, const Content& content) const;
    void calls(std::string& out, const Content& content) const;
    void logprobs(std::string& out, const Content& content) const;
    void chunk(Reply& reply, const std::string& choices, bool delta,
               const std::string& usage);
    void delta(Reply& reply, std::uint64_t index, const std::string& delta,
               std::string_view piece);
    void role(Reply& reply, std::uint64_t index);
    void special(Reply& reply, std::uint64_t index);
    void tool_deltas(Reply& reply, std::uint64_t index);
    void finish(Reply& reply, std::uint64_t index);
    void usage_chunk(Reply& reply, std::uint64_t completion);

    const Ask& ask_;
    std::uint64_t n_ = 1;
    std::vector<Content> contents_;
    Usage usage_;
    bool logprobs_ = false;
    std::uint64_t top_ = 0;
    bool wants_usage_ = false;
    std::uint64_t spoken_ = 0;  // deltas so far, for usage=every
};

void ChatWriter::head(std::string& out, std::string_view object) const {
    out += "{\"id\":\"chatcmpl-" + letters(ask_.hash, 29);
    out += "\",\"object\":\"";
    out += object;
    out += "\",\"created\":" + text_of(ask_.created) + ",\"model\":";
    append_quoted(out, ask_.model);
    out += ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_";
    out += hex(mix(ask_.model, 3), 10) + "\",\"choices\":[";
}

void ChatWriter::calls(std::string& out, const Content& content) const {
    out += ",\"tool_calls\":[";
    for (std::size_t i = 0; i < content.calls.size(); ++i) {
        const Call& call = content.calls[i];
        out += i > 0 ? "," : "";
        out += "{\"id\":\"call_" + call.id
               + "\",\"type\":\"function\",\"function\":{\"name\":";
        append_quoted(out, call.name);
        out += ",\"arguments\":";
        append_quoted(out, call.arguments);
        out += "}}";
    }
    out += ']';
}

void ChatWriter::message(std::string& out, const Content& content) const {
    out += "{\"role\":\"assistant\",\"content\":";
    if (content.calls.empty() && content.refusal.empty()) {
        append_quoted(out, content.text);
    } else {
        out += "null";
    }
    if (!content.reasoning.empty()) {
        out += ",\"reasoning_content\":" + quoted(content.reasoning);
    }
    if (!content.calls.empty()) {
        calls(out, content);
    }
    out += ",\"refusal\":";
    out += content.refusal.empty() ? "null" : quoted(content.refusal);
    out += ",\"annotations\":[";
    if (ask_.knobs.annotations) {
        out += "{\"type\":\"url_citation\",\"url_citation\":{\"end_index\":4,"
               "\"start_index\":0,\"title\":\"Example\","
               "\"url\":\"https://example.com/\"}}";
    }
    out += "]}";
}

void ChatWriter::logprobs(std::string& out, const Content& content) const {
    if (!logprobs_) {
        out += "null";
        return;
    }
    out += "{\"content\":[";
    for (std::size_t i = 0; i < content.pieces.size(); ++i) {
        out += i > 0 ? "," : "";
        append_logprob(out, content.pieces[i], top_);
    }
    out += "],\"refusal\":null}";
}

void ChatWriter::write_json(std::string& out) const {
    out.reserve(1024 + contents_[0].text.size());
    head(out, "chat.completion");
    for (std::uint64_t i = 0; i < n_; ++i) {
        out += i > 0 ? "," : "";
        out += "{\"index\":" + text_of(i) + ",\"message\":";
        message(out, contents_[i]);
        out += ",\"logprobs\":";
        logprobs(out, contents_[i]);
        out += ",\"finish_reason\":"
               + quoted(chat_finish(contents_[i].finish)) + "}";
    }
    out += ']';
    if (ask_.knobs.usage != "none") {
        out += ",\"usage\":" + openai_usage(usage_);
    }
    out += '}';
}

void ChatWriter::chunk(Reply& reply, const std::string& choices, bool delta,
                       const std::string& usage) {
    std::string out;
    head(out, "chat.completion.chunk");
    out += choices + "]";
    if (!usage.empty()) {
        out += ",\"usage\":" + usage;
    } else if (ask_.knobs.usage == "every") {
        Usage so_far = usage_;
        so_far.completion = std::min(usage_.completion, spoken_);
        out += ",\"usage\":" + openai_usage(so_far);
    } else if (wants_usage_ || ask_.knobs.usage == "last_choice") {
        out += ",\"usage\":null";
    }
    if (ask_.knobs.obfuscation) {
        std::uint64_t seed = mix(choices, reply.events.size());
        out += ",\"obfuscation\":\"" + letters(seed, 2 + seed % 14) + '"';
    }
    reply.event("", out + "}", delta);
}

void ChatWriter::delta(Reply& reply, std::uint64_t index,
                       const std::string& delta, std::string_view piece) {
    std::string out = "{\"index\":" + text_of(index) + ",\"delta\":" + delta;
    out += ",\"logprobs\":";
    if (logprobs_ && !piece.empty()) {
        out += "{\"content\":[";
        append_logprob(out, piece, top_);
        out += "],\"refusal\":null}";
    } else {
        out += "null";
    }
    ++spoken_;
    chunk(reply, out + ",\"finish_reason\":null}", !piece.empty(), "");
}

void ChatWriter::role(Reply& reply, std::uint64_t index) {
    bool text = contents_[index].calls.empty();
    delta(reply, index,
          std::string("{\"role\":\"assistant\",\"content\":")
              + (text ? "\"\"" : "null") + ",\"refusal\":null}",
          "");
}

// Reasoning, refusal and annotations, before the text.
void ChatWriter::special(Reply& reply, std::uint64_t index) {
    const Content& content = contents_[index];
    for (const std::string& piece : pieces(content.reasoning, 0)) {
        delta(reply, index, "{\"reasoning_content\":" + quoted(piece) + "}",
              "");
    }
    for (const std::string& piece : pieces(content.refusal, 0)) {
        delta(reply, index, "{\"refusal\":" + quoted(piece) + "}", "");
    }
    tool_deltas(reply, index);
}

void ChatWriter::tool_deltas(Reply& reply, std::uint64_t index) {
    const Content& content = contents_[index];
    for (std::size_t i = 0; i < content.calls.size(); ++i) {
        const Call& call = content.calls[i];
        std::string at = "{\"tool_calls\":[{\"index\":" + text_of(i);
        delta(reply, index,
              at + ",\"id\":\"call_" + call.id
                  + "\",\"type\":\"function\",\"function\":{\"name\":"
                  + quoted(call.name) + ",\"arguments\":\"\"}}]}",
              "");
        for (const std::string& piece :
             pieces(call.arguments, 1 + call.arguments.size() / 6)) {
            delta(reply, index,
                  at + ",\"function\":{\"arguments\":" + quoted(piece)
                      + "}}]}",
                  "");
        }
    }
}

void ChatWriter::finish(Reply& reply, std::uint64_t index) {
    if (ask_.knobs.annotations) {
        delta(reply, index,
              "{\"annotations\":[{\"type\":\"url_citation\","
              "\"url_citation\":{\"end_index\":4,\"start_index\":0,"
              "\"title\":\"Example\",\"url\":\"https://example.com/\"}}]}",
              "");
    }
    bool carries = ask_.knobs.usage == "last_choice" && index + 1 == n_;
    chunk(reply,
          "{\"index\":" + text_of(index)
              + ",\"delta\":{},\"logprobs\":null,\"finish_reason\":"
              + quoted(chat_finish(contents_[index].finish)) + "}",
          false, carries ? openai_usage(usage_) : "");
}

void ChatWriter::usage_chunk(Reply& reply, std::uint64_t completion) {
    Usage usage = usage_;
    usage.completion = completion;
    chunk(reply, "", false, openai_usage(usage));
}

void ChatWriter::write_stream(Reply& reply) {
    const std::string& mode = ask_.knobs.usage;
    bool closing = wants_usage_ && mode != "none" && mode != "last_choice";
    std::size_t longest = 0;
    for (std::uint64_t i = 0; i < n_; ++i) {
        role(reply, i);
        longest = std::max(longest, contents_[i].pieces.size());
    }
    if (closing && mode == "early") {
        usage_chunk(reply, usage_.completion);
        closing = false;
    }
    for (std::uint64_t i = 0; i < n_; ++i) {
        special(reply, i);
    }
    for (std::size_t k = 0; k < longest; ++k) {
        for (std::uint64_t i = 0; i < n_; ++i) {
            if (k < contents_[i].pieces.size()) {
                const std::string& piece = contents_[i].pieces[k];
                delta(reply, i, "{\"content\":" + quoted(piece) + "}", piece);
            }
        }
    }
    for (std::uint64_t i = 0; i < n_; ++i) {
        finish(reply, i);
    }
    if (closing && mode == "double") {
        usage_chunk(reply, usage_.completion / 2);
    }
    if (closing && mode != "after_done") {
        usage_chunk(reply, usage_.completion);
    }
    if (ask_.knobs.done != "none") {
        reply.event("", "[DONE]");
    }
    if (closing && mode == "after_done") {
        usage_chunk(reply, usage_.completion);
    }
}

}  // namespace

Reply chat_reply(const Ask& ask) {
    return reply_of<ChatWriter>(ask);
}

}  // namespace llm::mock
