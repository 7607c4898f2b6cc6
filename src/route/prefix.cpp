#include "src/route/prefix.hpp"

#include <algorithm>

#include "src/base/digest.hpp"

namespace llm::route {
namespace {

using json::Document;
using json::kNoNode;
using json::kRoot;
using json::NodeId;
using json::Type;

constexpr size_t kNameBytes = 8;
// In no JSON text, so nothing that was read looks like it.
constexpr Bytes kBetween = "\xff";

class PrefixHash {
public:
    explicit PrefixHash(const Document& doc) : doc_(doc) {}

    void begin(Bytes what) {
        hasher_.update(what);
        hasher_.update(kBetween);
        left_ = kPartMax;
        total_ = 0;
    }
    void end() {
        std::string size;
        append_number(size, static_cast<int64_t>(total_));
        hasher_.update(kBetween);
        hasher_.update(size);
        hasher_.update(kBetween);
    }
    void add(Bytes bytes) {
        total_ += bytes.size();
        bytes = bytes.substr(0, left_);
        left_ -= bytes.size();
        hasher_.update(bytes);
    }

    void add_part(Bytes what, NodeId value) {
        begin(what);
        add_content(value);
        end();
    }
    // A string or an array of parts.
    void add_content(NodeId content);
    std::string name() {
        return to_hex(hasher_.finish().view().substr(0, kNameBytes));
    }

private:
    void add_inner(NodeId string) {
        Bytes raw = doc_.raw(string);
        add(raw.substr(1, raw.size() - 2));
    }
    void add_object(NodeId object);

    const Document& doc_;
    Hasher hasher_;
    size_t left_ = 0;
    uint64_t total_ = 0;
};

// A part of nothing but text is its text, as a string is.
void PrefixHash::add_object(NodeId object) {
    NodeId text = doc_.find(object, "text");
    if (doc_.is(text, Type::kString)) {
        add_inner(text);
        return;
    }
    for (NodeId member : doc_.children(object)) {
        Bytes key = doc_.key(member);
        if (key != "cache_control") {
            add(key);
            add(kBetween);
            add(doc_.raw(member));
        }
    }
}

void PrefixHash::add_content(NodeId content) {
    if (content == kNoNode || doc_.is(content, Type::kNull)) {
        return;
    }
    if (doc_.is(content, Type::kString)) {
        add_inner(content);
        return;
    }
    if (!doc_.is(content, Type::kArray)) {
        add(doc_.raw(content));
        return;
    }
    bool first = true;
    for (NodeId part : doc_.children(content)) {
        if (!first) {
            add(kBetween);
        }
        first = false;
        if (doc_.is(part, Type::kObject)) {
            add_object(part);
        } else {
            add(doc_.raw(part));
        }
    }
}

// The messages at the start up to the first that is no instruction.
void add_messages(const Document& doc, NodeId messages, PrefixHash& hash) {
    if (!doc.is(messages, Type::kArray)) {
        return;
    }
    for (NodeId message : doc.children(messages)) {
        std::string scratch;
        NodeId role = doc.find(message, "role");
        Bytes name;
        if (doc.is(role, Type::kString)) {
            name = doc.string(role, scratch);
        }
        NodeId content = doc.find(message, "content");
        hash.begin(name);
        if (content == kNoNode) {
            hash.add(doc.raw(message));
        } else {
            hash.add_content(content);
        }
        hash.end();
        if (name != "system" && name != "developer") {
            return;
        }
    }
}

void add_response(const Document& doc, PrefixHash& hash) {
    NodeId conversation = doc.find(kRoot, "conversation");
    if (conversation != kNoNode && !doc.is(conversation, Type::kNull)) {
        hash.add_part("conversation", conversation);
        return;
    }
    hash.add_part("tools", doc.find(kRoot, "tools"));
    hash.add_part("instructions", doc.find(kRoot, "instructions"));
    NodeId input = doc.find(kRoot, "input");
    if (doc.is(input, Type::kString)) {
        hash.add_part("user", input);
    } else {
        add_messages(doc, input, hash);
    }
}

void add_prompt(const Document& doc, PrefixHash& hash) {
    NodeId prompt = doc.find(kRoot, "prompt");
    if (doc.is(prompt, Type::kArray) && doc.size(prompt) > 0
        && !doc.is(*doc.children(prompt).begin(), Type::kNumber)) {
        prompt = *doc.children(prompt).begin();
    }
    hash.begin("prompt");
    if (prompt != kNoNode) {
        // Without its bracket or quote, which a longer prompt moves.
        Bytes raw = doc.raw(prompt);
        hash.add(raw.substr(0, std::min(raw.size() - 1, kPromptBlock + 1)));
    }
}

}  // namespace

std::string prefix_of(const Document& doc, const api::Request& request) {
    PrefixHash hash(doc);
    hash.begin(api::name_of(request.endpoint));
    switch (request.endpoint) {
    case api::Endpoint::kChat:
        hash.add_part("tools", doc.find(kRoot, "tools"));
        hash.add_part("functions", doc.find(kRoot, "functions"));
        add_messages(doc, doc.find(kRoot, "messages"), hash);
        break;
    case api::Endpoint::kMessages:
        hash.add_part("tools", doc.find(kRoot, "tools"));
        hash.add_part("system", doc.find(kRoot, "system"));
        add_messages(doc, doc.find(kRoot, "messages"), hash);
        break;
    case api::Endpoint::kResponses:
        add_response(doc, hash);
        break;
    case api::Endpoint::kCompletions:
        add_prompt(doc, hash);
        break;
    default:
        hash.add_part("input", doc.find(kRoot, "input"));
        break;
    }
    return hash.name();
}

}  // namespace llm::route
