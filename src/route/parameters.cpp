#include "src/route/parameters.hpp"

#include <algorithm>

#include "src/api/endpoint_set.hpp"
#include "src/json/text.hpp"

namespace llm::route {
namespace {

using api::bit;
using api::Endpoint;
using api::kChat;
using api::kCompletions;
using api::kEmbeddings;
using api::kMessages;
using api::kResponses;
using api::kText;
using json::Document;
using json::kNoNode;
using json::kRoot;
using json::NodeId;
using json::Type;

// Names that an upstream of another protocol would refuse.
struct Known {
    Bytes name;
    unsigned endpoints;
};
constexpr Known kKnown[] = {
    {"temperature", kText},
    {"top_p", kText},
    {"service_tier", kChat | kResponses | kMessages},
    {"stop", kChat | kCompletions},
    {"seed", kChat | kCompletions},
    {"presence_penalty", kChat | kCompletions},
    {"frequency_penalty", kChat | kCompletions},
    {"dimensions", kEmbeddings},
    {"encoding_format", kEmbeddings},
};

// The members that llm_set's words stand for.
struct Names {
    const std::vector<std::string> limit{"max_tokens"};
    const std::vector<std::string> completion_limit{"max_completion_tokens"};
    const std::vector<std::string> output_limit{"max_output_tokens"};
    const std::vector<std::string> effort{"reasoning_effort"};
    const std::vector<std::string> nested_effort{"reasoning", "effort"};
};

const Names& names() {
    static const Names all;
    return all;
}

Error invalid(std::string message) {
    return {Errc::kInvalid, std::move(message)};
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_joined(std::string& out, const std::vector<std::string>& names,
                   size_t count) {
    for (size_t i = 0; i < count; i++) {
        out += i > 0 ? "." : "";
        out += names[i];
    }
}

std::string joined(const std::vector<std::string>& names, size_t count) {
    std::string out;
    append_joined(out, names, count);
    return out;
}

double number_of(Bytes raw) {
    return json::is_number(raw) ? json::clamp_double(raw) : 0;
}

}  // namespace

bool is_reasoning_model(Bytes model) {
    model = model.substr(model.rfind('/') + 1);
    constexpr Bytes kTuned = "ft:";
    if (model.starts_with(kTuned)) {
        model.remove_prefix(kTuned.size());
    }
    if (model.size() > 1 && model[0] == 'o' && is_digit(model[1])) {
        return true;
    }
    constexpr Bytes kGpt = "gpt-";
    if (!model.starts_with(kGpt)) {
        return false;
    }
    model.remove_prefix(kGpt.size());
    if (model.starts_with("35-")) {
        return false;  // Azure's name of gpt-3.5
    }
    size_t digits = 0;
    while (digits < model.size() && is_digit(model[digits])) {
        digits++;
    }
    return digits > 1 || (digits == 1 && model[0] >= '5');
}

// Which of the limits a chat has, or should have.
Parameters::Targets Parameters::limits() const {
    Targets found;
    for (const Path* path : {&names().limit, &names().completion_limit}) {
        NodeId own = doc_.find(kRoot, path->front());
        if (own != kNoNode && !doc_.is(own, Type::kNull)) {
            found.add(*path);
        }
    }
    if (found.count == 0) {
        found.add(is_reasoning_model(model_) ? names().completion_limit
                                              : names().limit);
    }
    return found;
}

// The members that a name means in this request's protocol.
Parameters::Targets Parameters::targets_of(const ParameterPath& path) const {
    Targets found;
    Endpoint endpoint = request_.endpoint;
    if (path.is_limit()) {
        switch (endpoint) {
        case Endpoint::kChat: return limits();
        case Endpoint::kCompletions:
        case Endpoint::kMessages: found.add(names().limit); break;
        case Endpoint::kResponses: found.add(names().output_limit); break;
        default: break;
        }
        return found;
    }
    if (path.is_effort()) {
        switch (endpoint) {
        case Endpoint::kChat: found.add(names().effort); break;
        case Endpoint::kResponses: found.add(names().nested_effort); break;
        default: break;
        }
        return found;
    }
    for (const Known& known : kKnown) {
        if (known.name == path.names[0]
            && (known.endpoints & bit(endpoint)) == 0) {
            return found;
        }
    }
    found.add(path.names);
    return found;
}

Parameters::Slot& Parameters::slot_of(const Path& path, bool limit) {
    for (Slot& slot : slots_) {
        if (*slot.path == path) {
            return slot;
        }
    }
    Slot& slot = slots_.emplace_back();
    slot.path = &path;
    slot.limit = limit;
    return slot;
}

void Parameters::set(const ParameterPath& path, Bytes value, SetMode mode) {
    bool limit = path.is_limit();
    Targets targets = targets_of(path);
    for (size_t i = 0; i < targets.count; i++) {
        Slot& slot = slot_of(*targets.paths[i], limit);
        switch (mode) {
        case SetMode::kForce:
            slot.value = value;
            slot.forced = true;
            break;
        case SetMode::kDefault:
            if (slot.value.empty()) {
                slot.value = value;
            }
            break;
        case SetMode::kCap:
            if (slot.cap.empty() || number_of(value) < number_of(slot.cap)) {
                slot.cap = value;
            }
            break;
        }
    }
}

Result<void> Parameters::find(Slot& slot, api::ApiError& why) const {
    slot.object = kRoot;
    slot.own = kNoNode;
    slot.depth = 0;
    for (size_t last = slot.path->size() - 1; slot.depth < last;) {
        NodeId next = doc_.find(slot.object, (*slot.path)[slot.depth]);
        if (next == kNoNode || doc_.is(next, Type::kNull)) {
            return {};
        }
        if (!doc_.is(next, Type::kObject)) {
            std::string name = joined(*slot.path, slot.depth + 1);
            why = {400, "'" + name + "' must be an object.", "", name, ""};
            return invalid(why.message);
        }
        slot.object = next;
        slot.depth++;
    }
    slot.own = doc_.find(slot.object, slot.path->back());
    return {};
}

Result<void> Parameters::decide(Slot& slot, api::ApiError& why) const {
    bool has_own = slot.own != kNoNode && !doc_.is(slot.own, Type::kNull);
    bool has_place = slot.depth + 1 == slot.path->size();
    bool set = slot.forced || (!has_own && !slot.value.empty());
    std::string value;
    if (set) {
        value = slot.value;
    } else if (has_own) {
        value = doc_.raw(slot.own);
    }
    slot.outcome.clear();
    if (!slot.cap.empty() && (has_place || set)) {
        if (!set && has_own && !doc_.is(slot.own, Type::kNumber)) {
            std::string name = joined(*slot.path, slot.path->size());
            why = {400, "'" + name + "' must be a number.", "", name, ""};
            return invalid(why.message);
        }
        double number = number_of(value);
        bool lower = value.empty() || !json::is_number(value)
                     || number > number_of(slot.cap)
                     || (slot.limit && number < 0);
        value = lower ? slot.cap : value;
    }
    bool same = slot.own != kNoNode && doc_.raw(slot.own) == value;
    slot.ours = same && (value == slot.value || value == slot.cap);
    if (!same) {
        slot.outcome = value;
    }
    return {};
}

// The value that all of `slots` make together: their paths, sorted, have the
// first `depth` names in common. At most kMaxDepth calls deep.
std::string Parameters::text_of(std::span<const Slot* const> slots,
                                size_t depth) {
    if (slots[0]->path->size() == depth) {
        return slots[0]->outcome;
    }
    std::string out = "{";
    for (size_t i = 0; i < slots.size();) {
        const std::string& name = (*slots[i]->path)[depth];
        size_t end = i + 1;
        while (end < slots.size() && (*slots[end]->path)[depth] == name) {
            end++;
        }
        out += i > 0 ? "," : "";
        append_json_string(out, name);
        out += ':';
        out += text_of(slots.subspan(i, end - i), depth + 1);
        i = end;
    }
    return out + '}';
}

// Members of objects that are not there yet are put in together: all of them
// that share the first missing name are one value.
Result<void> Parameters::put(std::span<const Slot* const> sorted,
                             Edits& edits) const {
    for (size_t i = 0; i < sorted.size();) {
        const Slot& first = *sorted[i];
        auto begin = first.path->begin();
        auto missing = begin + static_cast<long>(first.depth) + 1;
        size_t end = i + 1;
        while (end < sorted.size() && sorted[end]->depth == first.depth
               && std::equal(begin, missing, sorted[end]->path->begin())) {
            end++;
        }
        Result<void> done = edits.set_member(
            doc_, first.object, (*first.path)[first.depth],
            text_of(sorted.subspan(i, end - i), first.depth + 1));
        if (!done.ok()) {
            return done;
        }
        i = end;
    }
    return {};
}

// One line a member; no name has a space, no JSON text a line end.
void Parameters::tell(std::string& effective) {
    constexpr size_t kUsualLine = 64;
    replaced_.clear();
    for (const Slot& slot : slots_) {
        // What lies in an object of the client's is told where it changes.
        bool root = slot.path->size() == 1;
        Bytes value = slot.outcome;
        if (value.empty() && root && slot.ours) {
            value = doc_.raw(slot.own);
        }
        if (value.empty()) {
            continue;
        }
        effective.reserve(effective.size() + kUsualLine);
        effective.append("set ");
        append_joined(effective, *slot.path, slot.path->size());
        effective.append(" ").append(value).append("\n");
        if (root && slot.own != kNoNode) {
            replaced_.push_back(slot.own);
        }
    }
}

Result<void> Parameters::write(Edits& edits, std::string* effective,
                               api::ApiError* why) {
    api::ApiError error;
    std::vector<const Slot*> changed;
    std::sort(slots_.begin(), slots_.end(),
              [](const Slot& a, const Slot& b) { return *a.path < *b.path; });
    for (Slot& slot : slots_) {
        Result<void> done = find(slot, error);
        if (done.ok()) {
            done = decide(slot, error);
        }
        if (!done.ok()) {
            if (why != nullptr) {
                *why = std::move(error);
            }
            return done;
        }
        if (!slot.outcome.empty()) {
            changed.push_back(&slot);
        }
    }
    if (effective != nullptr) {
        tell(*effective);
    }
    Result<void> done = put(changed, edits);
    if (!done.ok() && why != nullptr) {
        *why = {400, done.error().message, "", "", ""};
    }
    return done;
}

Result<void> Parameters::cap_output(int64_t tokens, Edits& edits) {
    static const ParameterPath limit = {{"max_tokens"}};
    std::string raw;
    append_number(raw, tokens);
    bool named = request_.max_output_tokens
                 || std::any_of(slots_.begin(), slots_.end(),
                                [](const Slot& slot) { return slot.limit; });
    if (named) {
        set(limit, raw, SetMode::kCap);
        return write(edits, nullptr);
    }
    // What stands there is null, or below zero: no limit.
    Targets targets = targets_of(limit);
    for (size_t i = 0; i < targets.count; i++) {
        Result<void> put = edits.set_member(
            doc_, kRoot, targets.paths[i]->front(), raw);
        if (!put.ok()) {
            return put;
        }
        put_in_ = tokens;
    }
    return {};
}

std::vector<api::SetMember> Parameters::set_members() const {
    std::vector<api::SetMember> members;
    for (const Slot& slot : slots_) {
        if (!slot.limit && !slot.outcome.empty()) {
            bool whole = slot.path->size() == 1;
            members.push_back({slot.path->front(),
                               whole ? Bytes(slot.outcome) : Bytes("{}")});
        }
    }
    return members;
}

std::optional<int64_t> Parameters::output_limit() const {
    std::optional<int64_t> most;
    bool ours = false;
    for (const Slot& slot : slots_) {
        if (!slot.limit) {
            continue;
        }
        ours = true;
        Bytes raw = slot.outcome;
        if (raw.empty() && slot.own != kNoNode) {
            raw = doc_.raw(slot.own);
        }
        int64_t tokens = json::is_number(raw) ? json::clamp_int64(raw) : -1;
        if (tokens >= 0) {
            most = std::max(most.value_or(0),
                            std::min(tokens, api::Request::kMaxTokens));
        }
    }
    if (put_in_) {
        return put_in_;
    }
    return ours ? most : request_.max_output_tokens;
}

}  // namespace llm::route
