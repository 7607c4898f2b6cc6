#include "src/cache/shard.hpp"

#include <algorithm>
#include <cstring>

namespace llm::cache {
namespace {

// How many entries with their bit set the hand passes over for one victim.
constexpr uint32_t kHandSteps = 64;

void set_state(Slot& slot, SlotState state) {
    __atomic_store_n(&slot.state, static_cast<uint8_t>(state),
                     __ATOMIC_RELEASE);
}

// Keeps the compiler from moving writes over it: what a killed process leaves
// behind is then a prefix of what stands in the program.
void fence() { __atomic_signal_fence(__ATOMIC_SEQ_CST); }

// Runs over a chain some chunks ahead of whoever reads it, so that their
// memory is on its way by then: one after the other, each would cost a miss.
class Scout {
public:
    Scout(const Shard& shard, uint32_t chunk) : shard_(shard), next_(chunk) {
        for (int i = 0; i < 10; i++) {
            step();
        }
    }
    void step() {
        if (next_ < shard_.head->high) {
            const char* chunk = shard_.chunks + size_t{next_} * kChunkSize;
            __builtin_prefetch(chunk);
            __builtin_prefetch(chunk + 64);
            next_ = shard_.links[next_] & kIndexMask;
        }
    }

private:
    const Shard& shard_;
    uint32_t next_;
};

// Applies f(bytes in the chunk, length) to a body's range [begin, begin+size).
template <typename F>
bool each_part(const Shard& shard, uint32_t chunk, uint32_t begin,
               uint64_t size, F&& f) {
    Scout scout(shard, chunk);
    uint64_t at = sizeof(Slot) + begin;
    while (size > 0) {
        if (chunk >= shard.head->high) {
            return false;
        }
        scout.step();
        if (at < kChunkSize) {
            uint64_t n = std::min<uint64_t>(size, kChunkSize - at);
            f(shard.chunks + size_t{chunk} * kChunkSize + at, n);
            size -= n;
            at = kChunkSize;
        }
        at -= kChunkSize;
        chunk = shard.links[chunk] & kIndexMask;
    }
    return true;
}

}  // namespace

// Writes a body front to back over a chain.
class BodyWriter {
public:
    BodyWriter(const Shard& shard, uint32_t chunk)
        : shard_(shard), chunk_(chunk), at_(sizeof(Slot)) {}

    void write(const char* data, size_t size) {
        while (size > 0) {
            if (at_ == kChunkSize) {
                chunk_ = shard_.links[chunk_] & kIndexMask;
                at_ = 0;
            }
            size_t n = std::min<size_t>(size, kChunkSize - at_);
            std::memcpy(shard_.chunks + size_t{chunk_} * kChunkSize + at_,
                        data, n);
            data += n;
            size -= n;
            at_ += static_cast<uint32_t>(n);
        }
    }

private:
    const Shard& shard_;
    uint32_t chunk_;
    uint32_t at_;
};

void Shard::empty() {
    head->high = 0;  // from here on nothing is an entry
    fence();
    at(Step::kEmptied);
    head->free_head = kNoChunk;
    head->free_count = 0;
    head->newest = head->oldest = head->hand = kNoChunk;
    head->entries = 0;
    head->bytes = 0;
    std::fill_n(buckets, bucket_count, kEmptyBucket);
}

uint32_t Shard::find(const Digest& digest) {
    KeyHash key = hash(digest);
    const Bucket& in = bucket(key);
    if ((in.marks & key.mark()) == 0) {
        return kNoChunk;
    }
    uint32_t chunk = in.first;
    bool repaired = false;
    for (uint32_t steps = 0; chunk != kNoChunk; steps++) {
        // Its link is read first, in another place.
        __builtin_prefetch(&slot(chunk));
        __builtin_prefetch(&slot(chunk).tenant);
        if (steps > head->entries || !is_head(chunk)) {
            if (repaired) {
                return kNoChunk;
            }
            repair();  // cannot be; but a wrong walk must end
            repaired = true;
            chunk = in.first;
            steps = 0;
            continue;
        }
        const Slot& entry = slot(chunk);
        if (entry.digest == digest) {
            return chunk;
        }
        chunk = entry.next_in_bucket;
    }
    return kNoChunk;
}

void Shard::load_tags(uint32_t chunk, uint64_t* out) const {
    uint32_t count = std::min<uint32_t>(slot(chunk).tag_count, kMaxTags);
    auto* to = reinterpret_cast<char*>(out);
    each_part(*this, chunk, 0, count * 8, [&to](const char* p, size_t n) {
        std::memcpy(to, p, n);
        to += n;
    });
}

uint64_t Shard::killed_by(uint32_t chunk) const {
    const Slot& entry = slot(chunk);
    uint64_t since = std::max(entry.born, log->swept());
    if (since >= log->sequence()) {
        return 0;
    }
    Marks marks{entry.tenant, entry.model, entry.answer, entry.tags,
                std::min<uint32_t>(entry.tag_count, kMaxTags)};
    uint64_t tags[kMaxTags] = {};
    return log->killer(marks, since, [&] {
        load_tags(chunk, tags);
        return tags;
    });
}

void Shard::remove(uint32_t chunk) {
    Slot& entry = slot(chunk);
    if (uint64_t killer = killed_by(chunk); killer != 0) {
        log->add(killer, 1);
    }
    set_state(entry, kEmpty);
    at(Step::kUnpublished);
    if (entry.vector != 0 && vector_gone.call != nullptr) {
        vector_gone.call(vector_gone.context,
                         {index, chunk, entry.generation}, entry.vector);
    }
    off_bucket(chunk);
    at(Step::kOffBucket);
    off_queue(chunk);
    at(Step::kOffQueue);
    head->entries--;
    head->bytes -= entry.size;
    give_back(chunk);
    at(Step::kChunksFreed);
}

void Shard::give_back(uint32_t first) {
    links[first] &= ~kHeadBit;
    fence();
    uint32_t last = first;
    uint32_t count = 1;
    while ((links[last] & kIndexMask) != kNoChunk) {
        last = links[last] & kIndexMask;
        count++;
    }
    links[last] = head->free_head;
    head->free_head = first;
    head->free_count += count;
}

uint32_t Shard::take(uint32_t count) {
    uint32_t first = kNoChunk;
    uint32_t* end = &first;
    uint32_t from_list = std::min(count, head->free_count);
    if (from_list > 0) {
        *end = head->free_head;
        uint32_t last = head->free_head;
        for (uint32_t i = 1; i < from_list; i++) {
            last = links[last];
        }
        head->free_head = links[last];
        head->free_count -= from_list;
        end = &links[last];
    }
    uint32_t fresh = count - from_list;
    if (fresh > 0) {
        uint32_t begin = head->high;
        for (uint32_t i = 0; i < fresh; i++) {
            links[begin + i] = begin + i + 1;
        }
        *end = begin;
        end = &links[begin + fresh - 1];
        fence();  // links first: a head bit of old must not come to light
        head->high = begin + fresh;
    }
    *end = kNoChunk;
    return first;
}

void Shard::into_bucket(uint32_t chunk) {
    KeyHash key = hash(slot(chunk).digest);
    Bucket& to = bucket(key);
    slot(chunk).next_in_bucket = to.first;
    to.marks |= key.mark();
    to.first = chunk;
}

void Shard::off_bucket(uint32_t chunk) {
    Bucket& from = bucket(hash(slot(chunk).digest));
    uint32_t next = slot(chunk).next_in_bucket;
    if (from.first == chunk) {
        from.first = next;
    } else {
        uint32_t before = from.first;
        while (before != kNoChunk && slot(before).next_in_bucket != chunk) {
            before = slot(before).next_in_bucket;
        }
        if (before != kNoChunk) {
            slot(before).next_in_bucket = next;
        }
    }
    if (from.first == kNoChunk) {
        from.marks = 0;
    }
}

void Shard::into_queue(uint32_t chunk) {
    Slot& entry = slot(chunk);
    entry.newer = kNoChunk;
    entry.older = head->newest;
    if (head->newest != kNoChunk) {
        slot(head->newest).newer = chunk;
    } else {
        head->oldest = chunk;
    }
    head->newest = chunk;
}

void Shard::off_queue(uint32_t chunk) {
    const Slot& entry = slot(chunk);
    (entry.older != kNoChunk ? slot(entry.older).newer : head->oldest) =
        entry.newer;
    (entry.newer != kNoChunk ? slot(entry.newer).older : head->newest) =
        entry.older;
    if (head->hand == chunk) {
        head->hand = entry.newer;
    }
}

uint32_t Shard::victim(uint32_t tick) {
    uint32_t hand = head->hand;
    for (uint32_t step = 0;; step++) {
        if (hand == kNoChunk) {
            hand = head->oldest;
        }
        Slot& entry = slot(hand);
        if (entry.visited == 0 || entry.expires <= tick
            || step == kHandSteps) {
            head->hand = hand;
            return hand;
        }
        entry.visited = 0;
        hand = entry.newer;
    }
}

bool Shard::make_room(uint64_t count, uint32_t limit, uint32_t tick) {
    for (uint32_t evicted = 0;; evicted++) {
        uint64_t room = uint64_t{head->free_count} + chunk_count - head->high;
        if (room >= count) {
            return true;
        }
        if (evicted == limit || head->entries == 0) {
            return false;
        }
        remove(victim(tick));
        head->evictions++;
    }
}

uint32_t Shard::store(const NewEntry& entry) {
    auto tag_count = static_cast<uint32_t>(entry.tags.size());
    uint32_t chunk =
        take(static_cast<uint32_t>(chunks_for(entry.slot.size, tag_count)));
    at(Step::kChunksTaken);
    Slot& to = slot(chunk);
    to = entry.slot;
    to.state = kEmpty;
    to.generation = ++head->generation;
    BodyWriter writer(*this, chunk);
    writer.write(reinterpret_cast<const char*>(entry.tags.data()),
                 entry.tags.size_bytes());
    for (Bytes piece : entry.pieces) {
        writer.write(piece.data(), piece.size());
    }
    fence();
    at(Step::kBodyWritten);
    links[chunk] |= kHeadBit;
    fence();
    at(Step::kHeadMarked);
    set_state(to, kPublished);
    at(Step::kPublished);
    into_bucket(chunk);
    at(Step::kInBucket);
    into_queue(chunk);
    at(Step::kInQueue);
    head->entries++;
    head->bytes += to.size;
    return chunk;
}

bool Shard::copy_out(uint32_t chunk, char* out, uint32_t size) const {
    return each_part(*this, chunk, slot(chunk).tag_count * 8, size,
                     [&out](const char* p, size_t n) {
                         std::memcpy(out, p, n);
                         out += n;
                     });
}

void Shard::sweep(uint32_t from, uint32_t to) {
    to = std::min(to, head->high);
    for (uint32_t i = from; i < to; i++) {
        foresee(i + kAhead);
        if (is_head(i) && killed_by(i) != 0) {
            remove(i);
        }
    }
}

}  // namespace llm::cache
