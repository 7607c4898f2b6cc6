// Shard::repair() and Shard::check(): from the slots everything else.
#include <algorithm>
#include <string>

#include "src/cache/shard.hpp"

namespace llm::cache {

bool Shard::believable(uint32_t chunk) const {
    const Slot& entry = slot(chunk);
    if (entry.state != kPublished || entry.tag_count > kMaxTags
        || chunks_for(entry.size, entry.tag_count) > chunk_count) {
        return false;
    }
    return entry.born >= log->all()
           && (hash(entry.digest).shard & shard_mask) == index;
}

// Marks the chain's chunks as owned, all or none of them.
bool Shard::claim(uint32_t chunk) {
    const Slot& entry = slot(chunk);
    auto want = static_cast<uint32_t>(chunks_for(entry.size, entry.tag_count));
    uint32_t at = chunk;
    for (uint32_t n = 0; n < want; n++) {
        bool first = n == 0;
        if (at >= head->high || (links[at] & kMarkBit) != 0
            || (!first && (links[at] & kHeadBit) != 0)) {
            unclaim(chunk, n);
            return false;
        }
        links[at] |= kMarkBit;
        at = links[at] & kIndexMask;
    }
    if (at != kNoChunk) {
        unclaim(chunk, want);
        return false;
    }
    return true;
}

void Shard::unclaim(uint32_t chunk, uint32_t claimed) {
    for (; claimed > 0; claimed--) {
        links[chunk] &= ~kMarkBit;
        chunk = links[chunk] & kIndexMask;
    }
}

// An entry whose chain is claimed becomes findable, unless one of the same
// key that is newer already is.
void Shard::adopt(uint32_t chunk) {
    Slot& entry = slot(chunk);
    for (uint32_t c = bucket(hash(entry.digest)).first; c != kNoChunk;
         c = slot(c).next_in_bucket) {
        Slot& other = slot(c);
        if (other.digest != entry.digest) {
            continue;
        }
        bool newer = static_cast<int32_t>(entry.generation - other.generation)
                     > 0;
        uint32_t loser = newer ? c : chunk;
        auto owned = static_cast<uint32_t>(
            chunks_for(slot(loser).size, slot(loser).tag_count));
        slot(loser).state = kEmpty;
        unclaim(loser, owned);
        links[loser] &= ~kHeadBit;
        if (!newer) {
            return;
        }
        off_bucket(c);
        off_queue(c);
        head->entries--;
        head->bytes -= other.size;
        break;
    }
    into_bucket(chunk);
    into_queue(chunk);
    head->entries++;
    head->bytes += entry.size;
}

void Shard::repair() {
    uint32_t high = std::min(head->high, chunk_count);
    head->high = high;
    head->free_head = kNoChunk;
    head->free_count = 0;
    head->newest = head->oldest = head->hand = kNoChunk;
    head->entries = 0;
    head->bytes = 0;
    std::fill_n(buckets, bucket_count, kEmptyBucket);
    for (uint32_t i = 0; i < high; i++) {
        links[i] &= ~kMarkBit;
    }
    for (uint32_t i = 0; i < high; i++) {
        foresee(i + kAhead);
        if ((links[i] & kHeadBit) == 0) {
            continue;
        }
        if (!believable(i) || !claim(i)) {
            slot(i).state = kEmpty;
            links[i] &= ~kHeadBit;
            continue;
        }
        adopt(i);
    }
    at(Step::kRepairMarked);
    for (uint32_t i = high; i-- > 0;) {
        if ((links[i] & kMarkBit) != 0) {
            links[i] &= ~kMarkBit;
        } else {
            links[i] = head->free_head;
            head->free_head = i;
            head->free_count++;
        }
    }
    head->floor = std::max(head->floor, log->all());
}

namespace {

Error broken(const char* what, uint32_t chunk) {
    return {Errc::kCorrupt,
            std::string(what) + " at chunk " + std::to_string(chunk)};
}

}  // namespace

Result<void> Shard::check_entry(uint32_t chunk,
                                std::vector<bool>& owned) const {
    const Slot& entry = slot(chunk);
    if (entry.state != kPublished) {
        return broken("head without a published slot", chunk);
    }
    if ((hash(entry.digest).shard & shard_mask) != index) {
        return broken("entry in the wrong shard", chunk);
    }
    uint64_t want = chunks_for(entry.size, entry.tag_count);
    uint32_t at = chunk;
    for (uint64_t n = 0; n < want; n++) {
        if (at >= head->high || (n > 0 && is_head(at)) || owned[at]) {
            return broken("broken chain", chunk);
        }
        owned[at] = true;
        at = links[at] & kIndexMask;
    }
    if (at != kNoChunk) {
        return broken("chain without an end", chunk);
    }
    KeyHash key = hash(entry.digest);
    if ((bucket(key).marks & key.mark()) == 0) {
        return broken("entry not marked in its bucket", chunk);
    }
    uint32_t found = bucket(key).first;
    for (uint32_t n = 0; found != chunk; n++) {
        if (n > head->entries || !is_head(found)) {
            return broken("entry not in its bucket", chunk);
        }
        if (slot(found).digest == entry.digest) {
            return broken("two entries of one key", chunk);
        }
        found = slot(found).next_in_bucket;
    }
    return {};
}

Result<void> Shard::check_queue() const {
    uint32_t count = 0;
    uint32_t before = kNoChunk;
    bool hand = head->hand == kNoChunk;
    for (uint32_t c = head->oldest; c != kNoChunk; c = slot(c).newer) {
        if (!is_head(c) || slot(c).older != before
            || ++count > head->entries) {
            return broken("broken queue", c);
        }
        hand = hand || c == head->hand;
        before = c;
    }
    if (count != head->entries || head->newest != before || !hand) {
        return broken("queue and entries differ", before);
    }
    return {};
}

Result<void> Shard::check() const {
    if (head->high > chunk_count) {
        return broken("too many chunks in use", head->high);
    }
    uint64_t entries = 0;
    std::vector<bool> owned(head->high);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < head->high; i++) {
        if ((links[i] & kMarkBit) != 0) {
            return broken("mark left behind", i);
        }
        if (!is_head(i)) {
            continue;
        }
        Result<void> entry = check_entry(i, owned);
        if (!entry.ok()) {
            return entry;
        }
        entries++;
        bytes += slot(i).size;
    }
    if (entries != head->entries || bytes != head->bytes) {
        return broken("entries or bytes miscounted", head->entries);
    }
    uint64_t free = 0;
    for (uint32_t c = head->free_head; c != kNoChunk; c = links[c]) {
        if (c >= head->high || owned[c]) {
            return broken("broken free list", c);
        }
        owned[c] = true;
        free++;
    }
    if (free != head->free_count
        || std::find(owned.begin(), owned.end(), false) != owned.end()) {
        return broken("chunks lost", head->high);
    }
    return check_queue();
}

}  // namespace llm::cache
