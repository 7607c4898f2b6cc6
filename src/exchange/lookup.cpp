// The stop at the exact cache.
#include <algorithm>
#include <utility>

#include "src/exchange/exchange.hpp"

namespace llm::exchange {
namespace {

constexpr Bytes kJson = "application/json";
constexpr Bytes kEventStream = "text/event-stream; charset=utf-8";

// Providers sample at 1 unless told otherwise.
constexpr double kUsualTemperature = 1.0;

cache::KeyParts key_parts(api::Endpoint endpoint, const Policy& policy,
                          Bytes model, Bytes effective) {
    cache::KeyParts parts;
    parts.endpoint = endpoint;
    parts.model = model;
    parts.effective = effective;
    parts.version = policy.version;
    parts.upstream = policy.upstream;
    parts.target = policy.target;
    parts.scope = policy.scope;
    parts.anthropic_version = policy.anthropic_version;
    parts.anthropic_beta = policy.anthropic_beta;
    parts.openai_organization = policy.openai_organization;
    parts.openai_project = policy.openai_project;
    parts.openai_beta = policy.openai_beta;
    return parts;
}

Storing storing_of(const Policy& policy, const api::Request& request,
                   uint64_t born) {
    Storing storing;
    storing.tenant = policy.tenant;
    storing.tags.assign(policy.tags.begin(), policy.tags.end());
    storing.requested_model = request.model;
    storing.ttl_s = policy.ttl_s;
    storing.max_size = policy.max_size;
    storing.born = born;
    storing.tenant_scoped = policy.tenant_scoped;
    return storing;
}

// What a provider repeats in its answer but does not answer by; the request
// may differ in it from the one that was stored.
struct Echo {
    Bytes name;
    Bytes absent;  // what is said where the request says nothing
};
constexpr Echo kEchoes[] = {
    {"metadata", "{}"},
    {"prompt_cache_key", "null"},
    {"prompt_cache_retention", "null"},
    {"safety_identifier", "null"},
    {"user", "null"},
};

// A response says to each caller what he said himself, nothing of another
// one's. Empty when memory is out or the content cannot be read.
Bytes echo_own(const json::Document& request, Bytes content,
               const Allocator& memory) {
    json::Document answer;
    if (!answer.parse(content).ok()) {
        return {};
    }
    route::Edits edits;
    for (const Echo& echo : kEchoes) {
        json::NodeId said = answer.find(json::kRoot, echo.name);
        if (said == json::kNoNode) {
            continue;
        }
        json::NodeId own = request.find(json::kRoot, echo.name);
        Bytes raw = own == json::kNoNode ? echo.absent : request.raw(own);
        if (raw != answer.raw(said)
            && !edits.replace(answer, said, raw).ok()) {
            return {};
        }
    }
    if (edits.empty()) {
        return content;
    }
    size_t size = edits.size_after(content.size());
    char* out = memory.allocate(memory.context, size);
    if (out == nullptr) {
        return {};
    }
    edits.apply(content, out);
    return {out, size};
}

api::ApiError not_cached() {
    api::ApiError error;
    error.status = 504;
    error.message =
        "The answer is not in the cache and the request said only-if-cached.";
    error.code = "not_cached";
    return error;
}

using cache::Lookup;

CacheStatus status_of(Lookup::Status status) {
    return status == Lookup::Status::kExpired ? CacheStatus::kExpired
                                              : CacheStatus::kMiss;
}

Bytes reason_of(Lookup::Status status) {
    switch (status) {
    case Lookup::Status::kExpired:
        return "expired";
    case Lookup::Status::kCorrupt:
        return "corrupt";
    case Lookup::Status::kUnavailable:
        return "unavailable";
    default:
        return "no_entry";
    }
}

}  // namespace

// True when the request has nothing to do with the cache at all.
bool Exchange::gate(const Policy& policy) {
    if (malformed_) {
        return true;  // the reason stands already
    }
    if (Bytes effect = request_.effect(); !effect.empty()) {
        reason_ = "gate:";
        reason_ += effect;
        return true;
    }
    // OpenAI stores a response unless told not to, and its id names the
    // stored object: it must not be handed to another caller.
    if (endpoint_ == api::Endpoint::kResponses
        && request_.store == api::Tri::kAbsent && !policy.tenant_scoped) {
        reason_ = "gate:store";
        return true;
    }
    if (policy.other_identity) {
        reason_ = "gate:identity";
        return true;
    }
    if (policy.max_temperature) {
        double thousandths =
            request_.temperature.value_or(kUsualTemperature) * 1000;
        if (thousandths > static_cast<double>(*policy.max_temperature)) {
            reason_ = "gate:temperature";
            return true;
        }
    }
    return false;
}

// Why nothing is answered from the cache; false, for who returns just that.
bool Exchange::no_hit(CacheStatus status, Bytes reason) {
    status_ = status;
    reason_ = reason;
    return false;
}

// Leaves nullptr in `known` when it says nothing of this key.
Digest Exchange::key_of(const cache::KeyParts& parts, Reading*& known) {
    std::string& head = services_.key_head;
    head.clear();
    cache::append_key_head(parts, head);
    if (known != nullptr && known->key_head == head) {
        return known->key;
    }
    known = nullptr;
    return cache::fingerprint(document(), parts, head, services_.hasher);
}

Step Exchange::look_up(const Policy& policy, Now now,
                       const Allocator& memory) {
    near_.reset();
    Reading* known = std::exchange(reading_, nullptr);
    if (!policy.cache || services_.store == nullptr) {
        reason_ = malformed_ ? reason_ : "off";
        return Step::kForward;
    }
    if (gate(policy)) {
        status_ = CacheStatus::kBypass;
    } else if (find_answer(policy, known, now, memory)) {
        store_wanted_ = false;
        return observe_ ? Step::kForward : hit(known);
    }
    only_memory_ = policy.control.only_if_cached && !observe_;
    if (only_memory_ && status_ == CacheStatus::kBypass) {
        near_.reset();
    }
    return Step::kForward;
}

bool Exchange::may_leave() {
    if (!only_memory_) {
        return true;
    }
    reason_ = "client:only_if_cached";
    store_wanted_ = false;
    refusal_ = not_cached();
    return false;
}

// By the exact key, then by the normalised one; what may be asked of the near
// tier after that stands ready. Leaves in `known` what is known of a body with
// an exact hit.
bool Exchange::find_answer(const Policy& policy, Reading*& known, Now now,
                           const Allocator& memory) {
    // Who names the model and whose alias comes to it share one answer.
    bool own = observe_ || asked_model_.empty();
    cache::KeyParts parts =
        key_parts(endpoint_, policy,
                  own ? Bytes(request_.model) : asked_model(), effective_);
    if (parameters_) {
        parts.replaced = parameters_->replaced();
    }
    key_ = key_of(parts, known);
    storing_ = storing_of(policy, request_, services_.store->sequence());
    store_wanted_ = !policy.no_store && !policy.control.no_store
                    && policy.ttl_s > 0;
    if (policy.bypass) {
        no_hit(CacheStatus::kBypass, "bypass");
    } else if (policy.control.no_cache) {
        no_hit(CacheStatus::kBypass, "client:no_cache");
    } else if (find_given(known, policy, now)
               || find(*key_, policy, now, memory)) {
        known = remember(known);
        return true;
    }
    known = nullptr;
    bool search = status_ != CacheStatus::kBypass;
    bool near = begin_near(policy, parts, search);
    bool found = search
                 && ((near && find_normalised(policy, now, memory))
                     || find_as_stored_near(policy, parts, now, memory));
    if (found) {
        near_.reset();
    }
    return found;
}

// An alias is followed to its entry, once.
Result<cache::Entry> Exchange::follow(const cache::Entry& alias,
                                      cache::Lookup& found, Now now,
                                      const Allocator& memory) {
    char* bytes = nullptr;
    found = services_.store->lookup(*alias.alias_of, now, [&](size_t size) {
        bytes = memory.allocate(memory.context, size);
        return bytes;
    });
    if (!found.hit()) {
        return Error{Errc::kNotFound, "the alias's entry is gone"};
    }
    Result<cache::Entry> entry = cache::decode(Bytes(bytes, found.size));
    if (entry.ok() && entry->alias_of) {
        return Error{Errc::kCorrupt, "an alias of an alias"};
    }
    return entry;
}

// True on a hit; otherwise status and reason say why not.
bool Exchange::find(const Digest& key, const Policy& policy, Now now,
                    const Allocator& memory) {
    char* bytes = nullptr;
    cache::Lookup found =
        services_.store->lookup(key, now, [&](size_t size) {
            bytes = memory.allocate(memory.context, size);
            return bytes;
        });
    if (!found.hit()) {
        return no_hit(status_of(found.status), reason_of(found.status));
    }
    Result<cache::Entry> entry = cache::decode(Bytes(bytes, found.size));
    bool aliased = entry.ok() && entry->alias_of;
    float cosine = entry.ok() ? entry->alias_cosine : 0;
    if (aliased) {
        alias_entry_ = found.id;
        near_entry_ = *entry->alias_of;
        near_place_ = entry->alias_place;
        entry = follow(*entry, found, now, memory);
    }
    if (!entry.ok() || entry->endpoint != endpoint_) {
        bool gone = !entry.ok() && entry.error().code == Errc::kNotFound;
        return no_hit(CacheStatus::kMiss, gone ? "no_entry" : "corrupt");
    }
    if (aliased && !alias_stands(policy, entry->prompt, cosine, now)) {
        status_ = CacheStatus::kMiss;
        return false;
    }
    if (!take(std::move(entry).value(), found, policy.control, memory)) {
        return false;
    }
    status_ = CacheStatus::kHit;
    reason_ = "exact";
    reply_.detail = {};
    if (aliased) {
        status_ = CacheStatus::kSemantic;
        reason_ = "alias";
        reply_.detail = "SEMANTIC";
        similarity_ = cosine;
    }
    return true;
}

// False when the client wants a fresher one; status and reason say so.
bool Exchange::take(cache::Entry entry, const cache::Lookup& found,
                    const ClientControl& control, const Allocator& memory) {
    if (control.max_age_s && found.age_s > *control.max_age_s) {
        return no_hit(CacheStatus::kExpired, "client:max_age");
    }
    if (control.min_fresh_s && found.ttl_s < *control.min_fresh_s) {
        return no_hit(CacheStatus::kExpired, "client:min_fresh");
    }
    if (entry.packed.size != 0) {
        char* room = memory.allocate(memory.context, entry.packed.size);
        if (room == nullptr || !cache::unpack(entry, room).ok()) {
            return no_hit(CacheStatus::kMiss,
                          room == nullptr ? "unavailable" : "corrupt");
        }
    }
    if (endpoint_ == api::Endpoint::kResponses) {
        entry.content = echo_own(document(), entry.content, memory);
        if (entry.content.empty()) {
            return no_hit(CacheStatus::kMiss, "unavailable");
        }
    }
    entry_ = std::move(entry);
    hit_by(found);
    reply_.entry_id = services_.store->id_text(found.id);
    return true;
}

void Exchange::hit_by(const cache::Lookup& found) {
    entry_id_ = found.id;
    reply_.age_s = found.age_s;
    reply_.ttl_s = found.ttl_s;
}

// The entry that was given out for this body before, if it still stands. What
// depends on its age goes the long way.
bool Exchange::find_given(const Reading* known, const Policy& policy,
                          Now now) {
    if (known == nullptr || !known->given || policy.control.max_age_s
        || policy.control.min_fresh_s) {
        return false;
    }
    cache::Lookup found =
        services_.store->confirm(*key_, known->given->id, now);
    if (!found.hit()) {
        return false;
    }
    given_ = known->given;
    entry_ = given_->entry;
    hit_by(found);
    reply_.entry_id = given_->id_text;
    reply_.detail = {};
    status_ = CacheStatus::kHit;
    reason_ = "exact";
    return true;
}

// What a body came to is kept at its first hit, what it was given at its
// second one. An alias's answer goes with the alias, which may go alone.
Reading* Exchange::remember(Reading* known) {
    if (known == nullptr) {
        return services_.readings.keep({std::string(bytes_), model_required_,
                                        client_request_ ? *client_request_
                                                        : request_,
                                        services_.key_head, *key_,
                                        nullptr});
    }
    if (!given_ && status_ == CacheStatus::kHit) {
        services_.readings.keep_given(*known, entry_id_, reply_.entry_id,
                                      entry_);
    }
    return known;
}

// One entry serves both forms: JSON is what is stored, a stream is written
// from it.
Step Exchange::hit(Reading* known) {
    if (!replies_by_stream()) {
        usage_ = entry_.usage;
        reply_.content_type = kJson;
        reply_.body = entry_.content;
        name_hit();
        return Step::kReply;
    }
    reply_.content_type = kEventStream;
    if (given_ && !given_->stream.empty() && given_->model == answer_name_) {
        reply_.body = given_->stream;
        usage_ = entry_.usage;
        return Step::kReply;
    }
    Result<api::Answer> answer = api::read_json(endpoint_, entry_.content);
    if (!answer.ok()) {
        no_hit(CacheStatus::kMiss, "corrupt");
        return Step::kForward;
    }
    usage_ = entry_.usage;
    api::StreamOptions options;
    options.include_usage = request_.include_usage;
    if (answer_model_ && !answer->model.empty()) {
        answer->model = answer_name_;
    }
    api::write_sse(*answer, options, replay_);
    reply_.body = replay_;
    if (known != nullptr && known->given
        && known->given->id == entry_id_) {
        services_.readings.keep_stream(*known, answer_name_, replay_);
    }
    return Step::kReply;
}

// The entry keeps the name of who made it.
void Exchange::name_hit() {
    if (!answer_model_) {
        return;
    }
    route::BodyModel body(answer_name_);
    for (Bytes piece : body.feed(reply_.body)) {
        replay_ += piece;
    }
    reply_.body = replay_;
}

}  // namespace llm::exchange
