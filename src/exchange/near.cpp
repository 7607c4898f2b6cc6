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
// Nearer than that is worth a word in the log, whatever the threshold.
constexpr double kReportFloor = 0.7;

struct Threshold {
    double value;
    Bytes label;
};
constexpr Threshold kThresholds[] = {
    {0.70, "0.70"}, {0.80, "0.80"}, {0.85, "0.85"},
    {0.90, "0.90"}, {0.95, "0.95"}, {0.98, "0.98"},
};

// No further candidate is judged when the ones so far were that long, in
// bytes: the judge reads 5 to 10 of them in a microsecond, on the event loop.
constexpr size_t kMostRead = 2000;

// A question of more bytes is hardly asked twice, and reading it costs time.
constexpr size_t kMostNormalised = 4096;

std::string below(float cosine) {
    int64_t hundredths = static_cast<int64_t>(cosine * 100);
    std::string out = hundredths < 10 ? "below:0.0" : "below:0.";
    append_number(out, std::clamp<int64_t>(hundredths, 0, 99));
    return out;
}

// No encoder has a part in it: an answer outlives a change of the encoder.
Digest normalised_key_of(const Digest& request, Bytes text) {
    Hasher hasher;
    hasher.update("llm-normalised 2\n");
    hasher.update(request.view());
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

// With the document, where no exact entry answers. Without `search` only what
// is to be kept with the answer is made ready. False: no near match may
// answer.
bool Exchange::begin_near(const Policy& policy, const cache::KeyParts& parts,
                          bool search) {
    if (policy.near == nullptr || services_.index == nullptr
        || (!search && !store_wanted_)) {
        return false;
    }
    const NearPolicy& near = *policy.near;
    Bytes why = semantic::gate(request_, document(), near.gate,
                               near.judge->lists());
    if (!why.empty()) {
        if (search) {
            reason_ = why;
        }
        return false;
    }
    near_.emplace();
    near_->policy = near;
    near_->control = policy.control;
    std::string scratch;
    near_->text = document().string(request_.last_user_text, scratch);
    cache::KeyParts open = parts;
    open.placeholder = request_.last_user_text;
    Digest request = cache::fingerprint(document(), open);
    Digest partition = semantic::partition_key(request, near.encoder_id);
    semantic::Normalised normal =
        semantic::normalise(near_->text, near.judge->lists());
    if (near.normalise && !normal.key_text.empty()) {
        near_->normalised_key = normalised_key_of(request, normal.key_text);
    }
    near_->job = std::make_shared<NearJob>(
        std::string(normal.asking), partition,
        std::min(near.threshold, kReportFloor), *services_.index,
        near.encoder, search);
    return true;
}

// Answers of this tier stand here, and aliases; what stood under an earlier
// key and was not taken stays the reason.
bool Exchange::find_normalised(const Policy& policy, Now now,
                               const Allocator& memory) {
    for (const std::optional<Digest>& key :
         {near_->normalised_key,
          std::optional<Digest>(near_->alias_key(*key_))}) {
        CacheStatus status = status_;
        std::string reason = reason_;
        if (key && find(*key, policy, now, memory)) {
            bool same = status_ != CacheStatus::kHit
                        || entry_.prompt == near_->text;
            reason_ = same ? reason_ : "normalized";
            reply_.detail = same ? reply_.detail : "NORMALIZED";
            return true;
        }
        if (reason != "no_entry") {
            status_ = status;
            reason_ = std::move(reason);
        }
    }
    return false;
}

// An answer stands under its normalised question where near matches were on
// when it was stored. To the same question it is an exact hit whatever is said
// of near matches now.
bool Exchange::find_as_stored_near(const Policy& policy,
                                   const cache::KeyParts& parts, Now now,
                                   const Allocator& memory) {
    bool looked = near_ && near_->normalised_key;
    if (looked || policy.lists == nullptr || status_ != CacheStatus::kMiss
        || request_.last_user_text == json::kNoNode) {
        return false;
    }
    std::string scratch;
    Bytes text = document().string(request_.last_user_text, scratch);
    if (text.size() > kMostNormalised) {
        return false;
    }
    std::string normal = semantic::normalised_key_text(text, *policy.lists);
    if (normal.empty()) {
        return false;
    }
    cache::KeyParts open = parts;
    open.placeholder = request_.last_user_text;
    Digest request = cache::fingerprint(document(), open);
    std::string reason = reason_;
    if (find(normalised_key_of(request, normal), policy, now, memory)
        && entry_.prompt == text) {
        return true;
    }
    return no_hit(CacheStatus::kMiss, reason);
}

Digest Near::alias_key(const Digest& exact) const {
    Hasher hasher;
    hasher.update("llm-alias 1\n");
    hasher.update(key(exact).view());
    hasher.update(policy.encoder_id.view());
    return hasher.finish();
}

// Whether near matches by this policy may have what was one when it was
// stored.
bool Exchange::alias_stands(const Policy& policy, Bytes prompt,
                            float cosine, Now now) {
    if (policy.near == nullptr || prompt.empty()) {
        reason_ = "no_entry";
        return false;
    }
    std::string scratch;
    Bytes text = document().string(request_.last_user_text, scratch);
    return judge(*policy.near, policy.near->judge->read(text), prompt, cosine,
                 policy.near->threshold)
               .has_value()
           && !kept_apart(prompt, text, now);
}

// Whether an audit has found that the two ask for different things.
bool Exchange::kept_apart(Bytes prompt, Bytes text, Now now) {
    if (!is_apart(*services_.store, apart_key(storing_.tenant, prompt, text),
                  now)) {
        return false;
    }
    reason_ = "veto:audited";
    services_.metrics.counter(metrics::kSemanticVetoes, {"audited"}).add();
    return true;
}

// The probability that the stored answer is right; empty: it may not be
// served, why not goes to reason_.
std::optional<uint32_t> Exchange::judge(const NearPolicy& policy,
                                        const semantic::Facts& query,
                                        Bytes prompt, float cosine,
                                        double floor) {
    if (static_cast<double>(cosine) < floor) {
        reason_ = below(cosine);
        return std::nullopt;
    }
    semantic::Verdict verdict = policy.judge->judge(
        query, prompt, static_cast<double>(cosine), policy.kind,
        &services_.words);
    if (!verdict.veto.empty()) {
        reason_ = verdict.veto;
        services_.metrics
            .counter(metrics::kSemanticVetoes, {verdict.veto.substr(5)})
            .add();
        return std::nullopt;
    }
    if (verdict.probability_ppm < policy.precision_ppm) {
        reason_ = below(cosine);
        return std::nullopt;
    }
    return verdict.probability_ppm;
}

// A candidate with its entry, if the judge lets it pass and it is likelier
// right than `best`.
void Exchange::consider(const semantic::Candidate& candidate,
                        const semantic::Facts& query, double floor, Now now,
                        const Allocator& memory, Best& best) {
    char* bytes = nullptr;
    cache::Lookup found =
        services_.store->lookup(candidate.entry, now, [&](size_t size) {
            bytes = memory.allocate(memory.context, size);
            return bytes;
        });
    if (!found.hit()) {
        return;
    }
    Result<cache::Entry> entry = cache::decode(Bytes(bytes, found.size));
    if (!entry.ok() || entry->endpoint != endpoint_
        || entry->prompt.empty()) {
        return;
    }
    services_.metrics.counter(metrics::kSemanticCandidates).add();
    best.read += entry->prompt.size();
    auto probability =
        judge(near_->policy, query, entry->prompt, candidate.cosine, floor);
    if (probability && (!best.candidate || *probability > best.probability)
        && !kept_apart(entry->prompt, near_->text, now)) {
        best = {&candidate, *probability, std::move(entry).value(), found,
                best.read};
    }
}

// What other thresholds would have served.
void Exchange::count_thresholds(float cosine) {
    for (const Threshold& threshold : kThresholds) {
        if (static_cast<double>(cosine) >= threshold.value) {
            services_.metrics
                .counter(metrics::kSemanticObserved, {threshold.label})
                .add();
        }
    }
}

// The new wording has the old one's answer from now on, as long as that
// lives: no encoder is asked for it again.
void Exchange::put_alias(const Digest& key,
                         const semantic::Candidate& target, int64_t ttl_s,
                         Now now) {
    cache::Entry alias;
    alias.endpoint = endpoint_;
    alias.alias_of = target.entry;
    alias.alias_place = target.place;
    alias.alias_cosine = target.cosine;
    cache::EntryMeta meta;
    std::vector<Bytes> tags(storing_.tags.begin(), storing_.tags.end());
    meta.tenant = storing_.tenant;
    meta.model = entry_.model;
    meta.answer_id = entry_.answer_id;
    meta.tags = tags;
    meta.ttl_s = ttl_s;
    meta.born = storing_.born;
    std::string header;
    if (cache::encode(alias, header).ok()) {
        alias_entry_ = services_.store
                           ->put(key, meta, alias.pieces(header), now)
                           .id;
    }
}

Step Exchange::near(Now now, const Allocator& memory) {
    NearJob& job = *near_->job;
    metrics::Table& table = services_.metrics;
    if (job.encode_ns >= 0) {
        table.histogram(metrics::kSemanticEncode).observe(job.encode_ns);
    }
    if (!job.wants_search()) {
        return Step::kForward;
    }
    if (!job.has_code()) {
        near_too_late();
        return Step::kForward;
    }
    auto candidates = job.candidates();
    if (candidates.empty()) {
        return Step::kForward;
    }
    similarity_ = candidates.front().cosine;
    table.histogram(metrics::kSemanticSimilarity)
        .observe(static_cast<int64_t>(similarity_ * kThousand));
    semantic::Facts query = near_->policy.judge->read(near_->text);
    double floor = observe_ ? kReportFloor : near_->policy.threshold;
    Best best;
    std::string why;  // of the nearest
    for (const semantic::Candidate& candidate : candidates) {
        consider(candidate, query, floor, now, memory, best);
        if (why.empty()) {
            why = reason_;
        }
        if (best.read >= kMostRead) {
            break;
        }
    }
    if (best.candidate == nullptr) {
        reason_ = std::move(why);
        return Step::kForward;
    }
    return take(std::move(best.entry), best.found, near_->control, memory)
               ? near_hit(*best.candidate, now)
               : Step::kForward;
}

void Exchange::near_too_late() {
    if (near_->job->wants_search()) {
        reason_ = "encoder";
    }
    services_.metrics.counter(metrics::kSemanticUnencoded).add();
}

Step Exchange::near_hit(const semantic::Candidate& candidate, Now now) {
    similarity_ = candidate.cosine;
    if (observe_) {
        count_thresholds(candidate.cosine);
    }
    if (static_cast<double>(candidate.cosine) < near_->policy.threshold) {
        reason_ = below(candidate.cosine);
        return Step::kForward;
    }
    status_ = CacheStatus::kSemantic;
    reason_ = "semantic";
    services_.index->touch(candidate.place, candidate.entry);
    near_place_ = candidate.place;
    near_entry_ = candidate.entry;
    if (store_wanted_) {
        put_alias(near_->alias_key(*key_), candidate, reply_.ttl_s, now);
    }
    store_wanted_ = false;
    if (observe_) {
        return Step::kForward;
    }
    reply_.detail = "SEMANTIC";
    return hit();
}

// The vector goes with the entry that was just stored, now or when it is
// there: a request does not wait for it longer than its timeout says, which
// is no reason to do without. Its words count from now on.
void Exchange::store_near(const cache::EntryId& entry, Now now) {
    if (!near_->job) {
        return;
    }
    services_.words.add(near_->policy.judge->read(near_->text));
    near_->job->stored = {entry, storing_.ttl_s};
    if (near_->job->finished) {
        store_late(services_, *near_->job, now);
    }
}

void store_late(Services& services, NearJob& job, Now now) {
    if (!job.stored || !job.has_code() || services.store == nullptr
        || services.index == nullptr) {
        return;
    }
    semantic::NewVector vector;
    vector.partition = job.partition();
    vector.entry = job.stored->entry;
    vector.ttl_s = job.stored->ttl_s;
    job.stored.reset();
    (void) semantic::insert_for_entry(*services.store, *services.index,
                                      vector, job.code(), now);
}

}  // namespace llm::exchange
