#include "src/tokens/prompt.hpp"

#include <algorithm>

#include "src/api/media.hpp"

namespace llm::tokens {
namespace {

using api::Endpoint;
using json::Document;
using json::kNoNode;
using json::kRoot;
using json::NodeId;
using json::Type;

constexpr uint64_t kPerMessage = 3;
constexpr uint64_t kPerName = 1;
constexpr uint64_t kPerRole = 1;  // where the request does not spell it
constexpr uint64_t kPerAnswer = 3;

constexpr Bytes kTextTypes[] = {"text", "input_text", "output_text"};
// Members that say what something is and not what it says.
constexpr Bytes kLabels[] = {
    "type", "id", "tool_call_id", "tool_use_id", "call_id", "status",
    "cache_control", "is_error", "signature",
};

template <size_t N>
bool is_one_of(Bytes word, const Bytes (&list)[N]) {
    return std::find(list, list + N, word) != list + N;
}

class Walk {
public:
    Walk(const Counter& counter, const Document& doc, CountScratch& scratch,
         Budget& budget)
        : counter_(counter), doc_(doc), scratch_(scratch), budget_(budget) {}

    void chat(Endpoint endpoint);
    void texts(NodeId value);

    TextCount count;

private:
    void text(NodeId string);
    void leave(NodeId value) { count.rest += TextSize::of(doc_.raw(value)); }
    void leave_tools(NodeId tools);
    void one_message(NodeId content);
    void messages(NodeId list);
    void message(NodeId value);
    void content(NodeId value);
    void part(NodeId value);

    const Counter& counter_;
    const Document& doc_;
    CountScratch& scratch_;
    Budget& budget_;
};

void Walk::text(NodeId string) {
    if (budget_.left == 0) {
        count.rest += doc_.string_size(string);
        return;
    }
    Bytes text = doc_.string(string, scratch_.text);
    Counted got = counter_.count(text, scratch_.merger, budget_);
    count.tokens += got.tokens;
    count.rest += TextSize::of(text.substr(got.bytes));
}

void Walk::part(NodeId value) {
    if (doc_.is(value, Type::kString)) {
        return text(value);
    }
    NodeId type = doc_.find(value, "type");
    Bytes kind = doc_.is(type, Type::kString) ? doc_.raw(type) : Bytes{};
    kind = kind.substr(0, kind.empty() ? 0 : kind.size() - 1);
    kind.remove_prefix(kind.empty() ? 0 : 1);
    NodeId said = doc_.find(value, "text");
    if (is_one_of(kind, kTextTypes) && doc_.is(said, Type::kString)) {
        text(said);
    } else if (api::media_of(doc_, value) == api::Media::kNone) {
        leave(value);
    }
}

void Walk::content(NodeId value) {
    if (doc_.is(value, Type::kArray)) {
        for (NodeId child : doc_.children(value)) {
            part(child);
        }
    } else if (!doc_.is(value, Type::kNull)) {
        part(value);
    }
}

void Walk::message(NodeId value) {
    count.tokens += kPerMessage;
    if (!doc_.is(value, Type::kObject)) {
        return part(value);
    }
    for (NodeId member : doc_.children(value)) {
        Bytes key = doc_.key(member);
        if (is_one_of(key, kLabels) || doc_.is(member, Type::kNull)) {
            continue;
        }
        bool string = doc_.is(member, Type::kString);
        if (key == "content" || key == "output") {
            content(member);
        } else if (string && (key == "role" || key == "name")) {
            text(member);
            count.tokens += key == "name" ? kPerName : 0;
        } else if (string) {
            text(member);
        } else {
            leave(member);
        }
    }
}

void Walk::messages(NodeId list) {
    for (NodeId child : doc_.children(list)) {
        message(child);
    }
}

// What is a message though it is not written as one.
void Walk::one_message(NodeId value) {
    if (!doc_.is(value, Type::kNull)) {
        count.tokens += kPerMessage + kPerRole;
        content(value);
    }
}

// As the estimator is told of them: written in ASCII.
void Walk::leave_tools(NodeId tools) {
    if (!doc_.is(tools, Type::kNull)) {
        count.rest.ascii_bytes += doc_.raw(tools).size();
    }
}

void Walk::chat(Endpoint endpoint) {
    bool responses = endpoint == Endpoint::kResponses;
    for (NodeId member : doc_.children(kRoot)) {
        Bytes key = doc_.key(member);
        bool list = doc_.is(member, Type::kArray);
        if (key == "tools"
            || (key == "functions" && endpoint == Endpoint::kChat)) {
            leave_tools(member);
        } else if (key == (responses ? "input" : "messages") && list) {
            messages(member);
        } else if ((key == "system" && endpoint == Endpoint::kMessages)
                   || ((key == "instructions" || key == "input")
                       && responses)) {
            one_message(member);
        }
    }
    count.tokens += kPerAnswer;
}

// A string or strings.
void Walk::texts(NodeId value) {
    if (doc_.is(value, Type::kString)) {
        return text(value);
    }
    if (!doc_.is(value, Type::kArray)) {
        return;
    }
    for (NodeId child : doc_.children(value)) {
        if (doc_.is(child, Type::kString) || doc_.is(child, Type::kObject)) {
            part(child);
        }
    }
}

}  // namespace

TextCount count_prompt(const Counter& counter, Endpoint endpoint,
                         const Document& doc, CountScratch& scratch,
                         Budget& budget) {
    Walk walk(counter, doc, scratch, budget);
    switch (endpoint) {
    case Endpoint::kNone: break;
    case Endpoint::kChat:
    case Endpoint::kResponses:
    case Endpoint::kMessages: walk.chat(endpoint); break;
    case Endpoint::kCompletions:
    case Endpoint::kEmbeddings:
        for (Bytes key : {"prompt", "suffix", "input", "messages"}) {
            bool known = (key == "prompt" || key == "suffix")
                         == (endpoint == Endpoint::kCompletions);
            NodeId value = known ? doc.find(kRoot, key) : kNoNode;
            if (value != kNoNode) {
                walk.texts(value);
            }
        }
    }
    return walk.count;
}

}  // namespace llm::tokens
