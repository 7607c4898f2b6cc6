#include "src/cache/store.hpp"

#include <algorithm>

#include "src/cache/store_entered.hpp"

namespace llm::cache {
namespace {

// One put evicts no more than this and one entry more for each KB that it
// needs: work in proportion to the bytes that it writes.
constexpr uint32_t kVictims = 16;
constexpr int64_t kTicksPerSecond = 10;
// Chunks that are asked for ahead: an answer of 2 KB.
constexpr uint64_t kForeseen = 16;

uint32_t tick_of(Now now) {
    int64_t tick = now.mono_ns / (1000000000 / kTicksPerSecond);
    return static_cast<uint32_t>(
        std::clamp<int64_t>(tick, 0, UINT32_MAX - 1));
}

uint32_t expiry(uint32_t tick, int64_t ttl_s) {
    int64_t room = (int64_t{UINT32_MAX} - tick) / kTicksPerSecond;
    return ttl_s >= room
               ? UINT32_MAX
               : tick + static_cast<uint32_t>(ttl_s * kTicksPerSecond);
}

// Both lie anywhere in a large memory and are asked for together: one after
// the other they would cost two misses.
void foresee(const Shard& shard, KeyHash key) {
    uint64_t at = uint64_t{key.bucket} * shard.bucket_count >> 32;
    __builtin_prefetch(shard.head, 1);
    __builtin_prefetch(&shard.buckets[at], 1);
}

// Where a put of so many chunks is going to write: what is free, else what is
// next to be evicted. Read without the lock: where it is no more true by the
// time of the put, that costs a few misses.
void foresee_put(const Shard& shard, uint64_t chunks) {
    auto read = [](const uint32_t& value) {
        return __atomic_load_n(&value, __ATOMIC_RELAXED);
    };
    const ShardHead& head = *shard.head;
    uint32_t high = read(head.high);
    uint32_t chunk = read(head.free_head);
    if (uint64_t{read(head.free_count)} + shard.chunk_count - high < chunks) {
        uint32_t hand = read(head.hand);
        chunk = hand != kNoChunk ? hand : read(head.oldest);
    }
    chunks = std::min(chunks, kForeseen);
    for (; chunks > 0 && chunk < shard.chunk_count; chunks--) {
        const char* memory = shard.chunks + size_t{chunk} * kChunkSize;
        __builtin_prefetch(memory, 1);
        __builtin_prefetch(memory + kChunkSize / 2, 1);
        chunk = read(shard.links[chunk]) & kIndexMask;
    }
}

}  // namespace

Lookup Store::lookup_key(const Digest& key, Now now, Place place) {
    return give_out(shard_of(key), &key, nullptr, now, place);
}

Lookup Store::lookup_id(const EntryId& id, Now now, Place place) {
    if (id.shard >= shard_count_) {
        return {};
    }
    return give_out(id.shard, nullptr, &id, now, place);
}

namespace {

// Age and time to live; false when it has expired.
bool fill_times(Lookup& out, const Slot& entry, Now now) {
    uint32_t tick = std::max(tick_of(now), entry.created);
    if (tick >= entry.expires) {
        return false;
    }
    out.age_s = (tick - entry.created) / kTicksPerSecond;
    out.ttl_s = (int64_t{entry.expires} - tick + kTicksPerSecond - 1)
                / kTicksPerSecond;
    out.created_s = now.wall_s() - out.age_s;
    out.expires_s = now.wall_s() + out.ttl_s;
    return true;
}

}  // namespace

Lookup Store::give_out(uint32_t index, const Digest* key, const EntryId* id,
                       Now now, Place place) {
    Lookup out;
    char* to = nullptr;
    uint32_t crc = 0;
    bool whole = false;
    if (key != nullptr) {
        foresee(shard(index), hash_(*key));
    }
    {
        Entered entered(*this, index);
        if (!entered.ok()) {
            out.status = Lookup::Status::kUnavailable;
            return out;
        }
        Shard& shard = entered.shard;
        uint32_t chunk = key != nullptr ? shard.find(*key)
                                        : shard.find(id->slot, id->generation);
        if (chunk == kNoChunk) {
            return out;
        }
        Slot& entry = shard.slot(chunk);
        if (shard.killed_by(chunk) != 0) {
            shard.remove(chunk);
            return out;
        }
        out.id = {index, chunk, entry.generation};
        if (!fill_times(out, entry, now)) {
            shard.head->expired++;
            out.status = Lookup::Status::kExpired;
            return out;
        }
        if (chunks_for(entry.size, entry.tag_count) <= chunk_count_) {
            to = place.call(place.context, entry.size);
            if (to == nullptr) {
                out.status = Lookup::Status::kUnavailable;
                return out;
            }
            whole = shard.copy_out(chunk, to, entry.size);
        }
        entry.visited = 1;
        out.size = entry.size;
        crc = entry.crc;
    }
    if (!whole || crc32c({to, out.size}) != crc) {
        drop_corrupt(out.id);
        out.status = Lookup::Status::kCorrupt;
        return out;
    }
    out.status = Lookup::Status::kHit;
    return out;
}

Lookup Store::confirm(const Digest& key, const EntryId& known, Now now) {
    Lookup out;
    uint32_t index = shard_of(key);
    foresee(shard(index), hash_(key));
    Entered entered(*this, index);
    uint32_t chunk = entered.ok() ? entered.shard.find(key) : kNoChunk;
    if (chunk == kNoChunk) {
        return out;
    }
    Slot& entry = entered.shard.slot(chunk);
    out.id = {index, chunk, entry.generation};
    if (out.id != known || entered.shard.killed_by(chunk) != 0
        || !fill_times(out, entry, now)) {
        return out;
    }
    entry.visited = 1;
    out.status = Lookup::Status::kHit;
    return out;
}

// What else of the slot is wrong is not known, so nothing of it is trusted:
// the shard is derived again without it.
void Store::drop_corrupt(const EntryId& id) {
    Entered entered(*this, id.shard);
    if (!entered.ok()
        || entered.shard.find(id.slot, id.generation) == kNoChunk) {
        return;
    }
    entered.shard.slot(id.slot).state = kEmpty;
    entered.shard.repair();
    entered.shard.head->corrupt++;
}

PutResult Store::refuse(const Digest& key, Put why) {
    __atomic_fetch_add(&shard(shard_of(key)).head->refusals, uint64_t{1},
                       __ATOMIC_RELAXED);
    return {why, {}};
}

// Everything about an entry that can be told without the lock.
Put Store::admit(const EntryMeta& meta, std::span<const Bytes> pieces,
                 NewEntry& entry, uint64_t* tags) {
    Slot& slot = entry.slot;
    size_t count = 0;
    for (Bytes tag : meta.tags) {
        if (tag.empty()) {
            continue;
        }
        if (count == kMaxTags) {
            return Put::kInvalid;
        }
        tags[count] = log_.hash(PurgeBy::kTag, tag);
        slot.tags |= PurgeLog::tag_bit(tags[count++]);
    }
    uint64_t size = 0;
    for (Bytes piece : pieces) {
        size += piece.size();
    }
    if (size > max_entry_) {
        return Put::kTooLarge;
    }
    if (meta.ttl_s <= 0) {
        return Put::kDead;
    }
    auto filter = [this](PurgeBy by, Bytes value) {
        return value.empty() ? 0 : PurgeLog::filter(log_.hash(by, value));
    };
    for (Bytes piece : pieces) {
        slot.crc = crc32c(piece, slot.crc);
    }
    slot.size = static_cast<uint32_t>(size);
    slot.tag_count = static_cast<uint8_t>(count);
    slot.tenant = filter(PurgeBy::kTenant, meta.tenant);
    slot.model = filter(PurgeBy::kModel, meta.model);
    slot.answer = filter(PurgeBy::kAnswer, meta.answer_id);
    slot.born = std::min(meta.born, log_.sequence());
    entry.tags = {tags, count};
    entry.pieces = pieces;
    return Put::kStored;
}

bool Store::killed(const Slot& slot, std::span<const uint64_t> tags) const {
    Marks marks{slot.tenant, slot.model, slot.answer, slot.tags,
                static_cast<uint32_t>(tags.size())};
    return log_.killer(marks, slot.born, [&tags] { return tags.data(); })
           != 0;
}

PutResult Store::put(const Digest& key, const EntryMeta& meta,
                     std::span<const Bytes> pieces, Now now) {
    NewEntry entry{};
    uint64_t tags[kMaxTags];
    uint32_t index = shard_of(key);
    foresee(shard(index), hash_(key));
    size_t size = 0;
    for (Bytes piece : pieces) {
        size += piece.size();
    }
    foresee_put(shard(index), chunks_for(size, 0));
    Put verdict = admit(meta, pieces, entry, tags);
    if (verdict != Put::kStored) {
        return refuse(key, verdict);
    }
    entry.slot.digest = key;
    entry.slot.created = tick_of(now);
    entry.slot.expires = expiry(entry.slot.created, meta.ttl_s);
    uint64_t chunks = chunks_for(entry.slot.size, entry.slot.tag_count);
    Entered entered(*this, index);
    if (!entered.ok()) {
        return refuse(key, Put::kUnavailable);
    }
    Shard& shard = entered.shard;
    if (killed(entry.slot, entry.tags)) {
        return refuse(key, Put::kPurged);
    }
    uint32_t before = shard.find(key);
    if (before != kNoChunk) {
        shard.remove(before);
    }
    auto limit = static_cast<uint32_t>(kVictims + chunks / kChunksPerBucket);
    if (!shard.make_room(chunks, limit, entry.slot.created)) {
        return refuse(key, Put::kNoRoom);
    }
    uint32_t chunk = shard.store(entry);
    return {Put::kStored, {index, chunk, shard.slot(chunk).generation}};
}

}  // namespace llm::cache
