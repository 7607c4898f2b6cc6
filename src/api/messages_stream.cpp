#include <algorithm>
#include <memory>
#include <utility>

#include "src/api/accumulate.hpp"
#include "src/api/messages.hpp"
#include "src/api/protocols.hpp"
#include "src/api/raw_json.hpp"
#include "src/api/typed_reader.hpp"

namespace llm::api {
namespace {

using json::kNoNode;
using json::kRoot;
using json::NodeId;
using json::Type;

// More members than any provider sends; keeps a hostile stream from making
// every look-up long.
constexpr size_t kMaxMembers = 1024;

class MessagesReader final : public TypedReader {
public:
    explicit MessagesReader(size_t max_bytes)
        : TypedReader(Endpoint::kMessages, max_bytes) {
        answer_.choices.emplace_back();
    }

    EventInfo on_event(const sse::Event& event) override;

private:
    // What a block needs besides itself while it grows.
    struct Growing {
        bool fragments = false;  // text holds fragments of the input
        std::unique_ptr<Accumulator> members;  // of raw, or besides extra
    };

    void on_start(EventInfo& info);
    void on_block_start(EventInfo& info);
    void on_block_delta(EventInfo& info);
    void on_message_delta(EventInfo& info);
    void on_stop(EventInfo& info);
    void on_error(EventInfo& info);

    void add_block(NodeId node, EventInfo& info);
    bool grow(Block& block, Growing& growing, NodeId delta, Bytes type);
    bool append_text(std::string& text, NodeId node);
    void grow_unknown(Block& block, Growing& growing, NodeId delta,
                      Bytes type);
    void count_strings(NodeId delta, EventInfo& info);
    void take_usage(NodeId node, bool provisional, EventInfo& info);
    void set_member(Extras& extras, NodeId member);
    void take_member(NodeId member, Extras& usual);
    void take_event_members();
    bool close_block(Block& block, Growing& growing);
    bool keep(size_t bytes);
    void count(size_t bytes, EventInfo& info) {
        content_bytes_ += bytes;
        info.content = info.content || bytes > 0;
    }

    Choice& choice() { return answer_.choices[0]; }

    json::Document inner_;  // of a raw value taken apart
    std::string scratch_;
    std::vector<Growing> growing_;
    Extras usage_;
    size_t kept_ = 0;
    bool started_ = false;
};

EventInfo MessagesReader::on_event(const sse::Event& event) {
    EventInfo info;
    if (!event.has_data) {
        return info;
    }
    const Bytes data = event.data.empty() ? Bytes("{}") : event.data;
    const std::optional<std::string> named = read(event, data, info);
    if (!named) {
        return info;
    }
    const std::string& type = *named;
    if (type == "message_delta") {
        on_message_delta(info);
    } else if (is_error(type)) {
        on_error(info);
    } else if (done_) {
        return info;
    } else if (type == "message_start") {
        on_start(info);
    } else if (type == "content_block_start") {
        on_block_start(info);
    } else if (type == "content_block_delta") {
        on_block_delta(info);
    } else if (type == "message_stop") {
        on_stop(info);
    }
    return info;
}

// False when the answer has grown too large; its content is then let go.
bool MessagesReader::keep(size_t bytes) {
    kept_ += bytes;
    if (!overflow_ && kept_ > max_bytes_) {
        overflow_ = true;
        choice().blocks = {};
        growing_.clear();
    }
    return !overflow_;
}

void MessagesReader::on_start(EventInfo& info) {
    const NodeId message = doc_.find(kRoot, "message");
    if (started_ || !doc_.is(message, Type::kObject) ||
        doc_.size(message) > kMaxMembers || !keep(doc_.raw(message).size())) {
        lossy_ = true;
        take_usage(doc_.find(message, "usage"), true, info);
        return;
    }
    started_ = true;
    messages::read_message(doc_, message, answer_);
    take_usage(doc_.find(message, "usage"), true, info);
    const NodeId content = doc_.find(message, "content");
    if (doc_.is(content, Type::kArray)) {
        for (const NodeId node : doc_.children(content)) {
            add_block(node, info);
        }
    } else if (content != kNoNode && !doc_.is(content, Type::kNull)) {
        lossy_ = true;
    }
}

void MessagesReader::add_block(NodeId node, EventInfo& info) {
    Block block = messages::read_block(doc_, node, true);
    switch (block.kind) {
        case Block::Kind::kToolCall:
            count(block.name.size(), info);
            break;
        case Block::Kind::kOther:
            info.content = true;
            if (block.type == "redacted_thinking") {
                count(block.raw.size(), info);
            }
            break;
        default:
            count(block.text.size(), info);
            break;
    }
    if (keep(sizeof(Block) + doc_.raw(node).size())) {
        block.index = static_cast<int64_t>(choice().blocks.size());
        choice().blocks.push_back(std::move(block));
        growing_.emplace_back();
    }
}

void MessagesReader::on_block_start(EventInfo& info) {
    const NodeId node = doc_.find(kRoot, "content_block");
    const NodeId index = doc_.find(kRoot, "index");
    if (!started_ || !doc_.is(node, Type::kObject) ||
        !doc_.is(index, Type::kNumber) ||
        (!overflow_ && doc_.as_int64(index) !=
                           static_cast<int64_t>(choice().blocks.size()))) {
        lossy_ = true;
        return;
    }
    add_block(node, info);
}

void MessagesReader::on_block_delta(EventInfo& info) {
    const NodeId delta = doc_.find(kRoot, "delta");
    const NodeId index = doc_.find(kRoot, "index");
    if (!doc_.is(delta, Type::kObject) || !doc_.is(index, Type::kNumber)) {
        lossy_ = true;
        return;
    }
    const std::string type = raw::text_of(doc_, delta, "type");
    if (type != "signature_delta") {
        count_strings(delta, info);
    }
    if (!keep(doc_.raw(delta).size())) {
        return;
    }
    const int64_t at = doc_.as_int64(index);
    std::vector<Block>& blocks = choice().blocks;
    if (at < 0 || static_cast<size_t>(at) >= blocks.size()) {
        lossy_ = true;
        return;
    }
    const size_t place = static_cast<size_t>(at);
    if (!grow(blocks[place], growing_[place], delta, type)) {
        lossy_ = true;
    }
}

bool MessagesReader::append_text(std::string& text, NodeId node) {
    if (!doc_.is(node, Type::kString)) {
        return false;
    }
    text.append(doc_.string(node, scratch_));
    return true;
}

bool MessagesReader::grow(Block& block, Growing& growing, NodeId delta,
                          Bytes type) {
    using Kind = Block::Kind;
    if (type == "text_delta") {
        return block.kind == Kind::kText &&
               append_text(block.text, doc_.find(delta, "text"));
    }
    if (type == "thinking_delta") {
        return block.kind == Kind::kReasoning &&
               append_text(block.text, doc_.find(delta, "thinking"));
    }
    if (type == "signature_delta") {
        if (block.kind != Kind::kReasoning) {
            return false;
        }
        const std::string signature =
            raw::text_of(doc_, delta, "signature");
        if (!signature.empty()) {
            block.signature = signature;
            raw::erase(block.extra, "signature");
        }
        return true;
    }
    if (type == "citations_delta") {
        const NodeId citation = doc_.find(delta, "citation");
        if (block.kind != Kind::kText || citation == kNoNode) {
            return false;
        }
        if (raw::find(block.extra, "citations") == nullptr) {
            raw::set(block.extra, "citations", "[]");
        }
        return raw::append_element(raw::find(block.extra, "citations")->raw,
                                   doc_.raw(citation));
    }
    if (type == "input_json_delta") {
        const NodeId piece = doc_.find(delta, "partial_json");
        if (block.kind == Kind::kText || block.kind == Kind::kReasoning ||
            !doc_.is(piece, Type::kString)) {
            return false;
        }
        // The input in content_block_start is a placeholder for fragments.
        if (!growing.fragments && doc_.raw(piece).size() > 2) {
            growing.fragments = true;
            block.text.clear();
        }
        return append_text(block.text, piece);
    }
    grow_unknown(block, growing, delta, type);
    return true;
}

// A kind of delta that we do not know: its members grow the block's own. In
// a compaction_delta they are final values.
void MessagesReader::grow_unknown(Block& block, Growing& growing,
                                  NodeId delta, Bytes type) {
    if (growing.members == nullptr) {
        growing.members = std::make_unique<Accumulator>();
        const bool whole = block.kind == Block::Kind::kOther &&
                           inner_.parse(block.raw) &&
                           inner_.is(kRoot, Type::kObject);
        if (whole) {
            for (const NodeId member : inner_.children(kRoot)) {
                if (!growing.members->add(inner_.key(member), inner_, member,
                                          Merge::kDelta)) {
                    lossy_ = true;
                }
            }
        }
    }
    Accumulator& members = *growing.members;
    const size_t before = members.bytes();
    for (const NodeId member : doc_.children(delta)) {
        const Bytes key = doc_.key(member);
        if (key == "type") {
            continue;
        }
        if (messages::is_block_field(block.kind, key) ||
            raw::find(block.extra, key) != nullptr) {
            lossy_ = true;
            continue;
        }
        if (type == "compaction_delta") {
            members.erase(key);
        }
        if (!members.add(key, doc_, member, Merge::kDelta)) {
            lossy_ = true;
        }
    }
    keep(members.bytes() - std::min(before, members.bytes()));
}

// Generated text that has no place in the answer is billed all the same.
void MessagesReader::count_strings(NodeId delta, EventInfo& info) {
    for (const NodeId member : doc_.children(delta)) {
        if (doc_.key(member) != "type" && doc_.is(member, Type::kString)) {
            count(doc_.string(member, scratch_).size(), info);
        }
    }
}

// A later value wins; null says only that there is none to report.
// Of an answer that is not kept whole nothing is kept.
void MessagesReader::set_member(Extras& extras, NodeId member) {
    if (lossy_) {
        return;
    }
    const Bytes key = doc_.key(member);
    const bool present = raw::find(extras, key) != nullptr;
    if (present && doc_.is(member, Type::kNull)) {
        return;
    }
    if (!present && extras.size() >= kMaxMembers) {
        lossy_ = true;
        return;
    }
    if (keep(key.size() + doc_.raw(member).size())) {
        raw::set(extras, key, doc_.raw(member));
    }
}

void MessagesReader::take_usage(NodeId node, bool provisional,
                                EventInfo& info) {
    if (!doc_.is(node, Type::kObject)) {
        return;
    }
    info.usage = true;
    messages::merge_usage(doc_, node, provisional, answer_.usage);
    if (!done_) {
        for (const NodeId member : doc_.children(node)) {
            set_member(usage_, member);
        }
    }
}

// A member of the message that an event after the first one reports. It
// stays where it was reported first: a body has room for one of each name.
void MessagesReader::take_member(NodeId member, Extras& usual) {
    const Bytes key = doc_.key(member);
    if (key == "type") {
        return;
    }
    const bool string = doc_.is(member, Type::kString);
    if (key == "stop_reason" && string && doc_.raw(member).size() > 2) {
        choice().finish_reason = doc_.string(member, scratch_);
        raw::erase(choice().extra, key);
        return;
    }
    if (lossy_) {
        return;  // nothing is made of it
    }
    const bool told = key == "stop_reason" && !choice().finish_reason.empty();
    if (told || messages::is_start_member(key)) {
        lossy_ = lossy_ || !doc_.is(member, Type::kNull);
        return;
    }
    for (Extras* extras : {&answer_.extra, &choice().extra}) {
        if (raw::find(*extras, key) != nullptr) {
            set_member(*extras, member);
            return;
        }
    }
    const bool elsewhere = raw::find(choice().message_extra, key) != nullptr;
    set_member(elsewhere ? choice().message_extra : usual, member);
}

void MessagesReader::take_event_members() {
    for (const NodeId member : doc_.children(kRoot)) {
        const Bytes key = doc_.key(member);
        if (key != "delta" && key != "usage") {
            take_member(member, choice().message_extra);
        }
    }
}

void MessagesReader::on_message_delta(EventInfo& info) {
    take_usage(doc_.find(kRoot, "usage"), false, info);
    if (done_ || !started_) {
        lossy_ = lossy_ || !started_;
        return;
    }
    const NodeId delta = doc_.find(kRoot, "delta");
    if (doc_.is(delta, Type::kObject)) {
        for (const NodeId member : doc_.children(delta)) {
            take_member(member, choice().extra);
        }
    }
    take_event_members();
}

// Puts a block that grew into the form of a body. False when it cannot be.
bool MessagesReader::close_block(Block& block, Growing& growing) {
    if (block.kind == Block::Kind::kToolCall && block.text.empty()) {
        block.text = "{}";
    }
    const bool input =
        growing.fragments || block.kind == Block::Kind::kToolCall;
    if (input && !inner_.parse(block.text)) {
        return false;
    }
    Extras members;
    if (growing.members != nullptr) {
        growing.members->write(members);
    }
    if (block.kind != Block::Kind::kOther) {
        for (const Extra& member : members) {
            raw::set(block.extra, member.key, member.raw);
        }
        return true;
    }
    if (!members.empty()) {
        block.raw.clear();
        raw::Object object(block.raw);
        object.extras(members);
        object.end();
    }
    if (growing.fragments && inner_.parse(block.raw)) {
        std::string whole;
        raw::append_with(whole, inner_, kRoot, "input", block.text);
        block.raw = std::move(whole);
        block.text.clear();
    }
    return true;
}

void MessagesReader::on_stop(EventInfo& info) {
    info.terminal = true;
    take_usage(doc_.find(kRoot, "usage"), false, info);
    take_event_members();
    done_ = true;
    if (!usage_.empty()) {
        raw::erase(answer_.extra, "usage");  // a null that came first
        answer_.usage_raw.clear();
        raw::Object usage(answer_.usage_raw);
        usage.extras(usage_);
        usage.end();
    }
    bool whole = started_ && !lossy_ && !overflow_ && !answer_.error;
    for (size_t i = 0; i < growing_.size(); ++i) {
        // An input that the token limit cut off is still what was answered.
        if (!close_block(choice().blocks[i], growing_[i]) &&
            choice().finish_reason != "max_tokens" &&
            choice().finish_reason != "model_context_window_exceeded") {
            whole = false;
        }
    }
    answer_.complete = whole;
}

void MessagesReader::on_error(EventInfo& info) {
    info.error = true;
    answer_.complete = false;
    answer_.error =
        messages::read_error(doc_, doc_.find(kRoot, "error"));
}

}  // namespace

std::unique_ptr<StreamReader> make_messages_reader(size_t max_bytes) {
    return std::make_unique<MessagesReader>(max_bytes);
}

}  // namespace llm::api
