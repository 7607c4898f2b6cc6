// A client's body, all the way that it goes before anything is sent: parsed,
// written in canonical form, read as a request of every endpoint, given a
// fingerprint, edited. What must hold is checked, not only that it ends.
#include <cstdint>
#include <cstdio>
#include <vector>

#include "src/api/request.hpp"
#include "src/cache/fingerprint.hpp"
#include "src/json/canonical.hpp"
#include "src/route/edits.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using llm::Bytes;
using llm::Digest;
using llm::api::Endpoint;
using llm::api::Request;
using llm::api::Span;
using llm::json::Document;
using llm::json::kNoNode;
using llm::json::kRoot;
using llm::json::NodeId;
using llm::json::Type;
using llm::fuzz::check;

constexpr Endpoint kEndpoints[] = {
    Endpoint::kChat, Endpoint::kCompletions, Endpoint::kEmbeddings,
    Endpoint::kResponses, Endpoint::kMessages,
};

std::string canonical(const Document& doc) {
    std::string out;
    append_canonical(doc, {}, out);
    return out;
}

void respell_string(Bytes text, std::string& out) {
    out += '"';
    for (unsigned char c : text) {
        if (c >= 0x80) {
            out += static_cast<char>(c);
            continue;
        }
        char escape[8];
        std::snprintf(escape, sizeof(escape), c % 2 == 0 ? "\\u%04x"
                                                         : "\\u%04X", c);
        out += escape;
    }
    out += '"';
}

// The same said in other words: white space everywhere, members backwards,
// every ASCII character escaped. Recursion is as deep as Document allows.
void respell(const Document& doc, NodeId id, std::string& out) {
    std::string scratch;
    out += " \t";
    switch (doc.type(id)) {
    case Type::kString:
        respell_string(doc.string(id, scratch), out);
        break;
    case Type::kArray: {
        out += '[';
        const char* comma = "";
        for (NodeId child : doc.children(id)) {
            out += comma;
            respell(doc, child, out);
            comma = ",";
        }
        out += "\r]";
        break;
    }
    case Type::kObject: {
        std::vector<NodeId> members;
        for (NodeId child : doc.children(id)) {
            members.push_back(child);
        }
        out += '{';
        for (size_t i = members.size(); i > 0; i--) {
            out += '\n';
            respell_string(doc.key(members[i - 1]), out);
            out += " :";
            respell(doc, members[i - 1], out);
            out += i > 1 ? "," : "";
        }
        out += '}';
        break;
    }
    default:
        out += doc.raw(id);
    }
    out += "\n";
}

void check_span(const Document& doc, Span span, Bytes key) {
    NodeId node = doc.find(kRoot, key);
    check(span.present() == (node != kNoNode), "a span for what is there");
    if (span.present()) {
        check(doc.text().substr(span.offset, span.size) == doc.raw(node),
              "a span is the member's value");
    }
}

void check_request(const Document& doc, const Document& respelled,
                   Endpoint endpoint) {
    llm::api::ApiError why;
    auto first = parse_request(endpoint, doc, &why);
    auto again = parse_request(endpoint, respelled);
    check(first.ok() == again.ok(), "spelling decides nothing");
    if (!first.ok()) {
        check(!why.message.empty() && why.status == 400, "a reason");
        return;
    }
    const Request& a = *first;
    const Request& b = *again;
    check(a.model == b.model && a.stream == b.stream && a.n == b.n
              && a.max_output_tokens == b.max_output_tokens
              && a.temperature == b.temperature && a.store == b.store
              && a.effect().empty() == b.effect().empty()
              && a.messages == b.messages
              && a.input_tokens == b.input_tokens
              && a.ends_with_user == b.ends_with_user,
          "both spellings say the same");
    check(a.n >= 1 && a.n <= Request::kMaxCount, "n in bounds");
    check(a.model.size() <= Request::kMaxModel, "model in bounds");
    check(a.insert_at > 0 && doc.text()[a.insert_at - 1] == '{',
          "insert_at is behind the brace");
    if (!a.model.empty()) {
        check_span(doc, a.model_span, "model");
    }
    if (a.last_user_text != kNoNode) {
        check(doc.is(a.last_user_text, Type::kString), "text is a string");
    }
}

Digest key_of(const Document& doc, Endpoint endpoint, Bytes model) {
    llm::cache::KeyParts parts;
    parts.endpoint = endpoint;
    parts.model = model;
    return fingerprint(doc, parts);
}

void check_value(const Document& doc, NodeId object, Bytes key, Bytes raw) {
    NodeId node = doc.find(object, key);
    check(node != kNoNode && doc.raw(node) == raw, "the member was set");
}

void check_edits(const Document& doc) {
    if (!doc.is(kRoot, Type::kObject)) {
        return;
    }
    llm::route::Edits edits;
    bool usage = edits.set_include_usage(doc).ok();
    check(edits.set_member(doc, kRoot, "model", "\"routed\"").ok(), "model");
    check(edits.set_member(doc, kRoot, "seed", "7").ok(), "seed");
    check(edits.set_member(doc, kRoot, "seed", "{}").ok(), "seed again");
    std::string text = edits.apply(doc.text());
    check(text.size() == edits.size_after(doc.text().size()), "the size");
    Document edited;
    check(edited.parse(text).ok(), "an edited body is JSON");
    check_value(edited, kRoot, "model", "\"routed\"");
    check_value(edited, kRoot, "seed", "{}");
    if (usage) {
        check_value(edited, edited.find(kRoot, "stream_options"),
                    "include_usage", "true");
    }
    for (NodeId member : doc.children(kRoot)) {
        Bytes key = doc.key(member);
        if (key != "model" && key != "seed" && key != "stream_options") {
            check_value(edited, kRoot, key, doc.raw(member));
        }
    }
    // Nothing that was injected for us alone changes the key.
    llm::route::Edits ours;
    if (ours.set_include_usage(doc).ok()) {
        std::string with_usage = ours.apply(doc.text());
        check(edited.parse(with_usage).ok(), "JSON with usage");
        check(key_of(edited, Endpoint::kChat, "m")
                  == key_of(doc, Endpoint::kChat, "m"),
              "include_usage is not part of the key");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static Document kept;  // reused, as a worker does
    Bytes text(reinterpret_cast<const char*>(data), size);
    Document doc;
    bool ok = doc.parse(text).ok();
    check(kept.parse(text).ok() == ok, "the same decision twice");
    check(doc.empty() == !ok && kept.empty() == !ok, "empty after an error");
    if (!ok) {
        return 0;
    }
    std::string form = canonical(doc);
    check(canonical(kept) == form, "the same form twice");
    Document second;
    check(second.parse(form).ok(), "the canonical form is JSON");
    check(canonical(second) == form, "and canonical");
    std::string respelled;
    respell(doc, kRoot, respelled);
    check(second.parse(respelled).ok(), "the other spelling is JSON");
    check(canonical(second) == form, "spellings meet");
    for (Endpoint endpoint : kEndpoints) {
        check_request(doc, second, endpoint);
        check(key_of(doc, endpoint, "") == key_of(second, endpoint, ""),
              "spellings share a key");
    }
    check_edits(doc);
    return 0;
}
