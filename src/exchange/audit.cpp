#include "src/exchange/audit.hpp"

#include <utility>

#include "src/api/raw_json.hpp"
#include "src/api/reader.hpp"
#include "src/exchange/exchange.hpp"
#include "src/metrics/families.hpp"

namespace llm::exchange {
namespace {

// Cosines of two answers: from there on they say the same, below that they
// do not.
struct Bounds {
    float yes;
    float no;
};

Bounds bounds_of(semantic::EncoderKind kind) {
    // Shared words are all that it sees.
    return kind == semantic::EncoderKind::kLexical ? Bounds{0.6F, 0.25F}
                                                   : Bounds{0.8F, 0.6F};
}

Bytes label_of(Agreed agreed) {
    switch (agreed) {
    case Agreed::kYes: return "yes";
    case Agreed::kNo: return "no";
    case Agreed::kUnknown: break;
    }
    return "unknown";
}

void cut(std::string& text) {
    if (text.size() <= kAuditText) {
        return;
    }
    size_t end = kAuditText;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
        end--;
    }
    text.resize(end);
}

// Of a response, which is kept as it is.
std::string text_of_response(Bytes response) {
    json::Document doc;
    std::string text;
    if (!doc.parse(response).ok()) {
        return text;
    }
    json::NodeId output = doc.find(json::kRoot, "output");
    if (!doc.is(output, json::Type::kArray)) {
        return text;
    }
    for (json::NodeId item : doc.children(output)) {
        std::string type = api::raw::text_of(doc, item, "type");
        if (type != "message" && type != "reasoning") {
            return {};  // a call of a tool
        }
        json::NodeId content = doc.find(item, "content");
        if (type == "reasoning" || !doc.is(content, json::Type::kArray)) {
            continue;
        }
        for (json::NodeId part : doc.children(content)) {
            if (api::raw::text_of(doc, part, "type") == "output_text") {
                text += api::raw::text_of(doc, part, "text");
            }
        }
    }
    return text;
}

std::string text_of_choice(const api::Choice& choice) {
    std::string text;
    for (const api::Block& block : choice.blocks) {
        if (block.kind == api::Block::Kind::kToolCall) {
            return {};
        }
        if (block.kind == api::Block::Kind::kText) {
            text += block.text;
        }
    }
    return text;
}

}  // namespace

std::string audit_text(const api::Answer& answer) {
    std::string text;
    if (!answer.document.empty()) {
        text = text_of_response(answer.document);
    } else if (!answer.choices.empty()) {
        text = text_of_choice(answer.choices.front());
    }
    cut(text);
    return text;
}

Digest apart_key(Bytes tenant, Bytes one, Bytes other) {
    if (other < one) {
        std::swap(one, other);
    }
    Hasher hasher;
    hasher.update("llm-apart 1");
    for (Bytes part : {tenant, one, other}) {
        std::string size = " ";
        append_number(size, static_cast<int64_t>(part.size()));
        hasher.update(size);
        hasher.update("\n");
        hasher.update(part);
    }
    return hasher.finish();
}

bool is_apart(cache::Store& store, const Digest& key, Now now) {
    char none = 0;
    return store.lookup(key, now, [&none](size_t size) {
        return size == 0 ? &none : nullptr;
    }).hit();
}

// Precondition: the request was answered by a near match, and is not
// released.
std::optional<Audit> Exchange::audit(Bytes body) {
    Result<api::Answer> answer = api::read_json(endpoint_, entry_.content);
    if (!answer.ok()) {
        return std::nullopt;
    }
    Audit audit;
    audit.stored = audit_text(*answer);
    if (audit.stored.empty()) {
        return std::nullopt;
    }
    build_edits();
    bool good =
        !request_.stream
        || (edits_.set_member(document(), json::kRoot, "stream", "false").ok()
            && (document().find(json::kRoot, "stream_options")
                    == json::kNoNode
                || edits_.set_member(document(), json::kRoot,
                                     "stream_options", "null")
                       .ok()));
    if (good && endpoint_ == api::Endpoint::kResponses) {
        good = edits_.set_member(document(), json::kRoot, "store", "false")
                   .ok();
    }
    if (!good) {
        return std::nullopt;
    }
    audit.body = edits_.apply(body);
    audit.endpoint = endpoint_;
    audit.requested = request_.model;
    audit.asked = upstream_model();
    audit.account = account_;
    audit.place = near_place_;
    audit.entry = near_entry_;
    audit.alias = alias_entry_;
    audit.tenant = storing_.tenant;
    std::string scratch;
    audit.apart =
        apart_key(storing_.tenant, entry_.prompt,
                  document().string(request_.last_user_text, scratch));
    return audit;
}

std::string take_audit(Services& services, const Audit& audit,
                       Bytes provider, Bytes body) {
    Result<api::Answer> answer = api::read_json(audit.endpoint, body);
    if (!answer.ok()) {
        return {};
    }
    Bill bill = services.billing->bill(
        audit.account,
        {audit.requested, audit.asked, answer->model, provider, provider},
        answer->usage, 0, false);
    if (bill.known()) {
        bill.saved = Bill::kUnknown;
        services.billing->count(services.metrics, audit.account,
                                services.label_of(audit.asked), bill, false);
    }
    return answer->finished_well() ? audit_text(*answer) : std::string();
}

Agreed compare(const semantic::Judge& facts, Bytes stored, Bytes fresh,
               float cosine, semantic::EncoderKind kind) {
    if (stored.empty() || fresh.empty()) {
        return Agreed::kUnknown;
    }
    if (stored == fresh) {
        return Agreed::kYes;
    }
    semantic::Verdict verdict =
        facts.judge(fresh, stored, static_cast<double>(cosine), kind);
    Bounds bounds = bounds_of(kind);
    if (!verdict.veto.empty() || (cosine > -1 && cosine < bounds.no)) {
        return Agreed::kNo;
    }
    return cosine >= bounds.yes ? Agreed::kYes : Agreed::kUnknown;
}

float cosine_of(const semantic::Code& a, const semantic::Code& b) {
    if (a.dims == 0 || a.dims != b.dims) {
        return -1;
    }
    int64_t sum = 0;
    for (size_t i = 0; i < a.dims; i++) {
        sum += int64_t{a.bytes[i]} * b.bytes[i];
    }
    return static_cast<float>(sum) * a.inverse * b.inverse;
}

void settle_audit(Services& services, const Audit& audit, Agreed agreed,
                  Now now) {
    services.metrics
        .counter(metrics::kSemanticAudited, {label_of(agreed)})
        .add();
    if (agreed != Agreed::kNo) {
        return;
    }
    if (services.index != nullptr) {
        (void) services.index->erase(audit.place, audit.entry);
    }
    (void) services.store->purge(cache::PurgeBy::kEntry,
                                 services.store->id_text(audit.alias));
    cache::EntryMeta mark;
    mark.tenant = audit.tenant;
    mark.ttl_s = kApartS;
    mark.born = services.store->sequence();
    (void) services.store->put(audit.apart, mark, {}, now);
}

}  // namespace llm::exchange
