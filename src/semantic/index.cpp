#include "src/semantic/index.hpp"

#include <cstring>

#include "src/semantic/index_entered.hpp"
#include "src/semantic/index_tick.hpp"

namespace llm::semantic {

uint32_t Index::layout() {
    return shm::layout_hash(
        {LLM_FIELD(IndexHead, region_size), LLM_FIELD(IndexHead, pages),
         LLM_FIELD(IndexHead, buckets), LLM_FIELD(IndexHead, mutex),
         LLM_FIELD(IndexHead, key), LLM_FIELD(IndexHead, incarnation),
         LLM_FIELD(IndexHead, free_block), LLM_FIELD(IndexHead, hand),
         LLM_FIELD(IndexHead, sweep_unit), LLM_FIELD(IndexHead, sweep_slot),
         LLM_FIELD(IndexHead, vectors), LLM_FIELD(IndexHead, partitions),
         LLM_FIELD(IndexHead, units_used), LLM_FIELD(IndexHead, evictions),
         LLM_FIELD(IndexHead, dropped), LLM_FIELD(IndexHead, refusals),
         LLM_FIELD(IndexHead, recovered), LLM_FIELD(BlockHead, incarnation),
         LLM_FIELD(BlockHead, founder), LLM_FIELD(BlockHead, dims),
         LLM_FIELD(BlockHead, high), LLM_FIELD(BlockHead, next),
         LLM_FIELD(BlockHead, previous), LLM_FIELD(BlockHead, next_room),
         LLM_FIELD(BlockHead, previous_room), LLM_FIELD(BlockHead, used),
         LLM_FIELD(BlockHead, free_slot), LLM_FIELD(BlockHead, visited),
         LLM_FIELD(BlockHead, in_room), LLM_FIELD(BlockHead, partition),
         LLM_FIELD(BlockHead, next_in_bucket), LLM_FIELD(BlockHead, room),
         LLM_FIELD(BlockHead, live), LLM_FIELD(BlockHead, blocks),
         LLM_FIELD(BlockHead, hand_block), LLM_FIELD(BlockHead, hand_slot),
         LLM_FIELD(SlotMeta, generation), LLM_FIELD(SlotMeta, entry_slot),
         LLM_FIELD(SlotMeta, entry_generation),
         LLM_FIELD(SlotMeta, entry_shard), LLM_FIELD(SlotMeta, state),
         LLM_FIELD(SlotMeta, visited), LLM_FIELD(SlotMeta, expires),
         LLM_FIELD(SlotMeta, inverse),
         {"unit", kUnitsPerPage, kUnitSize},
         {"sketch", kSketchesAt, sizeof(Sketch)}});
}

uint64_t Index::min_size() {
    return Blocks::pages_at(1, Blocks::buckets_for(1)) + kPageSize;
}

uint64_t Index::max_size() {
    return Blocks::pages_at(kMaxPages, Blocks::buckets_for(kMaxPages))
           + uint64_t{kMaxPages} * kPageSize;
}

uint64_t Index::size_for(uint64_t vectors, uint32_t dims) {
    uint64_t slots = Geometry::of(dims, kClasses - 1).slots;
    if (slots == 0) {
        return 0;
    }
    // One page more: a partition begins with smaller blocks.
    auto pages = static_cast<uint32_t>(
        std::min<uint64_t>((vectors + slots - 1) / slots + 1, kMaxPages));
    return Blocks::pages_at(pages, Blocks::buckets_for(pages))
           + uint64_t{pages} * kPageSize;
}

namespace {

Result<void> format(const Blocks& blocks, uint64_t region_size,
                    uint32_t pages) {
    IndexHead& head = *blocks.head;
    std::memset(static_cast<void*>(&head), 0, sizeof(head));
    head.region_size = region_size;
    head.pages = pages;
    head.buckets = blocks.bucket_count;
    if (!random_bytes(&head.key, sizeof(head.key))
        || !random_bytes(&head.incarnation, sizeof(head.incarnation))) {
        return Error{Errc::kIo, "no random bytes from the system"};
    }
    // No number that other bytes are likely to spell, and none that ends.
    head.incarnation = head.incarnation >> 2 | uint64_t{1} << 61;
    std::memset(blocks.units, Blocks::kNothing, blocks.unit_count);
    Partitions(blocks, {}).empty();
    return head.mutex.init();
}

}  // namespace

Result<Index> Index::attach(const shm::Region& region,
                            const IndexOptions& options) {
    uint32_t pages = Blocks::pages_for(region.size);
    uint32_t buckets = Blocks::buckets_for(pages);
    if (pages == 0) {
        return Error{Errc::kNoSpace,
                     "zone too small for the vector index: it needs at least "
                         + std::to_string((min_size() + 1023) / 1024)
                         + " KB"};
    }
    // Here, so that the processes that come from this one have them.
    (void)radii_of(1);
    Index index;
    index.blocks_ = Blocks::over(region.data, pages, buckets);
    if (region.fresh) {
        Result<void> formatted = format(index.blocks_, region.size, pages);
        if (!formatted.ok()) {
            return formatted.error();
        }
    }
    const IndexHead& head = *index.blocks_.head;
    if (head.region_size != region.size || head.pages != pages
        || head.buckets != buckets) {
        return Error{Errc::kCorrupt, "the vector index in the zone is "
                                     "damaged: restart nginx"};
    }
    index.blocks_.probe = options.probe;
    index.alive_ = options.alive;
    return index;
}

InsertResult Index::insert(const NewVector& vector, const Code& code,
                           Now now) {
    auto refuse = [this](Insert why) {
        __atomic_fetch_add(&blocks_.head->refusals, uint64_t{1},
                           __ATOMIC_RELAXED);
        return InsertResult{why, kNoPlace};
    };
    if (vector.ttl_s <= 0) {
        return refuse(Insert::kDead);
    }
    uint32_t tick = index_tick(now);
    Entered entered(*this);
    if (!entered.ok()) {
        return refuse(Insert::kUnavailable);
    }
    Partitions& partitions = entered.partitions;
    uint32_t founder = partitions.find(vector.partition);
    if (founder != kNoUnit && blocks_.block(founder).dims != code.dims) {
        return refuse(Insert::kMixed);
    }
    uint32_t unit =
        partitions.room(founder, vector.partition, code.dims, tick);
    if (unit == kNoUnit) {
        return refuse(Insert::kNoRoom);
    }
    Place place = partitions.fill(unit, code, vector.entry,
                                  index_expiry(tick, vector.ttl_s));
    return {Insert::kStored, place};
}

bool Index::take_out(Place place, const cache::EntryId& entry, bool dead) {
    Entered entered(*this);
    if (!entered.ok()
        || entered.partitions.standing(place, entry) == nullptr) {
        return false;
    }
    entered.partitions.drop(place);
    blocks_.head->dropped += dead ? 1 : 0;
    return true;
}

bool Index::erase(Place place, const cache::EntryId& entry) {
    return take_out(place, entry, false);
}

void Index::touch(Place place, const cache::EntryId& entry) {
    Entered entered(*this);
    if (!entered.ok()) {
        return;
    }
    SlotMeta* meta = entered.partitions.standing(place, entry);
    if (meta != nullptr) {
        meta->visited = 1;
        blocks_.block(unit_of(place)).visited = 1;
    }
}

uint32_t Index::sweep(uint32_t slots, Now now) {
    Entered entered(*this);
    return entered.ok() ? entered.partitions.sweep(slots, index_tick(now))
                        : 0;
}

bool Index::clear() {
    Entered entered(*this);
    if (entered.ok()) {
        entered.partitions.empty();
    }
    return entered.ok();
}

IndexStats Index::stats() {
    IndexStats stats;
    Entered entered(*this);
    if (!entered.ok()) {
        return stats;
    }
    const IndexHead& head = *blocks_.head;
    stats.vectors = head.vectors;
    stats.partitions = head.partitions;
    stats.bytes_used = head.units_used * kUnitSize;
    stats.bytes_capacity = uint64_t{blocks_.unit_count} * kUnitSize;
    stats.evictions = head.evictions;
    stats.dropped = head.dropped;
    stats.refusals = __atomic_load_n(&head.refusals, __ATOMIC_RELAXED);
    stats.recovered = head.recovered;
    return stats;
}

Result<void> Index::check() {
    Entered entered(*this);
    if (!entered.ok()) {
        return Error{Errc::kCorrupt, "the lock of the index is broken"};
    }
    return entered.partitions.check();
}

}  // namespace llm::semantic
