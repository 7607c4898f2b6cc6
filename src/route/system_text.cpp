#include "src/route/system_text.hpp"

#include <vector>

#include "src/base/digest.hpp"

namespace llm::route {
namespace {

using json::Document;
using json::kNoNode;
using json::kRoot;
using json::NodeId;
using json::Type;

constexpr Bytes kBlankLine = "\\n\\n";  // inside a JSON string
constexpr Bytes kBom = "\xef\xbb\xbf";

Error invalid(std::string message) {
    return {Errc::kInvalid, std::move(message)};
}

Bytes name_of(SystemMode mode) {
    switch (mode) {
    case SystemMode::kPrepend: return "prepend";
    case SystemMode::kAppend: return "append";
    case SystemMode::kReplace: break;
    }
    return "replace";
}

std::string joined(const std::string& first, const std::string& second) {
    if (first.empty() || second.empty()) {
        return first + second;
    }
    std::string out = first;
    out.append(kBlankLine).append(second);
    return out;
}

// All texts of a request as one.
struct Words {
    bool replace = false;
    std::string before;  // escaped
    std::string after;

    std::string whole() const { return '"' + joined(before, after) + '"'; }
};

Words fold(std::span<const SystemText* const> texts) {
    Words words;
    for (const SystemText* text : texts) {
        switch (text->mode) {
        case SystemMode::kPrepend:
            words.before = joined(text->content, words.before);
            break;
        case SystemMode::kAppend:
            words.after = joined(words.after, text->content);
            break;
        case SystemMode::kReplace:
            words = {true, text->content, {}};
            break;
        }
    }
    return words;
}

class SystemEditor {
public:
    SystemEditor(const Document& doc, Edits& edits)
        : doc_(doc), edits_(edits) {}

    Result<void> chat(const Words& words);
    Result<void> responses(const Words& words);
    Result<void> messages(const Words& words);

    api::ApiError why;
    std::string whole;  // as apply_system() returns it

private:
    Error refuse(std::string message, std::string param) {
        why = {400, std::move(message), "", std::move(param), ""};
        return invalid(why.message);
    }
    bool speaks(NodeId message) const;
    Result<void> value(NodeId object, Bytes key, const Words& words);
    Result<void> text(NodeId value, const Words& words);
    Result<void> blocks(NodeId value, const Words& words);
    Result<void> put_in_front(NodeId messages, const Words& words);
    Result<void> take_out(NodeId array, NodeId keep);
    Result<void> insert(size_t offset, Bytes bytes) {
        return edits_.splice(doc_.text().size(), offset, 0, bytes);
    }

    const Document& doc_;
    Edits& edits_;
};

// A message of the system's or the developer's.
bool SystemEditor::speaks(NodeId message) const {
    NodeId role = doc_.find(message, "role");
    if (!doc_.is(role, Type::kString)) {
        return false;
    }
    std::string scratch;
    Bytes name = doc_.string(role, scratch);
    return name == "system" || name == "developer";
}

Result<void> SystemEditor::text(NodeId value, const Words& words) {
    size_t begin = doc_.offset(value);
    size_t end = begin + doc_.raw(value).size();
    if (!words.before.empty()) {
        Result<void> done =
            insert(begin + 1, words.before + std::string(kBlankLine));
        if (!done.ok()) {
            return done;
        }
    }
    if (words.after.empty()) {
        return {};
    }
    return insert(end - 1, std::string(kBlankLine) + words.after);
}

Result<void> SystemEditor::blocks(NodeId value, const Words& words) {
    auto block = [](const std::string& words) {
        return R"({"type":"text","text":")" + words + "\"}";
    };
    size_t begin = doc_.offset(value);
    size_t end = begin + doc_.raw(value).size();
    bool alone = doc_.size(value) == 0;
    if (!words.before.empty()) {
        std::string bytes = block(words.before);
        bytes += alone ? "" : ",";
        Result<void> done = insert(begin + 1, bytes);
        if (!done.ok()) {
            return done;
        }
        alone = false;
    }
    if (words.after.empty()) {
        return {};
    }
    return insert(end - 1, (alone ? "" : ",") + block(words.after));
}

// The text of `object` under `key`; arrays are for who asked about them.
Result<void> SystemEditor::value(NodeId object, Bytes key,
                                 const Words& words) {
    NodeId value = doc_.find(object, key);
    bool nothing = value == kNoNode || doc_.is(value, Type::kNull)
                   || doc_.raw(value) == "\"\"";
    if (nothing || words.replace) {
        whole = words.whole();
        return edits_.set_member(doc_, object, key, whole);
    }
    return doc_.is(value, Type::kString) ? text(value, words)
                                         : blocks(value, words);
}

Result<void> SystemEditor::put_in_front(NodeId messages,
                                        const Words& words) {
    std::string message =
        R"({"role":"system","content":)" + words.whole() + "}";
    message += doc_.size(messages) > 0 ? "," : "";
    return insert(doc_.offset(messages) + 1, message);
}

// Removes the instructions among the elements but `keep`, each with a comma;
// those that stand together as one piece.
Result<void> SystemEditor::take_out(NodeId array, NodeId keep) {
    auto end_of = [&](NodeId value) {
        return doc_.offset(value) + doc_.raw(value).size();
    };
    auto remove = [&](size_t from, size_t to) {
        return edits_.splice(doc_.text().size(), from, to - from, {});
    };
    size_t begin = doc_.offset(array) + 1;
    size_t kept = 0;  // end of the last that stays; 0: none does so far
    size_t gone = 0;  // end of the last that goes behind it; 0: none
    for (NodeId element : doc_.children(array)) {
        if (element != keep && speaks(element)) {
            gone = end_of(element);
            continue;
        }
        if (gone != 0) {
            Result<void> done = kept == 0
                                    ? remove(begin, doc_.offset(element))
                                    : remove(kept, gone);
            if (!done.ok()) {
                return done;
            }
        }
        kept = end_of(element);
        gone = 0;
    }
    if (kept == 0) {
        return remove(begin, end_of(array) - 1);
    }
    return gone != 0 ? remove(kept, gone) : Result<void>();
}

Result<void> SystemEditor::chat(const Words& words) {
    NodeId messages = doc_.find(kRoot, "messages");
    if (!doc_.is(messages, Type::kArray)) {
        return refuse("'messages' must be an array.", "messages");
    }
    NodeId first = kNoNode;
    NodeId last = kNoNode;
    size_t count = 0;
    for (NodeId message : doc_.children(messages)) {
        if (!speaks(message)) {
            break;
        }
        NodeId content = doc_.find(message, "content");
        bool fits = content == kNoNode || doc_.is(content, Type::kNull)
                    || doc_.is(content, Type::kString)
                    || doc_.is(content, Type::kArray);
        if (!fits) {
            std::string where = "messages[";
            append_number(where, static_cast<int64_t>(count));
            where += "].content";
            return refuse("'" + where + "' must be a string or an array.",
                          where);
        }
        first = first == kNoNode ? message : first;
        last = message;
        count++;
    }
    Result<void> done;
    if (first == kNoNode) {
        done = put_in_front(messages, words);
    } else if (words.replace || first == last) {
        done = value(first, "content", words);
    } else {
        if (!words.before.empty()) {
            done = value(first, "content", {false, words.before, {}});
        }
        if (done.ok() && !words.after.empty()) {
            done = value(last, "content", {false, {}, words.after});
        }
    }
    if (done.ok() && words.replace) {
        done = take_out(messages, first);
    }
    return done;
}

Result<void> SystemEditor::responses(const Words& words) {
    NodeId own = doc_.find(kRoot, "instructions");
    if (own != kNoNode && !doc_.is(own, Type::kNull)
        && !doc_.is(own, Type::kString)) {
        return refuse("'instructions' must be a string.", "instructions");
    }
    Result<void> done = value(kRoot, "instructions", words);
    NodeId input = doc_.find(kRoot, "input");
    if (done.ok() && words.replace && doc_.is(input, Type::kArray)) {
        done = take_out(input, kNoNode);
    }
    return done;
}

Result<void> SystemEditor::messages(const Words& words) {
    NodeId own = doc_.find(kRoot, "system");
    if (own != kNoNode && !doc_.is(own, Type::kNull)
        && !doc_.is(own, Type::kString) && !doc_.is(own, Type::kArray)) {
        return refuse("'system' must be a string or an array.", "system");
    }
    Result<void> done = value(kRoot, "system", words);
    NodeId turns = doc_.find(kRoot, "messages");
    if (done.ok() && words.replace && doc_.is(turns, Type::kArray)) {
        done = take_out(turns, kNoNode);
    }
    return done;
}

void tell(std::span<const SystemText* const> texts, std::string& effective) {
    for (const SystemText* text : texts) {
        effective.append("system ").append(name_of(text->mode)).append("=");
        effective.append(text->digest).append("\n");
    }
}

}  // namespace

std::optional<SystemMode> system_mode_of(Bytes word) {
    for (SystemMode mode : {SystemMode::kPrepend, SystemMode::kAppend,
                            SystemMode::kReplace}) {
        if (word == name_of(mode)) {
            return mode;
        }
    }
    return std::nullopt;
}

Result<SystemText> system_text(SystemMode mode, Bytes file) {
    if (file.size() > SystemText::kMaxSize) {
        return Error{Errc::kTooLarge, "the text is larger than 1 MB"};
    }
    if (file.starts_with(kBom)) {
        file.remove_prefix(kBom.size());
    }
    while (!file.empty() && (file.back() == '\n' || file.back() == '\r')) {
        file.remove_suffix(1);
    }
    if (file.find_first_not_of(" \t\r\n") == Bytes::npos) {
        return invalid("there is no text in the file");
    }
    if (file.find('\0') != Bytes::npos) {
        return invalid("the text holds a NUL");
    }
    std::string quoted;
    append_json_string(quoted, file);
    if (!Document().parse(quoted).ok()) {
        return invalid("the text is not UTF-8");
    }
    SystemText text;
    text.mode = mode;
    text.content = quoted.substr(1, quoted.size() - 2);
    text.digest = sha256(file).hex();
    return text;
}

Result<std::string> apply_system(const Document& doc,
                                 const api::Request& request,
                                 std::span<const SystemText* const> texts,
                                 Edits& edits, std::string* effective,
                                 api::ApiError* why) {
    bool has_place = request.endpoint == api::Endpoint::kChat
                     || request.endpoint == api::Endpoint::kResponses
                     || request.endpoint == api::Endpoint::kMessages;
    if (texts.empty() || !has_place) {
        return std::string();
    }
    SystemEditor editor(doc, edits);
    Words words = fold(texts);
    Result<void> done;
    switch (request.endpoint) {
    case api::Endpoint::kChat: done = editor.chat(words); break;
    case api::Endpoint::kResponses: done = editor.responses(words); break;
    default: done = editor.messages(words); break;
    }
    if (!done.ok()) {
        if (why != nullptr) {
            *why = std::move(editor.why);
            why->message = done.error().message;
        }
        return done.error();
    }
    if (effective != nullptr) {
        tell(texts, *effective);
    }
    return request.endpoint == api::Endpoint::kMessages
               ? std::move(editor.whole)
               : std::string();
}

}  // namespace llm::route
