#include "src/exchange/near.hpp"

#include <algorithm>

#include "src/exchange/exchange.hpp"
#include "src/metrics/families.hpp"
#include "src/semantic/index_store.hpp"
#include "src/semantic/normalise.hpp"
#include "src/semantic/partition_key.hpp"

namespace llm::exchange {
namespace {

constexpr uint32_t kAllSlots = UINT32_MAX;
constexpr double kThousand = 1000;

std::string below(float cosine) {
    int64_t hundredths = static_cast<int64_t>(cosine * 100);
    std::string out = hundredths < 10 ? "below:0.0" : "below:0.";
    append_number(out, std::clamp<int64_t>(hundredths, 0, 99));
    return out;
}

Digest normalised_key_of(const Digest& partition, Bytes text) {
    Hasher hasher;
    hasher.update("llm-normalised 1\n");
    hasher.update(partition.view());
    hasher.update(text);
    return hasher.finish();
}

}  // namespace

bool NearJob::encode(semantic::Workspace& space) {
    std::vector<float> vector(encoder_->dims());
    return encoder_->encode(text_, space, vector).ok() && take(vector);
}

bool NearJob::take(std::span<const float> vector) {
    has_code_ = semantic::encode(vector, code_).ok();
    return has_code_;
}

void NearJob::search(Now now) {
    semantic::Search search(index_, partition_, code_, floor_);
    while (!search.step(kAllSlots, now)) {
    }
    auto found = search.candidates();
    candidates_.assign(found.begin(), found.end());
}

uint64_t NearJob::expected() {
    return semantic::Search(index_, partition_, code_, floor_).expected();
}

// After a miss, with the document. kReply: the normalised text has an
// answer.
Step Exchange::begin_near(const Policy& policy, const cache::KeyParts& parts,
                          Now now, const Allocator& memory) {
    const NearPolicy& near = *policy.near;
    Bytes why = semantic::gate(request_, *document_, near.gate,
                               near.judge->lists());
    if (!why.empty()) {
        reason_ = why;
        return Step::kForward;
    }
    CacheStatus was = status_;
    near_.emplace();
    near_->policy = near;
    std::string scratch;
    near_->text = document_->string(request_.last_user_text, scratch);
    cache::KeyParts open = parts;
    open.placeholder = request_.last_user_text;
    Digest request = cache::fingerprint(*document_, open, services_.hasher);
    Digest partition = semantic::partition_key(request, near.encoder_id);
    if (near.normalise) {
        std::string plain = semantic::normalised_key_text(
            near_->text, near.judge->lists());
        if (!plain.empty()) {
            near_->normalised_key = normalised_key_of(partition, plain);
        }
    }
    if (near_->normalised_key && !observe_
        && find(*near_->normalised_key, policy, now, memory)) {
        status_ = CacheStatus::kHit;
        reason_ = "normalized";
        reply_.detail = "NORMALIZED";
        store_wanted_ = false;
        return hit();
    }
    if (near_->normalised_key) {
        (void) miss(was, "no_entry");
    }
    near_->job = std::make_shared<NearJob>(near_->text, partition,
                                           near.threshold, *services_.index,
                                           near.encoder);
    return Step::kForward;
}

// A candidate's answer, if the judge lets it pass. Why not goes to reason_.
bool Exchange::accept(const semantic::Candidate& candidate,
                      const semantic::Facts& query, Now now,
                      const Allocator& memory) {
    const NearPolicy& policy = near_->policy;
    char* bytes = nullptr;
    cache::Lookup found =
        services_.store->lookup(candidate.entry, now, [&](size_t size) {
            bytes = memory.allocate(memory.context, size);
            return bytes;
        });
    if (!found.hit()) {
        return false;
    }
    Result<cache::Entry> entry = cache::decode(Bytes(bytes, found.size));
    if (!entry.ok() || entry->endpoint != endpoint_
        || entry->prompt.empty()) {
        return false;
    }
    semantic::Verdict verdict = policy.judge->judge(
        query, entry->prompt, static_cast<double>(candidate.cosine),
        policy.kind);
    metrics::Table& table = services_.metrics;
    if (!verdict.veto.empty()) {
        reason_ = verdict.veto;
        table.counter(metrics::kSemanticVetoes, {verdict.veto.substr(5)})
            .add();
        return false;
    }
    if (verdict.probability_ppm < policy.precision_ppm) {
        reason_ = below(candidate.cosine);
        return false;
    }
    entry_ = std::move(entry).value();
    reply_.age_s = found.age_s;
    reply_.ttl_s = found.ttl_s;
    reply_.entry_id = services_.store->id_text(found.id);
    return true;
}

// The new wording has the old one's answer from now on, as long as that
// lives: no encoder is asked for it again.
void Exchange::put_alias(const Digest& key, const cache::EntryId& target,
                         int64_t ttl_s, Now now) {
    cache::Entry alias;
    alias.endpoint = endpoint_;
    alias.answer_id = entry_.answer_id;
    alias.model = entry_.model;
    alias.requested_model = storing_.requested_model;
    alias.tenant = storing_.tenant;
    alias.created_wall_s = now.wall_s();
    alias.tenant_scoped = storing_.tenant_scoped;
    alias.tags.assign(storing_.tags.begin(), storing_.tags.end());
    alias.alias_of = target;
    cache::EntryMeta meta;
    meta.tenant = alias.tenant;
    meta.model = alias.model;
    meta.answer_id = alias.answer_id;
    meta.tags = alias.tags;
    meta.ttl_s = ttl_s;
    meta.born = storing_.born;
    std::string header;
    if (cache::encode(alias, header).ok()) {
        (void) services_.store->put(key, meta, alias.pieces(header), now);
    }
}

Step Exchange::near(Now now, const Allocator& memory) {
    NearJob& job = *near_->job;
    metrics::Table& table = services_.metrics;
    if (job.encode_ns >= 0) {
        table.histogram(metrics::kSemanticEncode).observe(job.encode_ns);
    }
    if (!job.has_code()) {
        reason_ = "encoder";
        table.counter(metrics::kSemanticUnencoded).add();
        return Step::kForward;
    }
    auto candidates = job.candidates();
    table.counter(metrics::kSemanticCandidates).add(candidates.size());
    if (candidates.empty()) {
        return Step::kForward;
    }
    similarity_ = candidates.front().cosine;
    table.histogram(metrics::kSemanticSimilarity)
        .observe(static_cast<int64_t>(similarity_ * kThousand));
    semantic::Facts query = near_->policy.judge->read(near_->text);
    for (const semantic::Candidate& candidate : candidates) {
        if (accept(candidate, query, now, memory)) {
            return near_hit(candidate, now);
        }
    }
    return Step::kForward;
}

void Exchange::near_too_late() {
    reason_ = "encoder";
    services_.metrics.counter(metrics::kSemanticUnencoded).add();
}

Step Exchange::near_hit(const semantic::Candidate& candidate, Now now) {
    similarity_ = candidate.cosine;
    status_ = CacheStatus::kSemantic;
    reason_ = "semantic";
    services_.index->touch(candidate.place, candidate.entry);
    if (observe_) {
        return Step::kForward;
    }
    reply_.detail = "SEMANTIC";
    near_place_ = candidate.place;
    near_entry_ = candidate.entry;
    if (store_wanted_) {
        put_alias(*key_, candidate.entry, reply_.ttl_s, now);
    }
    store_wanted_ = false;
    return hit();
}

// The vector goes with the entry that was just stored.
void Exchange::store_near(const cache::EntryId& entry, Now now) {
    if (near_->normalised_key) {
        entry_.answer_id = reader_ ? Bytes(reader_->answer().id)
                                   : Bytes(summary_->id);
        entry_.model = served_model();
        put_alias(*near_->normalised_key, entry, storing_.ttl_s, now);
    }
    if (!near_->job || !near_->job->finished || !near_->job->has_code()) {
        return;
    }
    semantic::NewVector vector;
    vector.partition = near_->job->partition();
    vector.entry = entry;
    vector.ttl_s = storing_.ttl_s;
    (void) semantic::insert_for_entry(*services_.store, *services_.index,
                                      vector, near_->job->code(), now);
}

}  // namespace llm::exchange
