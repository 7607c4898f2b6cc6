// Store: how the region is divided, made and found again.
#include <algorithm>
#include <cstring>

#include "src/cache/store.hpp"

namespace llm::cache {
namespace {

struct StoreHead {
    uint64_t region_size;
    uint64_t max_entry;
    uint32_t shards;
    uint32_t chunks;   // a shard
    uint32_t buckets;  // a shard
    uint32_t reserved;
    SipKey purge_key;
    SipKey id_key;
    HashKey hash;
    PurgeHead purges;
};

static_assert(std::is_trivially_copyable_v<StoreHead>);

// After a death inside a shard's lock whoever comes next repairs it, on its
// event loop, so a large zone has more of them and none that takes long.
constexpr uint32_t kUsualShards = 64;
constexpr uint32_t kMaxShards = 4096;
constexpr uint64_t kMinShard = 1 << 20;
constexpr uint64_t kLargeShard = 16 << 20;
constexpr uint64_t kMaxEntry = uint64_t{1} << 31;

uint64_t bucket_bytes(uint64_t chunks) {
    return shm::align_up(sizeof(Bucket)
                         * std::max<uint64_t>(1, chunks / kChunksPerBucket));
}

uint64_t shard_size(uint64_t chunks) {
    return shm::align_up(sizeof(ShardHead)) + bucket_bytes(chunks)
           + shm::align_up(4 * chunks) + chunks * kChunkSize;
}

struct Geometry {
    uint32_t shards = 0;
    uint32_t chunks = 0;
    uint32_t buckets = 0;
};

// As many shards as leave each one room for several of the largest entries,
// and more than the usual number only where they would be large.
Geometry geometry(uint64_t region, uint64_t max_entry) {
    uint64_t need = chunks_for(max_entry, kMaxTags);
    uint64_t head = shm::align_up(sizeof(StoreHead));
    if (region < head + shard_size(need)) {
        return {};
    }
    uint64_t want = std::max(kMinShard, 4 * shard_size(need));
    uint32_t shards = kMaxShards;
    while (shards > 1
           && (region - head) / shards
                  < (shards > kUsualShards ? std::max(want, kLargeShard)
                                           : want)) {
        shards /= 2;
    }
    uint64_t size = (region - head) / shards / shm::kAlign * shm::kAlign;
    // Each with its link and its share of a bucket.
    constexpr uint64_t kOneBucketsBytes =
        kChunksPerBucket * (kChunkSize + 4) + sizeof(Bucket);
    uint64_t chunks = std::min<uint64_t>(
        size / kOneBucketsBytes * kChunksPerBucket + kChunksPerBucket,
        kNoChunk - 64);
    while (shard_size(chunks) > size) {
        chunks--;
    }
    return {shards, static_cast<uint32_t>(chunks),
            static_cast<uint32_t>(
                std::max<uint64_t>(1, chunks / kChunksPerBucket))};
}

}  // namespace

uint32_t Store::layout() {
    return shm::layout_hash(
        {LLM_FIELD(StoreHead, region_size), LLM_FIELD(StoreHead, max_entry),
         LLM_FIELD(StoreHead, shards), LLM_FIELD(StoreHead, chunks),
         LLM_FIELD(StoreHead, buckets), LLM_FIELD(StoreHead, purge_key),
         LLM_FIELD(StoreHead, id_key), LLM_FIELD(StoreHead, hash),
         LLM_FIELD(StoreHead, purges), LLM_FIELD(PurgeHead, mutex),
         LLM_FIELD(PurgeHead, sequence), LLM_FIELD(PurgeHead, swept),
         LLM_FIELD(PurgeHead, all), LLM_FIELD(PurgeHead, ring),
         LLM_FIELD(PurgeRecord, sequence), LLM_FIELD(PurgeRecord, value),
         LLM_FIELD(PurgeRecord, count), LLM_FIELD(PurgeRecord, by),
         {"slot", 0, kSlotLayout}});
}

uint64_t Store::min_size(uint64_t max_entry) {
    return shm::align_up(sizeof(StoreHead))
           + shard_size(chunks_for(max_entry, kMaxTags)) + shm::kAlign;
}

namespace {

Result<void> format(const shm::Region& region, uint64_t max_entry,
                    const Geometry& g) {
    auto* head = reinterpret_cast<StoreHead*>(region.data);
    std::memset(static_cast<void*>(head), 0, sizeof(*head));
    head->region_size = region.size;
    head->max_entry = max_entry;
    head->shards = g.shards;
    head->chunks = g.chunks;
    head->buckets = g.buckets;
    if (!random_bytes(&head->purge_key, sizeof(head->purge_key))
        || !random_bytes(&head->id_key, sizeof(head->id_key))
        || !random_bytes(&head->hash, sizeof(head->hash))) {
        return Error{Errc::kIo, "no random bytes from the system"};
    }
    head->hash.factor |= 1;
    return PurgeLog::format(&head->purges);
}

Result<void> format_shard(Shard shard) {
    std::memset(static_cast<void*>(shard.head), 0, sizeof(*shard.head));
    if (!random_bytes(&shard.head->generation,
                      sizeof(shard.head->generation))) {
        return Error{Errc::kIo, "no random bytes from the system"};
    }
    shard.empty();
    return shard.head->mutex.init();
}

}  // namespace

Result<Store> Store::attach(const shm::Region& region,
                            const StoreOptions& options) {
    auto* head = reinterpret_cast<StoreHead*>(region.data);
    uint64_t largest = std::min(options.max_entry, kMaxEntry);
    bool old = !region.fresh && region.size >= sizeof(StoreHead);
    Geometry g = geometry(region.size, old ? head->max_entry : largest);
    if (g.shards == 0 && !old) {
        return Error{Errc::kNoSpace,
                     "zone too small for the cache: it needs at least "
                         + std::to_string((min_size(largest) + 1023) / 1024)
                         + " KB"};
    }
    if (old
        && (head->region_size != region.size || head->shards != g.shards
            || head->chunks != g.chunks || head->buckets != g.buckets)) {
        return Error{Errc::kCorrupt,
                     "the cache in the zone is damaged: restart nginx"};
    }
    if (!old) {
        Result<void> formatted = format(region, largest, g);
        if (!formatted.ok()) {
            return formatted.error();
        }
    }
    Store store;
    store.base_ = region.data;
    store.log_ = PurgeLog(&head->purges, head->purge_key);
    store.hash_ = head->hash;
    store.id_key_ = head->id_key;
    store.shards_at_ = shm::align_up(sizeof(StoreHead));
    store.shard_bytes_ = shard_size(g.chunks);
    store.max_entry_ = std::min<uint64_t>(
        largest, uint64_t{g.chunks - 1} * kChunkSize - 8 * kMaxTags);
    store.shard_count_ = g.shards;
    store.chunk_count_ = g.chunks;
    store.bucket_count_ = g.buckets;
    store.probe_ = options.probe;
    for (uint32_t i = 0; !old && i < g.shards; i++) {
        Result<void> formatted = format_shard(store.shard(i));
        if (!formatted.ok()) {
            return formatted.error();
        }
    }
    return store;
}

Shard Store::shard(uint32_t index) {
    char* at = base_ + shards_at_ + index * shard_bytes_;
    Shard shard;
    shard.head = reinterpret_cast<ShardHead*>(at);
    at += shm::align_up(sizeof(ShardHead));
    shard.buckets = reinterpret_cast<Bucket*>(at);
    at += bucket_bytes(chunk_count_);
    shard.links = reinterpret_cast<uint32_t*>(at);
    shard.chunks = at + shm::align_up(4 * uint64_t{chunk_count_});
    shard.bucket_count = bucket_count_;
    shard.chunk_count = chunk_count_;
    shard.index = index;
    shard.shard_mask = shard_count_ - 1;
    shard.hash = hash_;
    shard.log = &log_;
    shard.vector_gone = vector_gone_;
    shard.probe = probe_;
    return shard;
}

}  // namespace llm::cache
