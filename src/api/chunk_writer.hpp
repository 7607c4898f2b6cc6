// What the writers of chat and completions have in common: the members
// around the choices, of a body and of a stream's chunks.
//
// A stream repeats id, object, created, model, system_fingerprint and
// service_tier on every chunk as OpenAI does; other extras go out once, in
// the first chunk. When the client asked for usage and it is known, every
// chunk has "usage":null and the last one, without choices, has it.
#pragma once

#include <string>

#include "src/api/raw_json.hpp"
#include "src/api/reader.hpp"

namespace llm::api {

// A whole body; `write_choice` appends one choice.
void write_body(const Answer& answer,
                void (*write_choice)(const Choice&, std::string&),
                std::string& out);

// Whether an extra of this name stands for the field itself.
bool has_extra(const Extras& extras, Bytes key);

class ChunkWriter {
public:
    // `object` is the chunk's own word; it is written where the answer has
    // one at all.
    ChunkWriter(const Answer& answer, Bytes object,
                const StreamOptions& options, std::string& out);

    // One chunk with one choice, whose members the caller writes between
    // begin_choice() and end_choice(); "index" is written.
    raw::Object begin_choice(const Choice& choice);
    void end_choice(raw::Object& choice);

    // The usage chunk and [DONE].
    void finish();

private:
    void begin_chunk();
    void separate();
    void end_chunk(Bytes usage);

    const Answer& answer_;
    std::string& out_;
    std::string head_;  // "{" and the members that every chunk has
    bool with_usage_;
    bool first_ = true;
};

}  // namespace llm::api
