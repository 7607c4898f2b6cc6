#include "src/api/chunk_reader.hpp"

#include <algorithm>
#include <utility>

#include "src/api/loose_json.hpp"
#include "src/api/raw_json.hpp"
#include "src/api/usage_json.hpp"

namespace llm::api {

using json::NodeId;
using json::Type;

namespace {

constexpr size_t kChoiceCost = 256;  // a Choice and its State, roughly

// An error is what the clients take for one: a value that is not empty.
bool is_truthy(const json::Document& doc, NodeId id) {
    if (id == json::kNoNode) {
        return false;
    }
    const Bytes raw = doc.raw(id);
    return raw != "null" && raw != "false" && raw != "\"\"" && raw != "0";
}

// Unknown members of a call's `function`, as one object under its name.
void seal_function(const Accumulator& members, Extras& extras) {
    Extras list;
    members.write(list);
    if (!list.empty()) {
        Extra& extra = extras.emplace_back();
        extra.key = "function";
        raw::Object object(extra.raw);
        object.extras(list);
        object.end();
    }
}

// How the members of a choice go on that are no part of its protocol. Some
// servers say in the other one's word what they say in their own.
Merge merge_of(Bytes key) {
    if (key == "text" || key == "delta") {
        return Merge::kDelta;
    }
    return key == "logprobs" || key == "token_ids" ? Merge::kJoin
                                                   : Merge::kLast;
}

void compact(Extras& extras) {
    for (Extra& extra : extras) {
        extra.raw = raw::compact(extra.raw);
    }
}

// Raw text must fit into one data line, whatever form it came in.
void compact(Choice& choice) {
    compact(choice.extra);
    compact(choice.message_extra);
    choice.logprobs = raw::compact(choice.logprobs);
    for (Block& block : choice.blocks) {
        compact(block.extra);
    }
}

}  // namespace

EventInfo ChunkReader::on_event(const sse::Event& event) {
    info_ = {};
    if (event.data.empty()) {
        info_.malformed = event.has_data;
        return info_;
    }
    if (is_done(event)) {
        info_.terminal = true;
        seal();
        return info_;
    }
    EventJson read = read_event_json(event.data, doc_, loose_);
    lossy_ = lossy_ || read != EventJson::kObject;
    if (read == EventJson::kNone) {
        info_.malformed = true;
        info_.error = event.type == "error" && !done_;
        if (info_.error) {
            answer_.error.emplace().status = 500;
        }
    } else if (done_) {
        // Late usage is still billed.
        read_usage(doc_.find(json::kRoot, "usage"));
    } else if (auto error = find_openai_error(doc_);
               error || event.type == "error") {
        info_.error = true;
        answer_.error =
            error ? *error : read_openai_error(doc_, json::kRoot);
        read_usage(doc_.find(json::kRoot, "usage"));
    } else {
        read_chunk();
    }
    if (overflow_ && kept_ != 0) {
        let_go();
    }
    if (done_ && lossy_) {
        answer_.complete = false;
    }
    return info_;
}

Result<void> ChunkReader::read_body(Bytes body) {
    if (auto parsed = doc_.parse(body); !parsed) {
        return parsed;
    }
    if (!doc_.is(json::kRoot, Type::kObject)) {
        return Error{Errc::kInvalid, "the answer is not a JSON object"};
    }
    answer_.error = find_openai_error(doc_);
    const NodeId choices = doc_.find(json::kRoot, "choices");
    if (!answer_.error && !doc_.is(choices, Type::kArray)) {
        return Error{Errc::kInvalid, "the answer has no choices"};
    }
    whole_body_ = true;
    read_chunk();
    seal();
    return {};
}

void ChunkReader::read_chunk() {
    for (const NodeId member : doc_.children(json::kRoot)) {
        read_member(doc_.key(member), member);
    }
    const NodeId choices = doc_.find(json::kRoot, "choices");
    info_.usage_only = info_.usage && doc_.is(choices, Type::kArray) &&
                       doc_.size(choices) == 0;
}

void ChunkReader::read_member(Bytes key, NodeId value) {
    if (key == "choices") {
        read_choices(value);
    } else if (key == "usage") {
        read_usage(value);
    } else if (key == "id") {
        take_text(answer_.id, extra_, key, value);
    } else if (key == "model") {
        take_text(answer_.model, extra_, key, value);
    } else if (key == "system_fingerprint") {
        take_text(answer_.fingerprint, extra_, key, value);
    } else if (key == "object") {
        take_text(answer_.object, extra_, key, value);
        answer_.object = object_name(answer_.object);
    } else if (key == "created") {
        uint64_t seconds = 0;
        if (parse_decimal(doc_.raw(value), seconds) && seconds != 0 &&
            seconds <= INT64_MAX) {
            answer_.created = static_cast<int64_t>(seconds);
            extra_.erase(key);
        } else if (answer_.created == 0) {
            add(extra_, key, value, Merge::kLast);
        }
    } else if (key == "obfuscation") {
        return;
    } else {
        if (key == "x_groq" &&
            doc_.find(json::kRoot, "usage") == json::kNoNode) {
            const NodeId usage = doc_.find(value, "usage");
            merge_openai_usage(doc_, usage, answer_.usage);
            info_.usage |= doc_.is(usage, Type::kObject);
        }
        if (key == "service_tier") {
            answer_.usage.service = read_service(doc_, json::kRoot);
        }
        add(extra_, key, value, Merge::kLast);
    }
}

void ChunkReader::read_usage(NodeId usage) {
    if (!doc_.is(usage, Type::kObject)) {
        return;
    }
    merge_openai_usage(doc_, usage, answer_.usage);
    answer_.usage_raw = raw::compact(doc_.raw(usage));
    info_.usage = true;
}

// Moonshot has the usage of a stream in its last choice. The chunk's own
// counts, whether it stands before the choices or behind them.
void ChunkReader::read_choice_usage(NodeId usage) {
    if (!whole_body_ && !info_.usage && doc_.is(usage, Type::kObject)) {
        merge_openai_usage(doc_, usage, answer_.usage);
        info_.usage = true;
    }
}

void ChunkReader::read_choices(NodeId choices) {
    if (doc_.is(choices, Type::kNull)) {
        return;
    }
    if (!doc_.is(choices, Type::kArray)) {
        lossy_ = true;
        return;
    }
    for (const NodeId node : doc_.children(choices)) {
        if (doc_.is(node, Type::kObject)) {
            read_choice(node);
        } else {
            lossy_ = true;
        }
    }
}

// The place of the choice with this index, made when it is the first seen.
bool ChunkReader::choice_at(NodeId index, size_t& at) {
    uint64_t value = 0;  // a choice without an index is the first
    if (index != json::kNoNode &&
        (!doc_.is(index, Type::kNumber) ||
         !parse_decimal(doc_.raw(index), value) ||
         value > uint64_t{kMaxIndex})) {
        return false;
    }
    const int64_t wanted = static_cast<int64_t>(value);
    auto& choices = answer_.choices;
    const auto place = std::find_if(
        choices.begin(), choices.end(),
        [&](const Choice& choice) { return choice.index >= wanted; });
    at = static_cast<size_t>(place - choices.begin());
    if (place != choices.end() && place->index == wanted) {
        return true;
    }
    if (choices.size() >= kMaxChoices) {
        return false;
    }
    choices.insert(place, Choice())->index = wanted;
    states_.insert(states_.begin() + static_cast<ptrdiff_t>(at), State());
    keep(kChoiceCost);
    return true;
}

void ChunkReader::read_choice(NodeId node) {
    size_t at = 0;
    if (!choice_at(doc_.find(node, "index"), at)) {
        lossy_ = true;
        return;
    }
    for (const NodeId member : doc_.children(node)) {
        const Bytes key = doc_.key(member);
        if (key == "index" || read_part(at, node, key, member)) {
            continue;
        }
        if (key == "finish_reason") {
            take_text(choice(at).finish_reason, state(at).extra, key, member);
        } else {
            if (key == "usage") {
                read_choice_usage(member);
            }
            add(state(at).extra, key, member, merge_of(key));
        }
    }
}

Block* ChunkReader::find_block(size_t at, Block::Kind kind, Bytes type) {
    for (Block& block : choice(at).blocks) {
        if (block.kind == kind && block.type == type) {
            return &block;
        }
    }
    return nullptr;
}

void ChunkReader::append(size_t at, Block::Kind kind, Bytes type,
                         NodeId value) {
    const Bytes text = doc_.string(value, scratch_);
    count_content(text.size());
    if (!keep(text.size())) {
        return;
    }
    Block* block = find_block(at, kind, type);
    if (block == nullptr) {
        if (!keep(sizeof(Block))) {
            return;
        }
        block = &choice(at).blocks.emplace_back();
        block->kind = kind;
        block->type = type;
    }
    block->text += text;
}

void ChunkReader::take_text(std::string& field, Accumulator& extras,
                            Bytes key, NodeId value) {
    const Bytes text = doc_.string(value, scratch_);
    if (text.empty()) {
        if (field.empty()) {
            add(extras, key, value, Merge::kLast);
        }
        return;
    }
    if (field.empty()) {
        extras.erase(key);
        keep(text.size());
    }
    field = text;
}

void ChunkReader::add(Accumulator& extras, Bytes key, NodeId value,
                      Merge mode) {
    // What is not kept whole is not kept: further members of an upstream that
    // sends a million of them would each be sought among a thousand.
    if (overflow_ || lossy_) {
        return;
    }
    const size_t before = extras.bytes();
    // In a body everything is said once and whole.
    if (!extras.add(key, doc_, value, whole_body_ ? Merge::kLast : mode)) {
        lossy_ = true;
    }
    kept_ -= std::min(before, kept_);
    keep(extras.bytes());
}

bool ChunkReader::keep(size_t bytes) {
    kept_ += bytes;
    overflow_ |= kept_ > max_bytes_;
    return !overflow_;
}

// Ids, finish reasons and usage are still followed.
void ChunkReader::let_go() {
    kept_ = 0;
    extra_ = Accumulator();
    for (Choice& choice : answer_.choices) {
        choice.blocks = {};
    }
    for (State& state : states_) {
        state = State();
    }
}

void ChunkReader::seal() {
    if (std::exchange(done_, true)) {
        return;
    }
    extra_.write(answer_.extra);
    for (size_t i = 0; i < states_.size(); ++i) {
        Choice& choice = answer_.choices[i];
        State& state = states_[i];
        state.extra.raw("logprobs", choice.logprobs);
        state.extra.erase("logprobs");
        state.extra.write(choice.extra);
        state.message_extra.write(choice.message_extra);
        for (size_t t = 0; t < state.tools.size(); ++t) {
            Block& block = choice.blocks[state.first_tool + t];
            state.tools[t].extra.write(block.extra);
            seal_function(state.tools[t].function, block.extra);
        }
        finish(choice);
        compact(choice);
    }
    compact(answer_.extra);
    states_.clear();
    answer_.complete = !lossy_ && !overflow_ && !answer_.error;
}

std::optional<ApiError> find_openai_error(const json::Document& doc) {
    const NodeId error = doc.find(json::kRoot, "error");
    if (is_truthy(doc, error)) {
        return read_openai_error(doc, error);
    }
    const NodeId object = doc.find(json::kRoot, "object");
    if (object != json::kNoNode && doc.raw(object) == "\"error\"") {
        return read_openai_error(doc, json::kRoot);
    }
    return {};
}

ApiError read_openai_error(const json::Document& doc, NodeId node) {
    ApiError error;
    error.status = 500;
    std::string scratch;
    if (doc.is(node, Type::kString)) {
        error.message = doc.string(node, scratch);
        return error;
    }
    error.message = raw::text_of(doc, node, "message");
    error.type = raw::text_of(doc, node, "type");
    error.param = raw::text_of(doc, node, "param");
    error.code = raw::text_of(doc, node, "code");
    const NodeId code = doc.find(node, "code");
    if (doc.is(code, Type::kNumber)) {
        const int64_t status = doc.as_int64(code);
        error.code = doc.raw(code);
        error.status =
            status >= 400 && status <= 599 ? static_cast<int>(status) : 500;
    }
    return error;
}

}  // namespace llm::api
