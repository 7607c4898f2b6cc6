#include "src/api/request_text.hpp"

#include <algorithm>

#include "src/api/media.hpp"
#include "src/json/text.hpp"

namespace llm::api {
namespace {

using json::kNoNode;
using json::NodeId;
using json::Type;

// Members that say what something is and not what it says.
constexpr Bytes kLabels[] = {
    "role", "type", "id", "tool_call_id", "tool_use_id", "call_id",
    "status", "cache_control", "is_error", "signature",
};

template <size_t N>
bool is_one_of(Bytes word, const Bytes (&list)[N]) {
    return std::find(list, list + N, word) != list + N;
}

}  // namespace

void RequestText::add(TextSize size) {
    request_.ascii_bytes += size.ascii_bytes;
    request_.other_bytes += size.other_bytes;
}

void RequestText::add_value(NodeId value) {
    add(doc_.is(value, Type::kString) ? doc_.string_size(value)
                                      : TextSize::of(doc_.raw(value)));
}

bool RequestText::is_media(NodeId part) const {
    return media_of(doc_, part) != Media::kNone;
}

void RequestText::add_inner_part(NodeId part) {
    if (!doc_.is(part, Type::kObject)) {
        return add_value(part);
    }
    if (is_media(part)) {
        request_.media_bytes += doc_.raw(part).size();
        return;
    }
    for (NodeId member : doc_.children(part)) {
        if (!is_one_of(doc_.key(member), kLabels)) {
            add_value(member);
        }
    }
}

void RequestText::add_part(NodeId part) {
    NodeId inner = doc_.find(part, "content");
    if (!doc_.is(inner, Type::kArray) || is_media(part)) {
        return add_inner_part(part);
    }
    for (NodeId member : doc_.children(part)) {
        if (member == inner) {
            for (NodeId child : doc_.children(inner)) {
                add_inner_part(child);
            }
        } else if (!is_one_of(doc_.key(member), kLabels)) {
            add_value(member);
        }
    }
}

void RequestText::add_content(NodeId content) {
    if (doc_.is(content, Type::kArray)) {
        for (NodeId part : doc_.children(content)) {
            add_part(part);
        }
    } else if (!doc_.is(content, Type::kNull)) {
        add_part(content);
    }
}

void RequestText::add_message(NodeId message) {
    if (!doc_.is(message, Type::kObject)) {
        return add_value(message);
    }
    for (NodeId member : doc_.children(message)) {
        Bytes key = doc_.key(member);
        if (key == "content" || key == "output") {
            add_content(member);
        } else if (!is_one_of(key, kLabels)
                   && !doc_.is(member, Type::kNull)) {
            add_value(member);
        }
    }
}

bool RequestText::is_user(NodeId message) const {
    NodeId role = doc_.find(message, "role");
    std::string scratch;
    return role != kNoNode && doc_.string(role, scratch) == "user";
}

void RequestText::find_user_text(NodeId message) {
    request_.ends_with_user = false;
    if (!is_user(message)) {
        return;
    }
    NodeId content = doc_.find(message, "content");
    if (doc_.is(content, Type::kString)) {
        request_.last_user_text = content;
        request_.ends_with_user = true;
        return;
    }
    if (!doc_.is(content, Type::kArray)) {
        return;
    }
    for (NodeId part : doc_.children(content)) {
        NodeId text = doc_.find(part, "text");
        if (doc_.is(text, Type::kString)) {
            request_.last_user_text = text;
            request_.ends_with_user = doc_.size(content) == 1;
        }
    }
}

void RequestText::add_messages(NodeId messages) {
    request_.messages += static_cast<uint32_t>(doc_.size(messages));
    for (NodeId message : doc_.children(messages)) {
        add_message(message);
        find_user_text(message);
    }
}

void RequestText::add_prompt(NodeId prompt) {
    if (doc_.is(prompt, Type::kString)) {
        add_value(prompt);
        request_.messages++;
        request_.last_user_text = prompt;
        request_.ends_with_user = true;
        return;
    }
    bool tokens = false;
    for (NodeId child : doc_.children(prompt)) {
        switch (doc_.type(child)) {
        case Type::kNumber:
            request_.input_tokens++;
            tokens = true;
            continue;
        case Type::kArray:
            request_.input_tokens += doc_.size(child);
            break;
        default:
            add_part(child);
            if (doc_.is(child, Type::kString)) {
                request_.last_user_text = child;
                request_.ends_with_user = doc_.size(prompt) == 1;
            }
        }
        request_.messages++;
    }
    request_.messages += tokens ? 1 : 0;
}

}  // namespace llm::api
