#include "src/cache/fingerprint.hpp"

#include "src/json/canonical.hpp"

namespace llm::cache {
namespace {

using json::HashSink;

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
    explicit Lines(HashSink& out) : out_(out) {}

    void line(Bytes name, Bytes value) {
        if (!value.empty()) {
            always(name, value);
        }
    }
    void always(Bytes name, Bytes value) {
        out_.write(name);
        out_.put('=');
        if (is_unreserved(value)) {
            out_.write(value);
        } else {
            encoded_.clear();
            append_percent_encoded(encoded_, value);
            out_.write(encoded_);
        }
        out_.put('\n');
    }

private:
    HashSink& out_;
    std::string encoded_;
};

void write_head(const KeyParts& parts, HashSink& out) {
    Lines lines(out);
    out.write("llm-key 1\n");
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
        std::string count;
        append_number(count, static_cast<int64_t>(parts.scope.size()));
        lines.line("scopes", count);
    }
    for (Bytes value : parts.scope) {
        lines.always("scope", value);
    }
    out.write("body\n");
}

}  // namespace

Digest fingerprint(const json::Document& doc, const KeyParts& parts) {
    Hasher hasher;
    return fingerprint(doc, parts, hasher);
}

Digest fingerprint(const json::Document& doc, const KeyParts& parts,
                   Hasher& hasher) {
    hasher.reset();
    HashSink out(hasher);
    write_head(parts, out);
    json::CanonicalRules rules{
        left_out(parts.endpoint, !parts.model.empty()), parts.placeholder};
    write_canonical(doc, rules, out);
    out.flush();
    return hasher.finish();
}

}  // namespace llm::cache
