#include "src/api/chunk_writer.hpp"

#include <utility>

#include "src/sse/writer.hpp"

namespace llm::api {

namespace {

constexpr Bytes kRepeated[] = {"system_fingerprint", "service_tier", "id",
                               "object", "created", "model"};

bool is_repeated(Bytes key) {
    for (Bytes repeated : kRepeated) {
        if (key == repeated) {
            return true;
        }
    }
    return false;
}

// The members before "choices" of a body or a chunk.
void write_head(const Answer& answer, Bytes object, raw::Object& out) {
    if (!answer.id.empty()) {
        out.text("id", answer.id);
    }
    if (!object.empty()) {
        out.text("object", object);
    }
    if (answer.created != 0) {
        out.number("created", answer.created);
    }
    if (!answer.model.empty()) {
        out.text("model", answer.model);
    }
    if (!answer.fingerprint.empty()) {
        out.text("system_fingerprint", answer.fingerprint);
    }
}

}  // namespace

bool has_extra(const Extras& extras, Bytes key) {
    return raw::find(extras, key) != nullptr;
}

void write_body(const Answer& answer,
                void (*write_choice)(const Choice&, std::string&),
                std::string& out) {
    raw::Object body(out);
    write_head(answer, answer.object, body);
    if (!answer.error || !answer.choices.empty()) {
        body.key("choices") += '[';
        bool first = true;
        for (const Choice& choice : answer.choices) {
            if (!std::exchange(first, false)) {
                out += ',';
            }
            write_choice(choice, out);
        }
        out += ']';
    }
    if (!answer.usage_raw.empty()) {
        body.json("usage", answer.usage_raw);
    }
    body.extras(answer.extra);
    body.end();
}

ChunkWriter::ChunkWriter(const Answer& answer, Bytes object,
                         const StreamOptions& options, std::string& out)
    : answer_(answer), out_(out),
      with_usage_(options.include_usage && !answer.usage_raw.empty()) {
    raw::Object head(head_);
    write_head(answer, answer.object.empty() ? Bytes() : object, head);
    for (const Extra& extra : answer.extra) {
        if (is_repeated(extra.key)) {
            head.json(extra.key, extra.raw);
        }
    }
}

void ChunkWriter::begin_chunk() {
    out_ += "data: ";
    out_ += head_;
    if (std::exchange(first_, false)) {
        for (const Extra& extra : answer_.extra) {
            if (!is_repeated(extra.key)) {
                separate();
                append_json_string(out_, extra.key);
                out_.append(":").append(extra.raw);
            }
        }
    }
    separate();
    out_ += "\"choices\":[";
}

// A comma, unless the chunk's object has no member yet.
void ChunkWriter::separate() {
    if (out_.back() != '{') {
        out_ += ',';
    }
}

void ChunkWriter::end_chunk(Bytes usage) {
    out_ += ']';
    if (with_usage_) {
        out_.append(",\"usage\":").append(usage);
    }
    out_ += "}\n\n";
}

raw::Object ChunkWriter::begin_choice(const Choice& choice) {
    begin_chunk();
    raw::Object object(out_);
    object.number("index", choice.index);
    return object;
}

void ChunkWriter::end_choice(raw::Object& choice) {
    choice.end();
    end_chunk("null");
}

void ChunkWriter::finish() {
    if (with_usage_ || answer_.choices.empty()) {
        begin_chunk();
        end_chunk(answer_.usage_raw);
    }
    out_ += sse::kDone;
}

}  // namespace llm::api
