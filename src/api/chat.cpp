#include "src/api/chat_reader.hpp"

#include <algorithm>
#include <utility>

#include "src/api/protocols.hpp"

namespace llm::api {

using json::NodeId;
using json::Type;

namespace {

constexpr size_t kMaxTools = 1024;

}  // namespace

bool ChatReader::read_part(size_t at, NodeId, Bytes key, NodeId value) {
    if (key != (whole_body() ? Bytes("message") : Bytes("delta"))) {
        // A whole message inside a stream has no place in a body.
        lossy_ |= key == "message" && !doc_.is(value, Type::kNull);
        return key == "message";
    }
    if (!doc_.is(value, Type::kObject)) {
        lossy_ |= !whole_body() && !doc_.is(value, Type::kNull);
        return !whole_body();
    }
    for (const NodeId member : doc_.children(value)) {
        read_delta(at, doc_.key(member), member);
    }
    return true;
}

void ChatReader::read_delta(size_t at, Bytes key, NodeId value) {
    Accumulator& extra = state(at).message_extra;
    if (key == "role") {
        take_text(choice(at).role, extra, key, value);
    } else if (key == "content") {
        read_text(at, Block::Kind::kText, key, value);
    } else if (key == "refusal") {
        read_text(at, Block::Kind::kRefusal, key, value);
    } else if (key == "reasoning_content" || key == "reasoning") {
        read_text(at, Block::Kind::kReasoning, key, value);
    } else if (key == "tool_calls" && doc_.is(value, Type::kArray) &&
               doc_.size(value) != 0) {
        extra.erase(key);
        read_tools(at, value);
    } else if (key == "function_call" && doc_.is(value, Type::kObject)) {
        extra.erase(key);
        read_legacy_call(at, value);
    } else if (key == "tool_calls" || key == "function_call") {
        const bool empty = doc_.is(value, Type::kNull) ||
                           doc_.is(value, Type::kArray);
        const bool seen = key == "tool_calls" ? !state(at).tools.empty()
                                              : legacy_at(at) != nullptr;
        lossy_ |= !empty && (seen || !whole_body());
        if (!seen) {
            add(extra, key, value, Merge::kLast);
        }
    } else {
        if (key == "audio" && doc_.is(value, Type::kObject)) {
            read_sound(at, value);
        }
        add(extra, key, value, Merge::kDelta);
    }
}

void ChatReader::read_sound(size_t at, NodeId audio) {
    count_content(doc_.raw(audio).size());
    const NodeId data = doc_.find(audio, "data");
    const Bytes base64 = doc_.is(data, Type::kString)
                             ? doc_.string(data, scratch_)
                             : Bytes();
    if (!base64.empty()) {
        // What comes behind the padding no decoder reads.
        lossy_ |= std::exchange(state(at).padded, base64.ends_with('='));
    }
}

void ChatReader::read_text(size_t at, Block::Kind kind, Bytes key,
                           NodeId value) {
    Accumulator& extra = state(at).message_extra;
    if (doc_.is(value, Type::kString)) {
        // Text beside a list of parts cannot be one body again.
        lossy_ |= extra.has(key) && !extra.is_null(key);
        extra.erase(key);
        choice(at).content_null &= kind != Block::Kind::kText;
        append(at, kind, key, value);
        return;
    }
    const bool seen = find_block(at, kind, key) != nullptr;
    if (!doc_.is(value, Type::kNull)) {
        lossy_ |= seen;
        count_content(doc_.raw(value).size());
        if (!seen) {
            choice(at).content_null &= kind != Block::Kind::kText;
            add(extra, key, value, Merge::kDelta);
        }
    } else if (!seen && kind == Block::Kind::kText) {
        choice(at).content_null = !extra.has(key);
    } else if (!seen) {
        add(extra, key, value, Merge::kDelta);
    }
}

void ChatReader::read_tools(size_t at, NodeId calls) {
    size_t position = 0;
    for (const NodeId call : doc_.children(calls)) {
        if (doc_.is(call, Type::kObject)) {
            read_tool(at, call, position);
        } else {
            lossy_ = true;
        }
        ++position;
    }
}

// The call's index: of a stream the member, of a body the position unless
// the member says a later one. Servers that leave it out of a stream send one
// call after the other. -1: no index.
int64_t ChatReader::tool_index(size_t at, NodeId call, size_t position) {
    const NodeId node = doc_.find(call, "index");
    const bool said = node != json::kNoNode;
    uint64_t value = 0;
    const bool valid = said && doc_.is(node, Type::kNumber) &&
                       parse_decimal(doc_.raw(node), value) &&
                       value <= uint64_t{kMaxIndex};
    const int64_t index = valid ? static_cast<int64_t>(value) : -1;
    const State& of = state(at);
    if (of.tools.empty()) {
        return said && !whole_body()
                   ? index
                   : std::max(index, static_cast<int64_t>(position));
    }
    const Block& last =
        choice(at).blocks[of.first_tool + of.tools.size() - 1];
    if (whole_body()) {
        return std::max(index, last.index + 1);
    }
    if (said) {
        return index;
    }
    const NodeId id = doc_.find(call, "id");
    const Bytes text = id == json::kNoNode ? Bytes()
                                           : doc_.string(id, scratch_);
    return text.empty() || text == last.id ? last.index : last.index + 1;
}

// The call with this index, made in its place when it is the first seen;
// nullptr when there are too many or there is no room.
Block* ChatReader::tool_at(size_t at, int64_t index, size_t& rank) {
    State& of = state(at);
    auto& blocks = choice(at).blocks;
    if (of.tools.empty()) {
        of.first_tool = blocks.size();
    }
    rank = of.tools.size();
    while (rank > 0 && blocks[of.first_tool + rank - 1].index > index) {
        --rank;
    }
    if (rank > 0 && blocks[of.first_tool + rank - 1].index == index) {
        --rank;
        return &blocks[of.first_tool + rank];
    }
    if (of.tools.size() >= kMaxTools) {
        lossy_ = true;
        return nullptr;
    }
    if (!keep(sizeof(Block) + sizeof(Tool))) {
        return nullptr;
    }
    of.tools.insert(of.tools.begin() + static_cast<ptrdiff_t>(rank), Tool());
    const auto place = static_cast<ptrdiff_t>(of.first_tool + rank);
    Block& block = *blocks.insert(blocks.begin() + place, Block());
    block.kind = Block::Kind::kToolCall;
    block.index = index;
    return &block;
}

void ChatReader::read_tool(size_t at, NodeId call, size_t position) {
    const int64_t index = tool_index(at, call, position);
    size_t rank = 0;
    if (index < 0 || overflow_) {
        lossy_ |= index < 0;
        info_.content = true;
        return;
    }
    Block* block = tool_at(at, index, rank);
    if (block == nullptr) {
        return;
    }
    for (const NodeId member : doc_.children(call)) {
        Tool& tool = state(at).tools[rank];
        const Bytes key = doc_.key(member);
        if (key == "id") {
            const std::string before = block->id;
            take_text(block->id, tool.extra, key, member);
            // Two calls under one index cannot be told apart.
            lossy_ |= !before.empty() && before != block->id;
        } else if (key == "type") {
            take_text(block->type, tool.extra, key, member);
        } else if (key == "function" && doc_.is(member, Type::kObject)) {
            tool.extra.erase(key);
            read_function(*block, tool, member);
        } else if (key != "index") {
            add(tool.extra, key, member, Merge::kDelta);
            count_content(key == "custom" ? doc_.raw(member).size() : 0);
        } else if (whole_body() && !is_sparse(index, position, member)) {
            // Said though the position says it: said again in a body.
            add(tool.extra, key, member, Merge::kLast);
        }
    }
}

void ChatReader::read_function(Block& block, Tool& tool, NodeId function) {
    for (const NodeId member : doc_.children(function)) {
        const Bytes key = doc_.key(member);
        if (key == "name") {
            take_text(block.name, tool.function, key, member);
            info_.content |= !block.name.empty();
        } else if (key == "arguments" && doc_.is(member, Type::kString)) {
            add_fragment(block.text, member);
        } else if (key != "arguments" || !doc_.is(member, Type::kNull) ||
                   whole_body()) {
            add(tool.function, key, member, Merge::kDelta);
        }
    }
}

void ChatReader::add_fragment(std::string& text, NodeId value) {
    const Bytes fragment = doc_.string(value, scratch_);
    count_content(fragment.size());
    if (keep(fragment.size())) {
        text += fragment;
    }
}

Block* ChatReader::legacy_at(size_t at) {
    for (Block& block : choice(at).blocks) {
        if (block.kind == Block::Kind::kToolCall && block.index < 0) {
            return &block;
        }
    }
    return nullptr;
}

void ChatReader::read_legacy_call(size_t at, NodeId call) {
    if (legacy_at(at) == nullptr) {
        if (!keep(sizeof(Block))) {
            return;
        }
        Block& made = choice(at).blocks.emplace_back();
        made.kind = Block::Kind::kToolCall;
        made.type = "function_call";
        made.index = -1;
    }
    Block& block = *legacy_at(at);
    for (const NodeId member : doc_.children(call)) {
        const bool text = doc_.is(member, Type::kString);
        if (doc_.key(member) == "name" && text) {
            block.name = doc_.string(member, scratch_);
            info_.content = true;
        } else if (doc_.key(member) == "arguments" && text) {
            add_fragment(block.text, member);
        } else {
            lossy_ |= !doc_.is(member, Type::kNull);
        }
    }
}

// The order of a body, see above.
void ChatReader::finish(Choice& choice) const {
    auto rank = [](const Block& block) {
        switch (block.kind) {
            case Block::Kind::kReasoning:
                return 0;
            case Block::Kind::kText:
                return 1;
            case Block::Kind::kRefusal:
                return 2;
            default:
                return block.index < 0 ? 3 : 4;
        }
    };
    std::stable_sort(choice.blocks.begin(), choice.blocks.end(),
                     [&](const Block& one, const Block& other) {
                         return rank(one) < rank(other);
                     });
}

Result<Answer> read_json_chat(Bytes body) {
    ChatReader reader(SIZE_MAX);
    if (auto read = reader.read_body(body); !read) {
        return read.error();
    }
    return std::move(reader.answer());
}

std::unique_ptr<StreamReader> make_chat_reader(size_t max_bytes) {
    return std::make_unique<ChatReader>(max_bytes);
}

}  // namespace llm::api
