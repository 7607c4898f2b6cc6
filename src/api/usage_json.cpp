#include "src/api/usage_json.hpp"

#include "src/base/bytes.hpp"

namespace llm::api {

using json::Document;
using json::NodeId;
using json::Type;

bool read_count(const Document& doc, NodeId id, int64_t& out, bool& absurd) {
    if (id == json::kNoNode || doc.is(id, Type::kNull)) {
        return false;
    }
    uint64_t value = 0;
    if (!doc.is(id, Type::kNumber) || !parse_decimal(doc.raw(id), value) ||
        value > static_cast<uint64_t>(Usage::kMax)) {
        absurd = true;
        return false;
    }
    out = static_cast<int64_t>(value);
    return true;
}

namespace {

// The first spelling that is there.
NodeId either(const Document& doc, NodeId object, Bytes one, Bytes other) {
    const NodeId id = doc.find(object, one);
    return id == json::kNoNode ? doc.find(object, other) : id;
}

void merge_details(const Document& doc, NodeId usage, Usage& into) {
    bool& absurd = into.absurd;
    const NodeId in =
        either(doc, usage, "prompt_tokens_details", "input_tokens_details");
    const NodeId hit = doc.find(usage, "prompt_cache_hit_tokens");
    read_count(doc, hit, into.cached_input, absurd);
    read_count(doc, doc.find(in, "cached_tokens"), into.cached_input, absurd);
    read_count(doc, doc.find(in, "cache_write_tokens"), into.cache_write,
               absurd);
    read_count(doc, doc.find(in, "audio_tokens"), into.audio_input, absurd);
    const NodeId out = either(doc, usage, "completion_tokens_details",
                              "output_tokens_details");
    read_count(doc, doc.find(out, "reasoning_tokens"), into.reasoning,
               absurd);
    read_count(doc, doc.find(out, "audio_tokens"), into.audio_output, absurd);
}

// A part that is larger than its whole would make the rest negative.
void clamp(int64_t& part, int64_t whole, bool& absurd) {
    if (whole >= 0 && part > whole) {
        part = whole;
        absurd = true;
    }
}

}  // namespace

void merge_openai_usage(const Document& doc, NodeId usage, Usage& into) {
    if (!doc.is(usage, Type::kObject)) {
        return;
    }
    bool& absurd = into.absurd;
    read_count(doc, either(doc, usage, "prompt_tokens", "input_tokens"),
               into.input, absurd);
    read_count(doc, either(doc, usage, "completion_tokens", "output_tokens"),
               into.output, absurd);
    int64_t total = Usage::kUnknown;
    read_count(doc, doc.find(usage, "total_tokens"), total, absurd);
    if (total >= 0 && into.input >= 0 && total - into.input > into.output &&
        total >= into.input) {
        into.output = total - into.input;
    }
    merge_details(doc, usage, into);
    clamp(into.cached_input, into.input, absurd);
    clamp(into.audio_input, into.input, absurd);
    clamp(into.reasoning, into.output, absurd);
    clamp(into.audio_output, into.output, absurd);
}

}  // namespace llm::api
