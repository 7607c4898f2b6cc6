#include "src/cache/fingerprint.hpp"

#include <charconv>

#include "src/json/canonical.hpp"

namespace llm::cache {
namespace {

// Each list begins with `model`, which is left out only when routing named
// the model that counts.
constexpr Bytes kOpenai[] = {
    "model", "stream", "stream_options", "user", "safety_identifier",
    "metadata", "store", "prompt_cache_key", "prompt_cache_options",
    "prompt_cache_retention", "priority", "request_id", "session_id",
    "cache_salt",
};
constexpr Bytes kEmbeddings[] = {
    "model", "stream", "user", "safety_identifier", "priority",
    "request_id", "session_id", "cache_salt",
};
constexpr Bytes kMessages[] = {"model", "stream", "metadata"};

std::span<const Bytes> left_out(api::Endpoint endpoint, bool model) {
    std::span<const Bytes> list;
    switch (endpoint) {
    case api::Endpoint::kChat:
    case api::Endpoint::kCompletions:
    case api::Endpoint::kResponses: list = kOpenai; break;
    case api::Endpoint::kEmbeddings: list = kEmbeddings; break;
    case api::Endpoint::kMessages: list = kMessages; break;
    case api::Endpoint::kNone: return {};
    }
    return model ? list : list.subspan(1);
}

// What a line takes beside its name and its value, at the most.
constexpr size_t kFrame = 24;

// Writes lines into memory that is there already: a key has a dozen of them
// and is made for every request.
class Lines {
public:
    explicit Lines(char* to) : at_(to) {}

    char* at() const { return at_; }

    void put(Bytes text) { at_ += text.copy(at_, text.size()); }
    void line(Bytes name, Bytes value) {
        if (!value.empty()) {
            always(name, value);
        }
    }
    void always(Bytes name, Bytes value) {
        put(name);
        *at_++ = '=';
        number(value.size());
        *at_++ = ':';
        put(value);
        *at_++ = '\n';
    }
    void number(size_t n) { at_ = std::to_chars(at_, at_ + kFrame, n).ptr; }

private:
    char* at_;
};

struct Line {
    Bytes name;
    Bytes value;
};

}  // namespace

void append_key_head(const KeyParts& parts, std::string& out) {
    const Line named[] = {
        {"endpoint", api::name_of(parts.endpoint)},
        {"family", api::name_of(api::family_of(parts.endpoint))},
        {"model", parts.model},
        {"version", parts.version},
        {"effective", parts.effective},
        {"upstream", parts.upstream},
        {"target", parts.target},
        {"anthropic-version", parts.anthropic_version},
        {"anthropic-beta", parts.anthropic_beta},
        {"openai-organization", parts.openai_organization},
        {"openai-project", parts.openai_project},
        {"openai-beta", parts.openai_beta},
    };
    constexpr Bytes kBegin = "llm-key 2\n";
    constexpr Bytes kScope = "scope";
    constexpr Bytes kBody = "body\n";
    size_t room = kBegin.size() + kFrame + kBody.size();
    for (const Line& one : named) {
        room += one.name.size() + kFrame + one.value.size();
    }
    for (Bytes value : parts.scope) {
        room += kScope.size() + kFrame + value.size();
    }
    size_t before = out.size();
    out.resize(before + room);
    Lines lines(out.data() + before);
    lines.put(kBegin);
    for (const Line& one : named) {
        lines.line(one.name, one.value);
    }
    if (!parts.scope.empty()) {
        lines.put("scopes=");
        lines.number(parts.scope.size());
        lines.put("\n");
    }
    for (Bytes value : parts.scope) {
        lines.always(kScope, value);
    }
    lines.put(kBody);
    out.resize(static_cast<size_t>(lines.at() - out.data()));
}

Digest fingerprint(const json::Document& doc, const KeyParts& parts) {
    Hasher hasher;
    std::string head;
    append_key_head(parts, head);
    return fingerprint(doc, parts, head, hasher);
}

Digest fingerprint(const json::Document& doc, const KeyParts& parts,
                   Bytes head, Hasher& hasher) {
    hasher.reset();
    json::HashSink out(hasher);
    out.write(head);
    json::CanonicalRules rules{
        left_out(parts.endpoint, !parts.model.empty()), parts.placeholder,
        parts.replaced};
    write_canonical(doc, rules, out);
    out.flush();
    return hasher.finish();
}

}  // namespace llm::cache
