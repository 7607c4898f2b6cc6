#include "src/cache/fingerprint.hpp"

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

class Lines {
public:
    explicit Lines(std::string& out) : out_(out) {}

    void line(Bytes name, Bytes value) {
        if (!value.empty()) {
            always(name, value);
        }
    }
    void always(Bytes name, Bytes value) {
        out_ += name;
        out_ += '=';
        append_number(out_, static_cast<int64_t>(value.size()));
        out_ += ':';
        out_ += value;
        out_ += '\n';
    }

private:
    std::string& out_;
};

}  // namespace

void append_key_head(const KeyParts& parts, std::string& out) {
    Lines lines(out);
    out += "llm-key 2\n";
    lines.line("endpoint", api::name_of(parts.endpoint));
    lines.line("family", api::name_of(api::family_of(parts.endpoint)));
    lines.line("model", parts.model);
    lines.line("version", parts.version);
    lines.line("effective", parts.effective);
    lines.line("upstream", parts.upstream);
    lines.line("target", parts.target);
    lines.line("anthropic-version", parts.anthropic_version);
    lines.line("anthropic-beta", parts.anthropic_beta);
    lines.line("openai-organization", parts.openai_organization);
    lines.line("openai-project", parts.openai_project);
    lines.line("openai-beta", parts.openai_beta);
    if (!parts.scope.empty()) {
        out += "scopes=";
        append_number(out, static_cast<int64_t>(parts.scope.size()));
        out += '\n';
    }
    for (Bytes value : parts.scope) {
        lines.always("scope", value);
    }
    out += "body\n";
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
        left_out(parts.endpoint, !parts.model.empty()), parts.placeholder};
    write_canonical(doc, rules, out);
    out.flush();
    return hasher.finish();
}

}  // namespace llm::cache
