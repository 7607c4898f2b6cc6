// Whether an answer may be stored, and the storing.
#include "src/exchange/exchange.hpp"
#include "src/metrics/families.hpp"

namespace llm::exchange {
namespace {

Bytes result_label(cache::Put put) {
    switch (put) {
    case cache::Put::kStored: return "stored";
    case cache::Put::kTooLarge: return "too_large";
    case cache::Put::kNoRoom: return "no_space";
    case cache::Put::kPurged:
    case cache::Put::kDead: return "no_store";
    case cache::Put::kInvalid:
    case cache::Put::kUnavailable: break;
    }
    return "failed";
}

// "" when the answer was stored.
Bytes refusal_reason(cache::Put put) {
    switch (put) {
    case cache::Put::kStored: return "";
    case cache::Put::kTooLarge: return "size";
    case cache::Put::kNoRoom: return "zone_full";
    case cache::Put::kPurged: return "purged";
    case cache::Put::kDead: return "expired";
    case cache::Put::kInvalid:
    case cache::Put::kUnavailable: break;
    }
    return "unavailable";
}

}  // namespace

// "" when the answer may be stored.
Bytes Exchange::why_not_stored(End how) const {
    if (rerouted_) {
        return "rerouted";
    }
    if (!rungs_.may_store()) {
        return "fallback";
    }
    switch (how) {
    case End::kComplete: break;
    case End::kClientAbort: return "aborted";
    case End::kUpstreamInvalid:
        return is_no_answer() ? "content_type" : "error";
    case End::kUnreachable:
    case End::kUpstreamError: return "error";
    case End::kTooLarge: return "size";
    case End::kRefused: return "refused";
    case End::kCeiling: return "ceiling";
    case End::kUpstreamCut:
    case End::kTimeout: return "truncated";
    }
    return response_.why_not_stored(storing_.max_size);
}

void Exchange::store(End how, Now now) {
    if (!store_wanted_) {
        return;
    }
    Bytes why = why_not_stored(how);
    if (why.empty()) {
        why = put(now);
    }
    store_wanted_ = why.empty();
    if (!why.empty()) {
        reason_ = "no_store:";
        reason_ += why;
    }
}

Bytes Exchange::put(Now now) {
    const api::StreamReader* reader = response_.reader();
    std::string content;
    if (reader != nullptr) {
        api::write_json(reader->answer(), content);
    }
    cache::Entry entry;
    entry.endpoint = endpoint_;
    entry.answer_id = response_.id();
    entry.model = served_model();
    entry.requested_model = storing_.requested_model;
    entry.finish_reason = finish_reason();
    entry.tenant = storing_.tenant;
    entry.usage = usage_;
    entry.created_wall_s = now.wall_s();
    entry.tenant_scoped = storing_.tenant_scoped;
    entry.tags.assign(storing_.tags.begin(), storing_.tags.end());
    entry.content = reader != nullptr ? Bytes(content) : response_.json();
    if (near_) {
        entry.prompt = near_->text;
    }
    if (entry.content.size() > storing_.max_size) {
        return "size";
    }
    cache::EntryMeta meta;
    meta.tenant = entry.tenant;
    meta.model = entry.model;
    meta.answer_id = entry.answer_id;
    meta.tags = entry.tags;
    meta.ttl_s = storing_.ttl_s;
    meta.born = storing_.born;
    std::string header;
    if (!cache::encode(entry, header).ok()) {
        return "size";
    }
    cache::PutResult stored =
        services_.store->put(near_ ? near_->key(*key_) : *key_, meta,
                             entry.pieces(header), now);
    cache::Put put = stored.status;
    if (near_ && put == cache::Put::kStored) {
        store_near(stored.id, now);
    }
    metrics::Counter other;
    count_on(put == cache::Put::kStored ? services_.request_series.stored
                                        : other,
             metrics::kCacheStores, {result_label(put)});
    return refusal_reason(put);
}

}  // namespace llm::exchange
