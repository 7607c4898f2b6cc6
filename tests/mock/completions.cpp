// OpenAI's POST /v1/completions, JSON and chunks.
#include <algorithm>

#include "tests/mock/reply.hpp"
#include "tests/mock/text.hpp"

namespace llm::mock {

namespace {

constexpr std::size_t kMaxChoices = 256;

class CompletionWriter {
public:
    explicit CompletionWriter(const Ask& ask) : ask_(ask) {
        Value prompt = ask.root.get("prompt");
        std::uint64_t n =
            std::clamp<std::uint64_t>(ask.root.get("n").count(1), 1, 128);
        Ask each = ask;
        bool batch = prompt.is(Kind::kArray)
                     && !prompt.first().is(Kind::kNumber);
        for (Value item = batch ? prompt.first() : prompt;
             item.present() && contents_.size() < kMaxChoices;
             item = batch ? item.next() : Value()) {
            each.user_text = item.text();
            for (std::uint64_t i = 0; i < n; ++i) {
                contents_.push_back(make_content(each, i));
            }
        }
        usage_ = usage_of(ask, contents_[0]);
        usage_.completion = 0;
        for (const Content& content : contents_) {
            usage_.completion += content.completion_tokens;
        }
        logprobs_ = ask.root.get("logprobs").count(0);
        wants_usage_ =
            ask.root.get("stream_options").get("include_usage").truthy();
    }

    void write_json(std::string& out) const;
    void write_stream(Reply& reply) const;

private:
    void head(std::string& out) const;
    void logprobs(std::string& out, const std::vector<std::string>& tokens,
                  std::size_t offset) const;
    void choice(std::string& out, std::size_t index, std::string_view text,
                const std::vector<std::string>& tokens, std::size_t offset,
                bool last) const;
    void chunk(Reply& reply, const std::string& choices, bool delta,
               bool usage) const;

    const Ask& ask_;
    std::vector<Content> contents_;
    Usage usage_;
    std::uint64_t logprobs_ = 0;
    bool wants_usage_ = false;
};

void CompletionWriter::head(std::string& out) const {
    out += "{\"id\":\"cmpl-" + letters(ask_.hash, 29);
    out += "\",\"object\":\"text_completion\",\"created\":"
           + text_of(ask_.created) + ",\"model\":" + quoted(ask_.model)
           + ",\"choices\":[";
}

void CompletionWriter::logprobs(std::string& out,
                                const std::vector<std::string>& tokens,
                                std::size_t offset) const {
    if (logprobs_ == 0) {
        out += "null";
        return;
    }
    std::string names;
    std::string values;
    std::string tops;
    std::string offsets;
    for (const std::string& token : tokens) {
        const char* comma = names.empty() ? "" : ",";
        names += comma + quoted(token);
        values += comma + std::string("-0.125");
        tops += comma + ("{" + quoted(token) + ":-0.125}");
        offsets += comma + text_of(offset);
        offset += token.size();
    }
    out += "{\"tokens\":[" + names + "],\"token_logprobs\":[" + values
           + "],\"top_logprobs\":[" + tops + "],\"text_offset\":[" + offsets
           + "]}";
}

void CompletionWriter::choice(std::string& out, std::size_t index,
                              std::string_view text,
                              const std::vector<std::string>& tokens,
                              std::size_t offset, bool last) const {
    out += "{\"text\":";
    append_quoted(out, text);
    out += ",\"index\":" + text_of(index) + ",\"logprobs\":";
    logprobs(out, tokens, offset);
    out += ",\"finish_reason\":";
    out += last ? quoted(chat_finish(contents_[index].finish)) : "null";
    out += '}';
}

void CompletionWriter::write_json(std::string& out) const {
    head(out);
    for (std::size_t i = 0; i < contents_.size(); ++i) {
        out += i > 0 ? "," : "";
        choice(out, i, contents_[i].text, contents_[i].pieces, 0, true);
    }
    out += ']';
    if (ask_.knobs.usage != "none") {
        out += ",\"usage\":" + openai_usage(usage_);
    }
    out += '}';
}

void CompletionWriter::chunk(Reply& reply, const std::string& choices,
                             bool delta, bool usage) const {
    std::string out;
    head(out);
    out += choices + "]";
    if (usage || ask_.knobs.usage == "every") {
        out += ",\"usage\":" + openai_usage(usage_);
    } else if (wants_usage_) {
        out += ",\"usage\":null";
    }
    reply.event("", out + "}", delta);
}

void CompletionWriter::write_stream(Reply& reply) const {
    const std::string& mode = ask_.knobs.usage;
    for (std::size_t i = 0; i < contents_.size(); ++i) {
        std::size_t offset = 0;
        for (const std::string& piece : contents_[i].pieces) {
            std::string out;
            choice(out, i, piece, {piece}, offset, false);
            offset += piece.size();
            chunk(reply, out, true, false);
        }
        std::string out;
        choice(out, i, "", {}, offset, true);
        chunk(reply, out, false, mode == "last_choice");
    }
    bool closing = wants_usage_ && mode != "none" && mode != "last_choice";
    if (closing && mode != "after_done") {
        chunk(reply, "", false, true);
    }
    if (closing && mode == "double") {
        chunk(reply, "", false, true);
    }
    if (ask_.knobs.done != "none") {
        reply.event("", "[DONE]");
    }
    if (closing && mode == "after_done") {
        chunk(reply, "", false, true);
    }
}

}  // namespace

Reply completions_reply(const Ask& ask) {
    Value prompt = ask.root.get("prompt");
    if (!prompt.present()
        || (prompt.is(Kind::kArray) && !prompt.first().present())) {
        return error_reply(ask, 400,
                           "Missing required parameter: 'prompt'.");
    }
    return reply_of<CompletionWriter>(ask);
}

}  // namespace llm::mock
