#include "src/api/responses_progress.hpp"

#include <algorithm>

#include "src/api/raw_json.hpp"

namespace llm::api {
namespace {

using json::Document;
using json::kNoNode;
using json::kRoot;
using json::NodeId;
using json::Type;

constexpr Bytes kPartKeys[] = {"content_index", "summary_index"};

// What the text of a part or of a call is called: the member, and the events
// it comes in.
struct TextKind {
    Bytes type;
    Bytes member;
    Bytes event;
};
constexpr TextKind kPartTexts[] = {
    {"output_text", "text", "response.output_text"},
    {"refusal", "refusal", "response.refusal"},
    {"reasoning_text", "text", "response.reasoning_text"},
    {"summary_text", "text", "response.reasoning_summary_text"},
};
constexpr TextKind kCallTexts[] = {
    {"function_call", "arguments", "response.function_call_arguments"},
    {"custom_tool_call", "input", "response.custom_tool_call_input"},
    {"mcp_call", "arguments", "response.mcp_call_arguments"},
    {"code_interpreter_call", "code", "response.code_interpreter_call_code"},
};

template <size_t N>
const TextKind* kind_of(const TextKind (&kinds)[N], Bytes type) {
    auto found = std::find_if(kinds, kinds + N, [type](const TextKind& k) {
        return k.type == type;
    });
    return found == kinds + N ? nullptr : found;
}

int64_t number_of(const Document& doc, Bytes key, int64_t otherwise) {
    NodeId node = doc.find(kRoot, key);
    return doc.is(node, Type::kNumber) ? doc.as_int64(node) : otherwise;
}

// One member of a compact object replaced, or added.
std::string with(Bytes object, Bytes key, Bytes value) {
    Document doc;
    std::string out;
    if (doc.parse(object)) {
        raw::append_with(out, doc, kRoot, key, value);
    }
    return out;
}

std::string quoted(Bytes inside) {
    return '"' + std::string(inside) + '"';
}

}  // namespace

// Writes the events that close one item.
class ResponsesProgress::Closing {
public:
    Closing(const Item& item, std::string& out, int64_t& sequence)
        : item_(item), out_(out), sequence_(sequence) {}

    // Returns the item as it was closed.
    std::string run();

private:
    void begin(Bytes type);
    void begin_in_item(Bytes type, const Part* part);
    void end() {
        out_ += '}';
        raw::end_event(out_);
    }
    void put(Bytes key, Bytes value) {
        out_.append(",\"").append(key).append("\":").append(value);
    }
    void text_done(const TextKind& kind, const Text& text, const Part* part);
    std::string close(const Part& part);

    const Item& item_;
    std::string& out_;
    int64_t& sequence_;
};

void ResponsesProgress::Closing::begin(Bytes type) {
    raw::begin_event(out_, type);
    out_.append("{\"type\":\"").append(type).append("\"");
    out_ += ",\"sequence_number\":";
    append_number(out_, sequence_++);
}

void ResponsesProgress::Closing::begin_in_item(Bytes type,
                                               const Part* part) {
    begin(type);
    Bytes id = raw::member_of(item_.json, "id");
    put("item_id", id.empty() ? Bytes("\"\"") : id);
    out_ += ",\"output_index\":";
    append_number(out_, item_.index);
    if (part != nullptr) {
        out_.append(",\"").append(part->key).append("\":");
        append_number(out_, part->index);
    }
}

void ResponsesProgress::Closing::text_done(const TextKind& kind,
                                           const Text& text,
                                           const Part* part) {
    if (text.closed) {
        return;
    }
    begin_in_item(std::string(kind.event) + ".done", part);
    Bytes name = raw::member_of(item_.json, "name");
    if (part == nullptr && !name.empty()) {
        put("name", name);
    }
    put(kind.member, quoted(text.json));
    if (kind.type == "output_text") {
        put("logprobs", "[]");
    }
    end();
}

std::string ResponsesProgress::Closing::close(const Part& part) {
    if (part.closed) {
        return part.json;
    }
    std::string json = part.json;
    Document doc;
    (void) doc.parse(part.json);
    const TextKind* kind =
        kind_of(kPartTexts, raw::text_of(doc, kRoot, "type"));
    if (kind != nullptr) {
        text_done(*kind, part.text, &part);
        json = with(json, kind->member, quoted(part.text.json));
    }
    begin_in_item(part.key == "summary_index"
                      ? Bytes("response.reasoning_summary_part.done")
                      : Bytes("response.content_part.done"),
                  &part);
    put("part", json);
    end();
    return json;
}

std::string ResponsesProgress::Closing::run() {
    std::string json = item_.json;
    std::vector<Done> parts[std::size(kPartKeys)];
    for (const Part& part : item_.parts) {
        parts[part.key == kPartKeys[0] ? 0 : 1].push_back(
            {part.index, close(part)});
    }
    constexpr Bytes kMembers[] = {"content", "summary"};
    for (size_t i = 0; i < std::size(kMembers); i++) {
        if (!parts[i].empty()) {
            json = with(json, kMembers[i], array_of(std::move(parts[i])));
        }
    }
    Document doc;
    (void) doc.parse(item_.json);
    const TextKind* kind =
        kind_of(kCallTexts, raw::text_of(doc, kRoot, "type"));
    if (kind != nullptr) {
        text_done(*kind, item_.text, nullptr);
        json = with(json, kind->member, quoted(item_.text.json));
    }
    json = with(json, "status", "\"incomplete\"");
    begin("response.output_item.done");
    out_ += ",\"output_index\":";
    append_number(out_, item_.index);
    put("item", json);
    end();
    return json;
}

void ResponsesProgress::drop() {
    lost_ = true;
    open_ = {};
    done_ = {};
}

bool ResponsesProgress::keep_open(size_t bytes) {
    open_bytes_ += bytes;
    size_t count = open_.size();
    for (const Item& item : open_) {
        count += item.parts.size();
    }
    if (open_bytes_ > max_bytes_ || count > kMaxOpen) {
        blind_ = true;
        open_ = {};
    }
    return !blind_;
}

ResponsesProgress::Item* ResponsesProgress::item_of(const Document& doc) {
    int64_t index = number_of(doc, "output_index", -1);
    for (Item& item : open_) {
        if (item.index == index) {
            return &item;
        }
    }
    return nullptr;
}

ResponsesProgress::Part* ResponsesProgress::part_of(Item& item,
                                                    const Document& doc) {
    for (Part& part : item.parts) {
        if (part.index == number_of(doc, part.key, -1)) {
            return &part;
        }
    }
    return nullptr;
}

ResponsesProgress::Text* ResponsesProgress::text_of(const Document& doc) {
    Item* item = item_of(doc);
    if (item == nullptr) {
        return nullptr;
    }
    for (Bytes key : kPartKeys) {
        if (doc.find(kRoot, key) != kNoNode) {
            Part* part = part_of(*item, doc);
            return part == nullptr ? nullptr : &part->text;
        }
    }
    return &item->text;
}

void ResponsesProgress::open_item(const Document& doc) {
    NodeId item = doc.find(kRoot, "item");
    if (doc.is(item, Type::kObject)
        && keep_open(sizeof(Item) + doc.raw(item).size())) {
        open_.push_back({number_of(doc, "output_index", -1),
                         raw::compact(doc.raw(item)), {}, {}});
    }
}

void ResponsesProgress::close_item(const Document& doc) {
    NodeId item = doc.find(kRoot, "item");
    if (!doc.is(item, Type::kObject)) {
        return;
    }
    done_bytes_ += sizeof(Done) + doc.raw(item).size();
    if (done_bytes_ > max_bytes_) {
        drop();
        return;
    }
    auto next = static_cast<int64_t>(done_.size());
    int64_t index = number_of(doc, "output_index", next);
    std::erase_if(open_, [index](const Item& i) { return i.index == index; });
    open_bytes_ = open_.empty() ? 0 : open_bytes_;
    done_.push_back({index, raw::compact(doc.raw(item))});
}

void ResponsesProgress::open_part(const Document& doc) {
    NodeId part = doc.find(kRoot, "part");
    Item* item = item_of(doc);
    if (item == nullptr || !doc.is(part, Type::kObject)
        || !keep_open(sizeof(Part) + doc.raw(part).size())) {
        return;
    }
    for (Bytes key : kPartKeys) {
        int64_t index = number_of(doc, key, -1);
        if (index >= 0) {
            item->parts.push_back(
                {key, index, raw::compact(doc.raw(part)), {}, false});
            return;
        }
    }
}

void ResponsesProgress::close_part(const Document& doc) {
    NodeId node = doc.find(kRoot, "part");
    Item* item = item_of(doc);
    Part* part = item == nullptr ? nullptr : part_of(*item, doc);
    if (part != nullptr && doc.is(node, Type::kObject)
        && keep_open(doc.raw(node).size())) {
        part->json = raw::compact(doc.raw(node));
        part->closed = true;
        part->text = {};
    }
}

void ResponsesProgress::on_event(Bytes type, const Document& doc) {
    next_ = number_of(doc, "sequence_number", next_ - 1);
    next_ += next_ < INT64_MAX ? 1 : 0;
    if (lost_) {
        return;
    }
    if (type == "response.output_item.added") {
        open_item(doc);
    } else if (type == "response.output_item.done") {
        close_item(doc);
    } else if (type.ends_with("_part.added")) {
        open_part(doc);
    } else if (type.ends_with("_part.done")) {
        close_part(doc);
    } else if (type.ends_with(".delta")) {
        NodeId delta = doc.find(kRoot, "delta");
        Text* text = blind_ ? nullptr : text_of(doc);
        if (text != nullptr && doc.is(delta, Type::kString)
            && keep_open(doc.raw(delta).size())) {
            Bytes raw = doc.raw(delta);
            text->json += raw.substr(1, raw.size() - 2);
        }
    } else if (type.ends_with(".done")) {
        if (Text* text = text_of(doc); text != nullptr) {
            text->closed = true;
        }
    }
}

std::string ResponsesProgress::array_of(std::vector<Done> items) {
    std::stable_sort(
        items.begin(), items.end(),
        [](const Done& a, const Done& b) { return a.index < b.index; });
    std::string array = "[";
    for (const Done& item : items) {
        array += array.size() > 1 ? "," : "";
        array += item.json;
    }
    return array + ']';
}

std::string ResponsesProgress::close(std::string& out,
                                     int64_t& sequence) const {
    std::vector<Done> items = done_;
    for (const Item& item : open_) {
        items.push_back({item.index, Closing(item, out, sequence).run()});
    }
    return array_of(std::move(items));
}

}  // namespace llm::api
