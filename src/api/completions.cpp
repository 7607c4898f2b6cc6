// OpenAI completions, body and stream: choices of text. Endpoints that fill in
// the middle of code (/v1/fim/completions) answer with chat's messages: those
// are read and written as chat's are.
#include <utility>

#include "src/api/chat_reader.hpp"
#include "src/api/chunk_writer.hpp"
#include "src/api/protocols.hpp"

namespace llm::api {

using json::NodeId;
using json::Type;

namespace {

class CompletionsReader final : public ChatReader {
public:
    explicit CompletionsReader(size_t max_bytes)
        : ChatReader(Endpoint::kCompletions, max_bytes) {}

protected:
    bool read_part(size_t at, NodeId node, Bytes key,
                   NodeId value) override {
        if (key == "text") {
            return read_plain_text(at, value);
        }
        // Beside a text that says the same a message is no part of ours.
        bool has_text = doc_.is(doc_.find(node, "text"), Type::kString);
        return !has_text && ChatReader::read_part(at, node, key, value);
    }

private:
    bool read_plain_text(size_t at, NodeId value) {
        const bool seen =
            find_block(at, Block::Kind::kText, "text") != nullptr;
        if (doc_.is(value, Type::kString)) {
            state(at).extra.erase("text");
            append(at, Block::Kind::kText, "text", value);
            return true;
        }
        lossy_ |= seen && !doc_.is(value, Type::kNull);
        return seen;
    }
};

Bytes text_of(const Choice& choice) {
    for (const Block& block : choice.blocks) {
        if (block.kind == Block::Kind::kText) {
            return block.text;
        }
    }
    return {};
}

void write_choice(const Choice& choice, std::string& out) {
    raw::Object object(out);
    object.number("index", choice.index);
    if (!choice.blocks.empty()) {
        object.text("text", text_of(choice));
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

// The text in one chunk, the finish reason in the next.
void stream_choice(ChunkWriter& chunks, const Choice& choice) {
    Bytes logprobs = choice.logprobs;
    const Bytes text = text_of(choice);
    if (!text.empty()) {
        raw::Object object = chunks.begin_choice(choice);
        object.text("text", text);
        if (!logprobs.empty()) {
            object.json("logprobs", std::exchange(logprobs, "null"));
        }
        object.json("finish_reason", "null");
        chunks.end_choice(object);
    }
    raw::Object object = chunks.begin_choice(choice);
    if (!has_extra(choice.extra, "text")) {
        object.json("text", "\"\"");
    }
    if (!logprobs.empty()) {
        object.json("logprobs", logprobs);
    }
    if (!choice.finish_reason.empty()) {
        object.text("finish_reason", choice.finish_reason);
    } else if (!has_extra(choice.extra, "finish_reason")) {
        object.json("finish_reason", "null");
    }
    object.extras(choice.extra);
    chunks.end_choice(object);
}

}  // namespace

Result<Answer> read_json_completions(Bytes body) {
    CompletionsReader reader(SIZE_MAX);
    if (auto read = reader.read_body(body); !read) {
        return read.error();
    }
    return std::move(reader.answer());
}

std::unique_ptr<StreamReader> make_completions_reader(size_t max_bytes) {
    return std::make_unique<CompletionsReader>(max_bytes);
}

void write_json_completions(const Answer& answer, std::string& out) {
    if (answer.has_messages()) {
        write_json_chat(answer, out);
        return;
    }
    write_body(answer, write_choice, out);
}

void write_sse_completions(const Answer& answer,
                           const StreamOptions& options, std::string& out) {
    if (answer.has_messages()) {
        write_sse_chat(answer, options, out);
        return;
    }
    ChunkWriter chunks(answer, answer.object, options, out);
    for (const Choice& choice : answer.choices) {
        stream_choice(chunks, choice);
    }
    chunks.finish();
}

}  // namespace llm::api
