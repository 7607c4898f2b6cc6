#include "src/semantic/gate.hpp"

#include <algorithm>
#include <string>

#include "src/semantic/cues.hpp"
#include "src/semantic/personal.hpp"

namespace llm::semantic {
namespace {

using json::NodeId;
using json::Type;

// Whether a sentence that begins at word i orders something to be done: an
// action first, behind courtesies, or behind "I want to", "can you". Words
// that ask before it make it a question about how to.
bool orders(const Cues& cues, size_t i) {
    const std::vector<CueWord>& words = cues.words();
    constexpr size_t kMostSteps = 6;
    for (size_t step = 0; i < words.size() && step < kMostSteps; step++) {
        size_t courtesy = cues.phrase_at(i, kPolite | kLead);
        size_t led = cues.phrase_at(i, kErrand);
        size_t asks = cues.phrase_at(i, kAsking);
        size_t does = cues.phrase_at(i, kAction);
        if (does > 0 && does >= asks) {
            return true;
        }
        if (asks > std::max(led, courtesy)) {
            return false;
        }
        if (led == 0 && courtesy == 0) {
            return false;
        }
        i += std::max(led, courtesy);
    }
    return false;
}

bool asks_for_action(const Cues& cues) {
    const std::vector<CueWord>& words = cues.words();
    for (size_t i = 0; i < words.size(); i++) {
        if ((i == 0 || words[i].first) && orders(cues, i)) {
            return true;
        }
    }
    return false;
}

bool asks_for_fresh(const Cues& cues) {
    for (size_t i = 0; i < cues.words().size();) {
        size_t fresh = cues.phrase_at(i, kFresh);
        size_t lasting = cues.phrase_at(i, kLasting);
        if (fresh > lasting) {
            return true;
        }
        i += std::max<size_t>(lasting, 1);
    }
    return false;
}

// A member's text, "" when it is absent or no string.
Bytes text_of(const json::Document& doc, NodeId object, Bytes key,
              std::string& scratch) {
    NodeId member = doc.find(object, key);
    return doc.is(member, Type::kString) ? doc.string(member, scratch)
                                         : Bytes();
}

// Messages of a conversation end in what a tool found.
bool tools_pending(const api::Request& request, const json::Document& doc) {
    if (request.ends_with_user) {
        return false;
    }
    NodeId list = doc.find(json::kRoot, "messages");
    list = list != json::kNoNode ? list : doc.find(json::kRoot, "input");
    if (!doc.is(list, Type::kArray) || doc.size(list) == 0) {
        return false;
    }
    NodeId last = json::kNoNode;
    for (NodeId child : doc.children(list)) {
        last = child;
    }
    std::string scratch;
    Bytes role = text_of(doc, last, "role", scratch);
    if (role == "tool" || role == "function") {
        return true;
    }
    std::string kind;
    Bytes type = text_of(doc, last, "type", kind);
    if (type == "function_call_output") {
        return true;
    }
    NodeId content = doc.find(last, "content");
    if (!doc.is(content, Type::kArray)) {
        return false;
    }
    for (NodeId part : doc.children(content)) {
        if (text_of(doc, part, "type", kind) == "tool_result") {
            return true;
        }
    }
    return false;
}

}  // namespace

Bytes gate_text(Bytes text, const GateOptions& options, const Lists& lists) {
    if (text.find_first_not_of(" \t\r\n") == Bytes::npos) {
        return "gate:no_text";
    }
    if (options.max_chars > 0 && text.size() > options.max_chars) {
        return "gate:long";
    }
    if (options.personal && holds_personal_number(text)) {
        return "gate:personal";
    }
    Cues cues(text, lists);
    if (cues.words().empty()) {
        return "gate:no_text";
    }
    if (options.freshness && asks_for_fresh(cues)) {
        return "gate:freshness";
    }
    if (options.action && asks_for_action(cues)) {
        return "gate:action";
    }
    return {};
}

Bytes gate(const api::Request& request, const json::Document& doc,
           const GateOptions& options, const Lists& lists) {
    if (request.endpoint == api::Endpoint::kNone
        || request.endpoint == api::Endpoint::kEmbeddings) {
        return "gate:kind";
    }
    if (request.n != 1) {
        return "gate:n";
    }
    if (request.media_bytes > 0 || request.input_tokens > 0) {
        return "gate:media";
    }
    if (!request.effect().empty()) {
        return "gate:side_effect";
    }
    if (tools_pending(request, doc)) {
        return "gate:tools_pending";
    }
    if (request.has_tools && !options.tools) {
        return "gate:tools";
    }
    if (request.temperature && *request.temperature
                                   > options.max_temperature) {
        return "gate:temperature";
    }
    if (request.last_user_text == json::kNoNode || !request.ends_with_user) {
        return "gate:no_text";
    }
    std::string scratch;
    return gate_text(doc.string(request.last_user_text, scratch), options,
                     lists);
}

}  // namespace llm::semantic
