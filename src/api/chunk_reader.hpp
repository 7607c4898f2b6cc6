// What chat and completions have in common: a chunk of a stream and a whole
// body are the same object, but for `delta` and `message`. So one reader
// serves both forms: it takes chunk after chunk, or one body.
//
//   chunk, body    id object created model system_fingerprint -> fields
//                  choices -> choices, usage -> usage, obfuscation dropped
//                  anything else -> extra (Merge::kLast)
//   choice         index finish_reason logprobs -> fields
//                  the protocol's own part -> read_part()
//                  anything else -> extra (Merge::kLast)
//
// A member of a known name that has no usable value (null, "", another type)
// is kept as extra under its name until a usable one comes: so null, "" and
// absent stay three things.
//
// Not understood, and so lossy: data that is no JSON object, choices that
// are no array of objects, an index that is no whole number in [0, kMaxIndex],
// more than kMaxChoices choices.
//
// Sources: OpenAI API reference (chat completions, completions), the
// accumulators of the official clients.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/api/accumulate.hpp"
#include "src/api/reader.hpp"
#include "src/json/document.hpp"

namespace llm::api {

class ChunkReader : public StreamReader {
public:
    static constexpr size_t kMaxChoices = 256;
    static constexpr int64_t kMaxIndex = int64_t{1} << 31;

    EventInfo on_event(const sse::Event& event) final;

    // A whole body instead of a stream. Call once, take answer() then.
    Result<void> read_body(Bytes body);

protected:
    // What a stream's choice has beside its Choice.
    struct Tool {
        Accumulator extra;     // unknown members of the call
        Accumulator function;  // unknown members of its `function`
    };
    struct State {
        Accumulator extra;
        Accumulator message_extra;
        std::vector<Tool> tools;  // of the tool calls, in their order
        size_t first_tool = 0;    // their place in blocks
        bool padded = false;      // sound came whose base64 has ended
    };

    ChunkReader(Endpoint endpoint, size_t max_bytes)
        : StreamReader(endpoint, max_bytes) {}

    // One member of the choice `node`, the answer's one at `at`; false when it
    // is not the protocol's own.
    virtual bool read_part(size_t at, json::NodeId node, Bytes key,
                           json::NodeId value) = 0;
    // `object` as a body has it: a chunk's own word ends in ".chunk".
    virtual Bytes object_name(Bytes name) const = 0;
    // The choice is whole and its extras are written.
    virtual void finish(Choice&) const {}

    // Appends a fragment to the block of this kind and type, which is made
    // when there is none. `value` is a string.
    void append(size_t choice, Block::Kind kind, Bytes type,
                json::NodeId value);
    Block* find_block(size_t choice, Block::Kind kind, Bytes type);
    // Sets a field from a string that is not empty; anything else is kept in
    // `extras` under `key` as long as the field is empty.
    void take_text(std::string& field, Accumulator& extras, Bytes key,
                   json::NodeId value);
    void add(Accumulator& extras, Bytes key, json::NodeId value, Merge mode);
    // Counts bytes that are about to be kept; false when there is no room.
    // What is kept already goes after the event, not under its reader's feet.
    bool keep(size_t bytes);
    void count_content(size_t bytes) {
        content_bytes_ += bytes;
        info_.content |= bytes != 0;
    }
    Choice& choice(size_t at) { return answer_.choices[at]; }
    State& state(size_t at) { return states_[at]; }
    bool whole_body() const { return whole_body_; }

    json::Document doc_;
    std::string scratch_;
    std::string loose_;  // of read_event_json()
    EventInfo info_;

private:
    void read_chunk();
    void read_member(Bytes key, json::NodeId value);
    void read_choices(json::NodeId choices);
    void read_choice(json::NodeId node);
    bool choice_at(json::NodeId index, size_t& at);
    void read_usage(json::NodeId usage);
    void read_choice_usage(json::NodeId usage);
    void let_go();
    void seal();

    std::vector<State> states_;  // one a choice
    Accumulator extra_;
    size_t kept_ = 0;
    bool done_ = false;
    bool whole_body_ = false;
};

// What the official clients take for an error in a body or an event: an
// "error" that is not null, false, 0 or "", or (vLLM) "object":"error".
std::optional<ApiError> find_openai_error(const json::Document& doc);

// The value of "error": an object with message, type, param and code, or
// words. The status is a `code` in 400..599, otherwise 500.
ApiError read_openai_error(const json::Document& doc, json::NodeId node);

}  // namespace llm::api
