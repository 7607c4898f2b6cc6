// Reads OpenAI chat completions, body and stream, and what is shaped like them
// (completions.cpp).
//
// One block for each member of the message that is text (reasoning_content,
// reasoning, content, refusal) and one for each tool call, in this order
// whatever the order of the bytes was: a body has no other, so that a body
// and a stream of the same answer give the same blocks.
//
// One answer, one thread; owns what it holds.
#pragma once

#include "src/api/chunk_reader.hpp"

namespace llm::api {

class ChatReader : public ChunkReader {
public:
    explicit ChatReader(size_t max_bytes)
        : ChatReader(Endpoint::kChat, max_bytes) {}

protected:
    ChatReader(Endpoint endpoint, size_t max_bytes)
        : ChunkReader(endpoint, max_bytes) {}

    bool read_part(size_t at, json::NodeId choice, Bytes key,
                   json::NodeId value) override;
    Bytes object_name(Bytes name) const override {
        return name == "chat.completion.chunk" ? "chat.completion" : name;
    }
    void finish(Choice& choice) const override;

private:
    void read_delta(size_t at, Bytes key, json::NodeId value);
    void read_sound(size_t at, json::NodeId audio);
    void read_text(size_t at, Block::Kind kind, Bytes key, json::NodeId value);
    void read_tools(size_t at, json::NodeId calls);
    void read_tool(size_t at, json::NodeId call, size_t position);
    int64_t tool_index(size_t at, json::NodeId call, size_t position);
    // The member says what neither the position nor the order does.
    bool is_sparse(int64_t index, size_t position, json::NodeId member) const {
        uint64_t said = 0;
        return index != static_cast<int64_t>(position) &&
               parse_decimal(doc_.raw(member), said) &&
               said == static_cast<uint64_t>(index);
    }
    Block* tool_at(size_t at, int64_t index, size_t& rank);
    void read_function(Block& block, Tool& tool, json::NodeId function);
    Block* legacy_at(size_t at);
    void read_legacy_call(size_t at, json::NodeId call);
    void add_fragment(std::string& text, json::NodeId value);
};

}  // namespace llm::api
