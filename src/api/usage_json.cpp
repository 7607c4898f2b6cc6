#include "src/api/usage_json.hpp"

#include <algorithm>
#include <array>
#include <utility>

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

enum Member : size_t {
    kPrompt,
    kInput,
    kCompletion,
    kOutput,
    kTotal,
    kPromptDetails,
    kInputDetails,
    kCompletionDetails,
    kOutputDetails,
    kCacheHit,
    kCached,
    kCacheRead,
    kCacheCreation,
    kMembers,
};

// In the order of Member.
constexpr Bytes kNames[kMembers] = {
    "prompt_tokens",
    "input_tokens",
    "completion_tokens",
    "output_tokens",
    "total_tokens",
    "prompt_tokens_details",
    "input_tokens_details",
    "completion_tokens_details",
    "output_tokens_details",
    "prompt_cache_hit_tokens",
    "cached_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
};

// The members of a usage object by their names, found in one walk; of doubles
// the first.
struct Found {
    Found(const Document& doc, NodeId usage) {
        ids.fill(json::kNoNode);
        for (const NodeId child : doc.children(usage)) {
            const Bytes key = doc.key(child);
            for (size_t at = 0; at < kMembers; ++at) {
                if (kNames[at].size() == key.size() && kNames[at] == key &&
                    ids[at] == json::kNoNode) {
                    ids[at] = child;
                }
            }
        }
    }

    // The first spelling that is there.
    NodeId either(Member one, Member other) const {
        return ids[one] == json::kNoNode ? ids[other] : ids[one];
    }

    std::array<NodeId, kMembers> ids;
};

// A part that is larger than its whole would make the rest negative.
void clamp(int64_t& part, int64_t whole, bool& absurd) {
    if (whole >= 0 && part > whole) {
        part = whole;
        absurd = true;
    }
}

// Anthropic's words in OpenAI's object, where gateways keep them: parts of
// the prompt, unless they are more than it is.
void merge_foreign(const Document& doc, const Found& found, Usage& into) {
    int64_t read = 0;
    int64_t written = 0;
    read_count(doc, found.ids[kCacheRead], read, into.absurd);
    read_count(doc, found.ids[kCacheCreation], written, into.absurd);
    if (read + written > 0 && read + written <= into.input) {
        into.cached_input = read;
        into.cache_write = written;
    }
}

// What was written to the provider's cache, by the words of OpenAI, of
// LiteLLM and of Qwen.
void merge_written(const Document& doc, NodeId in, Usage& into) {
    bool& absurd = into.absurd;
    for (Bytes word : {Bytes("cache_creation_input_tokens"),
                       Bytes("cache_creation_tokens"),
                       Bytes("cache_write_tokens")}) {
        read_count(doc, doc.find(in, word), into.cache_write, absurd);
    }
    const NodeId litellm = doc.find(in, "cache_creation_token_details");
    read_count(doc, doc.find(litellm, "ephemeral_1h_input_tokens"),
               into.cache_write_1h, absurd);
    const NodeId openai = doc.find(in, "cache_write_tokens_details");
    read_count(doc, doc.find(openai, "ttl_12h_tokens"), into.cache_write_1h,
               absurd);
    clamp(into.cache_write_1h, into.cache_write, absurd);
}

void merge_details(const Document& doc, const Found& found, Usage& into) {
    bool& absurd = into.absurd;
    const NodeId in = found.either(kPromptDetails, kInputDetails);
    merge_foreign(doc, found, into);
    read_count(doc, found.ids[kCached], into.cached_input, absurd);
    read_count(doc, found.ids[kCacheHit], into.cached_input, absurd);
    read_count(doc, doc.find(in, "cached_tokens"), into.cached_input, absurd);
    merge_written(doc, in, into);
    read_count(doc, doc.find(in, "audio_tokens"), into.audio_input, absurd);
    read_count(doc, doc.find(in, "image_tokens"), into.image_input, absurd);
    const NodeId out = found.either(kCompletionDetails, kOutputDetails);
    read_count(doc, doc.find(out, "reasoning_tokens"), into.reasoning,
               absurd);
    read_count(doc, doc.find(out, "audio_tokens"), into.audio_output, absurd);
    read_count(doc, doc.find(out, "image_tokens"), into.image_output, absurd);
}

Service service_of_word(Bytes word) {
    if (word == "auto") {
        return Service::kUnsaid;
    }
    constexpr std::pair<Bytes, Service> kWords[] = {
        {"priority", Service::kPriority},   {"fast", Service::kPriority},
        {"flex", Service::kFlex},           {"balanced", Service::kBalanced},
        {"ultrafast", Service::kUltrafast},
    };
    for (const auto& [known, service] : kWords) {
        if (word == known) {
            return service;
        }
    }
    return Service::kStandard;
}

}  // namespace

Service read_service(const Document& doc, NodeId object) {
    const NodeId member = doc.find(object, "service_tier");
    std::string scratch;
    return doc.is(member, Type::kString)
               ? service_of_word(doc.string(member, scratch))
               : Service::kUnsaid;
}

Service service_of(Bytes raw) {
    return raw.starts_with('"')
               ? service_of_word(raw.substr(1, raw.size() - 2))
               : Service::kUnsaid;
}

void merge_embeddings_usage(const Document& doc, NodeId usage, Usage& into) {
    merge_openai_usage(doc, usage, into);
    if (into.input < 0) {
        read_count(doc, doc.find(usage, "total_tokens"), into.input,
                   into.absurd);
    }
    if (into.input >= 0 && into.output < 0) {
        into.output = 0;
    }
}

void merge_openai_usage(const Document& doc, NodeId usage, Usage& into) {
    if (!doc.is(usage, Type::kObject)) {
        return;
    }
    bool& absurd = into.absurd;
    const Found found(doc, usage);
    bool wrong_input = false;
    bool wrong = false;
    read_count(doc, found.either(kPrompt, kInput), into.input, wrong_input);
    read_count(doc, found.either(kCompletion, kOutput), into.output, wrong);
    absurd = absurd || wrong || wrong_input;
    int64_t total = Usage::kUnknown;
    read_count(doc, found.ids[kTotal], total, absurd);
    // What is left of a total beside a wrong number is no better than that.
    const int64_t known = std::max<int64_t>(into.output, 0);
    if (into.input >= 0 && !wrong && total - into.input > known) {
        into.output = total - into.input;
    } else if (into.input < 0 && !wrong_input && !wrong && total > known) {
        if (into.output < 0) {
            into.total = total;
        } else {
            into.input = total - into.output;
        }
    }
    merge_details(doc, found, into);
    clamp(into.cached_input, into.input, absurd);
    clamp(into.audio_input, into.input, absurd);
    clamp(into.reasoning, into.output, absurd);
    clamp(into.audio_output, into.output, absurd);
    clamp(into.image_input, into.input, absurd);
    clamp(into.image_output, into.output, absurd);
}

}  // namespace llm::api
