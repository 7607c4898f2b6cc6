#include "src/api/protocols.hpp"
#include "src/api/raw_json.hpp"
#include "src/api/responses.hpp"

namespace llm::api {
namespace {

using json::Document;
using json::kRoot;
using json::NodeId;
using json::Type;

constexpr Bytes kEmptyText = "\"\"";
constexpr Bytes kEmptyArray = "[]";

// The document with the id and the model that the answer has by now. It is
// compact, so both are found without parsing it.
void append_document(std::string& out, const Answer& answer) {
    Bytes rest = answer.document;
    const auto splice = [&](Bytes key, const std::string& name) {
        const Bytes value = raw::member_of(answer.document, key);
        std::string json;
        append_json_string(json, name);
        if (name.empty() || value.empty() || value == json) {
            return;
        }
        const size_t before =
            static_cast<size_t>(value.data() - rest.data());
        out.append(rest.substr(0, before)).append(json);
        rest.remove_prefix(before + value.size());
    };
    const Bytes id = raw::member_of(answer.document, "id");
    const Bytes model = raw::member_of(answer.document, "model");
    if (id.data() < model.data()) {
        splice("id", answer.id);
        splice("model", answer.model);
    } else {
        splice("model", answer.model);
        splice("id", answer.id);
    }
    out.append(rest);
}

// The whole stream of one document. Values are spliced as they stand in it,
// nothing is unescaped on the way.
class Stream {
public:
    Stream(const Document& doc, const Answer& answer, std::string& out)
        : doc_(doc), answer_(answer), out_(out),
          id_(named("id", answer.id)),
          model_(named("model", answer.model)) {}

    void write();

private:
    // Where a delta belongs: the item, and the part by "content_index" or
    // "summary_index".
    struct Place {
        Bytes key;
        int64_t index = 0;
    };

    void lifecycle(Bytes type, bool final);
    void item(NodeId item);
    void message(NodeId item);
    void reasoning(NodeId item);
    void content_part(NodeId part, Place place);
    void output_text(NodeId part, Place place);
    void plain_part(NodeId part, Place place, Bytes key, Bytes event);
    void summary_part(NodeId part, Place place);
    void call(NodeId item, Bytes key, Bytes event);
    void part_event(Bytes type, Place place, Bytes part);
    void text_events(Bytes event, Place place, Bytes key, Bytes text);

    void begin(Bytes type);
    void begin_place(Bytes type, Place place);
    void end() {
        out_ += '}';
        raw::end_event(out_);
    }
    void put(Bytes key, Bytes value) {
        out_.append(",\"").append(key).append("\":").append(value);
    }
    void put(Bytes key, int64_t value) {
        out_.append(",\"").append(key).append("\":");
        append_number(out_, value);
    }

    // The member as it stands or as the answer names it by now.
    std::string named(Bytes key, const std::string& name) const;
    // The member's text when it is of that type, `other` when it is not.
    Bytes raw_or(NodeId object, Bytes key, Type type, Bytes other) const;
    // `other` when the member is of that type, as it stands otherwise.
    Bytes reset(NodeId object, Bytes key, Type type, Bytes other) const;
    std::string emptied(NodeId object,
                        std::initializer_list<raw::Replacement> with) const;

    const Document& doc_;
    const Answer& answer_;
    std::string& out_;
    std::string id_;
    std::string model_;
    Bytes item_id_;
    int64_t output_index_ = 0;
    int64_t sequence_ = 0;
};

std::string Stream::named(Bytes key, const std::string& name) const {
    const NodeId member = doc_.find(kRoot, key);
    if (member == json::kNoNode || name.empty() ||
        raw::text_of(doc_, kRoot, key) == name) {
        return std::string(member == json::kNoNode ? Bytes("null")
                                                   : doc_.raw(member));
    }
    std::string json;
    append_json_string(json, name);
    return json;
}

Bytes Stream::raw_or(NodeId object, Bytes key, Type type, Bytes other) const {
    const NodeId member = doc_.find(object, key);
    return doc_.is(member, type) ? doc_.raw(member) : other;
}

Bytes Stream::reset(NodeId object, Bytes key, Type type, Bytes other) const {
    const NodeId member = doc_.find(object, key);
    if (member == json::kNoNode || doc_.is(member, type)) {
        return other;
    }
    return doc_.raw(member);
}

std::string Stream::emptied(
    NodeId object, std::initializer_list<raw::Replacement> with) const {
    std::string out;
    raw::append_replaced(out, doc_, object, with);
    return out;
}

void Stream::begin(Bytes type) {
    raw::begin_event(out_, type);
    out_.append("{\"type\":\"").append(type).append("\"");
    put("sequence_number", sequence_++);
}

void Stream::begin_place(Bytes type, Place place) {
    begin(type);
    put("item_id", item_id_);
    put("output_index", output_index_);
    if (!place.key.empty()) {
        put(place.key, place.index);
    }
}

void Stream::lifecycle(Bytes type, bool final) {
    begin(type);
    out_ += ",\"response\":";
    if (final) {
        append_document(out_, answer_);
    } else {
        raw::append_replaced(out_, doc_, kRoot,
                             {{"id", id_},
                              {"model", model_},
                              {"status", "\"in_progress\""},
                              {"output", kEmptyArray},
                              {"output_text", kEmptyText},
                              {"usage", "null"},
                              {"error", "null"},
                              {"incomplete_details", "null"},
                              {"completed_at", "null"}});
    }
    end();
}

void Stream::part_event(Bytes type, Place place, Bytes part) {
    begin_place(type, place);
    put("part", part);
    end();
}

// <event>.delta with all of the text, unless it is empty, and <event>.done.
void Stream::text_events(Bytes event, Place place, Bytes key, Bytes text) {
    const std::string prefix(event);
    if (text != kEmptyText) {
        begin_place(prefix + ".delta", place);
        put("delta", text);
        end();
    }
    begin_place(prefix + ".done", place);
    put(key, text);
    end();
}

void Stream::output_text(NodeId part, Place place) {
    const Bytes text = raw_or(part, "text", Type::kString, kEmptyText);
    const Bytes logprobs =
        raw_or(part, "logprobs", Type::kArray, kEmptyArray);
    part_event("response.content_part.added", place,
               emptied(part, {{"text", kEmptyText},
                              {"annotations", reset(part, "annotations",
                                                    Type::kArray,
                                                    kEmptyArray)},
                              {"logprobs", reset(part, "logprobs",
                                                 Type::kArray,
                                                 kEmptyArray)}}));
    if (text != kEmptyText) {
        begin_place("response.output_text.delta", place);
        put("delta", text);
        put("logprobs", logprobs);
        end();
    }
    const NodeId annotations = doc_.find(part, "annotations");
    if (doc_.is(annotations, Type::kArray)) {
        int64_t index = 0;
        for (const NodeId annotation : doc_.children(annotations)) {
            begin_place("response.output_text.annotation.added", place);
            put("annotation_index", index++);
            put("annotation", doc_.raw(annotation));
            end();
        }
    }
    begin_place("response.output_text.done", place);
    put("text", text);
    put("logprobs", logprobs);
    end();
    part_event("response.content_part.done", place, doc_.raw(part));
}

void Stream::plain_part(NodeId part, Place place, Bytes key, Bytes event) {
    part_event("response.content_part.added", place,
               emptied(part, {{key, kEmptyText}}));
    text_events(event, place, key,
                raw_or(part, key, Type::kString, kEmptyText));
    part_event("response.content_part.done", place, doc_.raw(part));
}

void Stream::content_part(NodeId part, Place place) {
    const std::string type = raw::text_of(doc_, part, "type");
    const auto holds = [&](Bytes key) {
        return doc_.is(doc_.find(part, key), Type::kString);
    };
    if (type == "output_text" && holds("text")) {
        output_text(part, place);
    } else if (type == "refusal" && holds("refusal")) {
        plain_part(part, place, "refusal", "response.refusal");
    } else if (type == "reasoning_text" && holds("text")) {
        plain_part(part, place, "text", "response.reasoning_text");
    } else {
        part_event("response.content_part.added", place, doc_.raw(part));
        part_event("response.content_part.done", place, doc_.raw(part));
    }
}

void Stream::summary_part(NodeId part, Place place) {
    const bool text = doc_.is(doc_.find(part, "text"), Type::kString);
    part_event("response.reasoning_summary_part.added", place,
               text ? emptied(part, {{"text", kEmptyText}})
                    : std::string(doc_.raw(part)));
    if (text) {
        text_events("response.reasoning_summary_text", place, "text",
                    doc_.raw(doc_.find(part, "text")));
    }
    part_event("response.reasoning_summary_part.done", place,
               doc_.raw(part));
}

void Stream::message(NodeId item) {
    const NodeId content = doc_.find(item, "content");
    if (!doc_.is(content, Type::kArray)) {
        return;
    }
    int64_t index = 0;
    for (const NodeId part : doc_.children(content)) {
        content_part(part, {"content_index", index++});
    }
}

void Stream::reasoning(NodeId item) {
    const NodeId summary = doc_.find(item, "summary");
    if (doc_.is(summary, Type::kArray)) {
        int64_t index = 0;
        for (const NodeId part : doc_.children(summary)) {
            summary_part(part, {"summary_index", index++});
        }
    }
    message(item);
}

// The arguments of a function, the input of a custom tool.
void Stream::call(NodeId item, Bytes key, Bytes event) {
    const Bytes text = doc_.raw(doc_.find(item, key));
    const std::string prefix(event);
    if (text != kEmptyText) {
        begin_place(prefix + ".delta", {});
        put("delta", text);
        end();
    }
    begin_place(prefix + ".done", {});
    const NodeId name = doc_.find(item, "name");
    if (doc_.is(name, Type::kString)) {
        put("name", doc_.raw(name));
    }
    put(key, text);
    end();
}

void Stream::item(NodeId item) {
    const std::string type = raw::text_of(doc_, item, "type");
    const auto is = [&](Bytes name, Bytes key, Type kind) {
        return type == name && doc_.is(doc_.find(item, key), kind);
    };
    const bool message_item = is("message", "content", Type::kArray);
    const bool reasoning_item = is("reasoning", "summary", Type::kArray) ||
                                is("reasoning", "content", Type::kArray);
    const bool function = is("function_call", "arguments", Type::kString);
    const bool custom = is("custom_tool_call", "input", Type::kString);
    const bool parts = message_item || reasoning_item;
    const auto empty = [&](bool when, Bytes key, Type kind, Bytes other) {
        const NodeId member = doc_.find(item, key);
        const Bytes now =
            member == json::kNoNode ? Bytes("null") : doc_.raw(member);
        return when && doc_.is(member, kind) ? other : now;
    };
    item_id_ = raw_or(item, "id", Type::kString, kEmptyText);

    begin("response.output_item.added");
    put("output_index", output_index_);
    out_ += ",\"item\":";
    raw::append_replaced(
        out_, doc_, item,
        {{"status", empty(true, "status", Type::kString, "\"in_progress\"")},
         {"content", empty(parts, "content", Type::kArray, kEmptyArray)},
         {"summary", empty(reasoning_item, "summary", Type::kArray,
                           kEmptyArray)},
         {"arguments", empty(function, "arguments", Type::kString,
                             kEmptyText)},
         {"input", empty(custom, "input", Type::kString, kEmptyText)}});
    end();
    if (message_item) {
        message(item);
    } else if (reasoning_item) {
        reasoning(item);
    } else if (function) {
        call(item, "arguments", "response.function_call_arguments");
    } else if (custom) {
        call(item, "input", "response.custom_tool_call_input");
    }
    begin("response.output_item.done");
    put("output_index", output_index_);
    put("item", doc_.raw(item));
    end();
}

void Stream::write() {
    lifecycle("response.created", false);
    lifecycle("response.in_progress", false);
    const NodeId output = doc_.find(kRoot, "output");
    if (doc_.is(output, Type::kArray)) {
        for (const NodeId child : doc_.children(output)) {
            if (doc_.is(child, Type::kObject)) {
                item(child);
            }
            ++output_index_;
        }
    }
    const std::string status = raw::text_of(doc_, kRoot, "status");
    const bool cut = status == "incomplete" || status == "cancelled";
    lifecycle(status == "failed" ? "response.failed"
              : cut              ? "response.incomplete"
                                 : "response.completed",
              true);
}

}  // namespace

void write_json_responses(const Answer& answer, std::string& out) {
    if (!answer.document.empty()) {
        append_document(out, answer);
    } else if (answer.error) {
        out += error_body(Family::kOpenai, *answer.error, {});
    }
}

void write_sse_responses(const Answer& answer, const StreamOptions&,
                         std::string& out) {
    Document doc;
    if (doc.parse(answer.document) && doc.is(kRoot, Type::kObject)) {
        Stream(doc, answer, out).write();
    } else if (answer.error) {
        out += error_event(Endpoint::kResponses, *answer.error);
    }
}

}  // namespace llm::api
