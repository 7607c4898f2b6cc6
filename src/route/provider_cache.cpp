#include "src/route/provider_cache.hpp"

namespace llm::route {
namespace {

using json::Document;
using json::kNoNode;
using json::kRoot;
using json::NodeId;
using json::Type;

constexpr Bytes kMember = "cache_control";
constexpr Bytes kMark = R"({"type":"ephemeral"})";
constexpr Bytes kOpen = R"([{"type":"text","text":)";
constexpr Bytes kClose = R"(,"cache_control":{"type":"ephemeral"}}])";
constexpr size_t kKeyDigits = 32;

bool client_marks(const Document& doc) {
    if (doc.text().find(kMember) == Bytes::npos) {
        return false;
    }
    for (NodeId id = 0; id < doc.node_count(); id++) {
        if (doc.key(id) == kMember && !doc.is(id, Type::kNull)) {
            return true;
        }
    }
    return false;
}

NodeId element(const Document& doc, NodeId array, size_t index) {
    for (NodeId child : doc.children(array)) {
        if (index-- == 0) {
            return child;
        }
    }
    return kNoNode;
}

bool is_word(const Document& doc, NodeId object, Bytes key, Bytes word) {
    std::string scratch;
    NodeId value = doc.find(object, key);
    return doc.is(value, Type::kString)
           && doc.string(value, scratch) == word;
}

bool is_empty(const Document& doc, NodeId string) {
    return doc.raw(string).size() == 2;
}

// A block that may carry a mark: the provider refuses one on what the model
// thought and on a text without a byte.
bool takes_mark(const Document& doc, NodeId block) {
    if (is_word(doc, block, "type", "text")) {
        NodeId text = doc.find(block, "text");
        return doc.is(text, Type::kString) && !is_empty(doc, text);
    }
    for (Bytes type : {Bytes("image"), Bytes("document"), Bytes("tool_use"),
                       Bytes("tool_result")}) {
        if (is_word(doc, block, "type", type)) {
            return true;
        }
    }
    return false;
}

class Marker {
public:
    Marker(const Document& doc, Edits& edits) : doc_(doc), edits_(edits) {}

    int marks = 0;

    void tools();
    void system(Bytes whole);
    void messages();

private:
    void block(NodeId object) {
        if (edits_.set_member(doc_, object, kMember, kMark).ok()) {
            marks++;
        }
    }
    // A string, or the last of an array of blocks that takes a mark.
    void content(NodeId value);

    const Document& doc_;
    Edits& edits_;
    size_t size_ = 0;  // of what the marks so far could stand behind
};

void Marker::tools() {
    NodeId tools = doc_.find(kRoot, "tools");
    if (!doc_.is(tools, Type::kArray) || doc_.size(tools) == 0) {
        return;
    }
    size_ += doc_.raw(tools).size();
    NodeId last = element(doc_, tools, doc_.size(tools) - 1);
    // A tool that is loaded later stands in no prefix.
    bool deferred = doc_.is(doc_.find(last, "defer_loading"), Type::kTrue);
    if (size_ >= kMinBytes && doc_.is(last, Type::kObject) && !deferred) {
        block(last);
    }
}

void Marker::system(Bytes whole) {
    NodeId system = doc_.find(kRoot, "system");
    if (!whole.empty()) {
        size_ += whole.size();
        std::string blocks(kOpen);
        blocks.append(whole).append(kClose);
        if (size_ >= kMinBytes
            && edits_.set_member(doc_, kRoot, "system", blocks).ok()) {
            marks++;
        }
        return;
    }
    if (system != kNoNode) {
        size_ += doc_.raw(system).size();
        content(system);
    }
}

void Marker::messages() {
    NodeId messages = doc_.find(kRoot, "messages");
    if (!doc_.is(messages, Type::kArray) || doc_.size(messages) < 2) {
        return;
    }
    NodeId stable = element(doc_, messages, doc_.size(messages) - 2);
    size_ += doc_.offset(stable) + doc_.raw(stable).size()
             - doc_.offset(messages);
    content(doc_.find(stable, "content"));
}

void Marker::content(NodeId value) {
    if (size_ < kMinBytes || value == kNoNode) {
        return;
    }
    if (doc_.is(value, Type::kArray)) {
        NodeId last = kNoNode;
        for (NodeId part : doc_.children(value)) {
            last = takes_mark(doc_, part) ? part : last;
        }
        if (last != kNoNode) {
            block(last);
        }
    } else if (doc_.is(value, Type::kString) && !is_empty(doc_, value)) {
        size_t size = doc_.text().size();
        size_t begin = doc_.offset(value);
        size_t end = begin + doc_.raw(value).size();
        if (edits_.splice(size, begin, 0, kOpen).ok()
            && edits_.splice(size, end, 0, kClose).ok()) {
            marks++;
        }
    }
}

}  // namespace

int mark_stable_prefix(const Document& doc, const api::Request& request,
                       Edits& edits, Bytes whole_system) {
    if (request.endpoint != api::Endpoint::kMessages || client_marks(doc)) {
        return 0;
    }
    Marker marker(doc, edits);
    marker.tools();
    marker.system(whole_system);
    marker.messages();
    return marker.marks;
}

std::string prompt_cache_key(const Hmac& mac, Bytes tenant, Bytes prefix) {
    std::string message = "prompt_cache_key\n";
    append_percent_encoded(message, tenant);
    message += '\n';
    message += prefix;
    return mac(message).hex().substr(0, kKeyDigits);
}

bool set_prompt_cache_key(const Document& doc, const api::Request& request,
                          Bytes key, Edits& edits) {
    constexpr Bytes kKey = "prompt_cache_key";
    bool known = request.endpoint == api::Endpoint::kChat
                 || request.endpoint == api::Endpoint::kResponses;
    NodeId own = doc.find(kRoot, kKey);
    if (!known || (own != kNoNode && !doc.is(own, Type::kNull))) {
        return false;
    }
    std::string value;
    append_json_string(value, key);
    return edits.set_member(doc, kRoot, kKey, value).ok();
}

}  // namespace llm::route
