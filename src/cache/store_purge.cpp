// Store: entry ids, purges, statistics.
#include <algorithm>

#include "src/cache/store_entered.hpp"

namespace llm::cache {
namespace {

constexpr uint32_t kSweepHold = 4096;  // chunks swept under one lock hold
constexpr size_t kIdBytes = 12;

void put_number(unsigned char* to, uint32_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; i--, value >>= 8) {
        to[i] = static_cast<unsigned char>(value);
    }
}

uint32_t get_number(const unsigned char* from, int bytes) {
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++) {
        value = value << 8 | from[i];
    }
    return value;
}

}  // namespace

std::string Store::id_text(const EntryId& id) const {
    unsigned char raw[kIdBytes];
    put_number(raw, id.shard, 2);
    put_number(raw + 2, id.slot, 4);
    put_number(raw + 6, id.generation, 4);
    uint64_t check = siphash(
        id_key_, Bytes(reinterpret_cast<const char*>(raw), kIdBytes - 2));
    put_number(raw + 10, static_cast<uint32_t>(check & 0xffff), 2);
    return to_hex(Bytes(reinterpret_cast<const char*>(raw), kIdBytes));
}

Result<EntryId> Store::parse_id(Bytes text) const {
    unsigned char raw[kIdBytes];
    EntryId id;
    if (from_hex(text, raw, kIdBytes)) {
        id = {get_number(raw, 2), get_number(raw + 2, 4),
              get_number(raw + 6, 4)};
        if (equals_ignore_case(id_text(id), text)) {
            return id;
        }
    }
    return Error{Errc::kNotFound, "no such entry"};
}

bool Store::exists(const EntryId& id) {
    if (id.shard >= shard_count_) {
        return false;
    }
    Entered entered(*this, id.shard);
    return entered.ok()
           && entered.shard.find(id.slot, id.generation) != kNoChunk
           && entered.shard.killed_by(id.slot) == 0;
}

Result<Sweep> Store::purge_entry(Bytes text) {
    Result<EntryId> id = parse_id(text);
    if (!id.ok()) {
        return id.error();
    }
    Sweep out{PurgeBy::kEntry, 0, 0, 0, true, 0};
    if (id->shard >= shard_count_) {
        return out;
    }
    Entered entered(*this, id->shard);
    if (entered.ok()
        && entered.shard.find(id->slot, id->generation) != kNoChunk) {
        out.count = entered.shard.killed_by(id->slot) == 0 ? 1 : 0;
        entered.shard.remove(id->slot);
    }
    return out;
}

Result<Sweep> Store::begin_purge(PurgeBy by, Bytes value) {
    if (by == PurgeBy::kEntry) {
        return purge_entry(value);
    }
    if (value.empty() && by != PurgeBy::kAll) {
        return Error{Errc::kInvalid, "what to purge is empty"};
    }
    uint64_t hash = by == PurgeBy::kAll ? 0 : log_.hash(by, value);
    Result<uint64_t> begun = log_.begin(by, hash);
    if (!begun.ok() && begun.error().code == Errc::kNoSpace) {
        // Sweeps were begun and left. One sweep does for all of them.
        Sweep rest{PurgeBy::kTag, log_.sequence(), 0, 0, false, 0};
        while (!sweep(rest, kSweepHold)) {
        }
        begun = log_.begin(by, hash);
    }
    if (!begun.ok()) {
        return begun.error();
    }
    return Sweep{by, *begun, 0, 0, false, 0};
}

bool Store::sweep(Sweep& sweep, uint32_t chunks) {
    auto finish = [&] {
        sweep.count = log_.count(sweep.sequence);
        sweep.done = true;
    };
    if (!sweep.done && log_.swept() >= sweep.sequence) {
        finish();
    }
    // A number that a sweep takes for done must have been seen by it from
    // its first chunk on; later purges are freed on the way, no more.
    if (sweep.shard == 0 && sweep.chunk == 0) {
        sweep.through = sweep.by == PurgeBy::kAll ? sweep.sequence
                                                  : log_.sequence();
    }
    while (!sweep.done && chunks > 0) {
        uint32_t step = std::min(chunks, kSweepHold);
        {
            Entered entered(*this, sweep.shard);  // empties it for kAll
            if (entered.ok() && sweep.by != PurgeBy::kAll) {
                entered.shard.sweep(sweep.chunk, sweep.chunk + step);
            }
            sweep.chunk += step;
            if (!entered.ok() || sweep.by == PurgeBy::kAll
                || sweep.chunk >= entered.shard.head->high) {
                sweep.shard++;
                sweep.chunk = 0;
            }
        }
        chunks -= step;
        if (sweep.shard == shard_count_) {
            log_.finish(sweep.through);
            finish();
        }
    }
    return sweep.done;
}

Result<uint64_t> Store::purge(PurgeBy by, Bytes value) {
    Result<Sweep> sweep = begin_purge(by, value);
    if (!sweep.ok()) {
        return sweep.error();
    }
    while (!this->sweep(*sweep, kSweepHold)) {
    }
    return sweep->count;
}

StoreStats Store::stats() {
    StoreStats out;
    for (uint32_t i = 0; i < shard_count_; i++) {
        Entered entered(*this, i);
        if (!entered.ok()) {
            continue;
        }
        const ShardHead& head = *entered.shard.head;
        out.entries += head.entries;
        out.bytes += head.bytes;
        out.bytes_used += uint64_t{head.high - head.free_count} * kChunkSize;
        out.bytes_capacity += uint64_t{chunk_count_} * kChunkSize;
        out.evictions += head.evictions;
        out.refusals += __atomic_load_n(&head.refusals, __ATOMIC_RELAXED);
        out.corrupt += head.corrupt;
        out.recovered += head.recovered;
        out.expired += head.expired;
    }
    return out;
}

Result<void> Store::check() {
    for (uint32_t i = 0; i < shard_count_; i++) {
        Entered entered(*this, i);
        Result<void> result = entered.ok()
                                  ? entered.shard.check()
                                  : Result<void>(Error{Errc::kIo, "no lock"});
        if (!result.ok()) {
            return Error{result.error().code, "shard " + std::to_string(i)
                                                  + ": "
                                                  + result.error().message};
        }
    }
    return {};
}

}  // namespace llm::cache
