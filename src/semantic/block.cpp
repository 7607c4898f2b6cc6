#include "src/semantic/block.hpp"

#include <algorithm>

namespace llm::semantic {

namespace {

constexpr uint64_t kHeadBytes = shm::align_up(sizeof(IndexHead));

}  // namespace

Geometry Geometry::of(uint32_t dims, uint32_t size_class) {
    Geometry g;
    if (dims < kMinDims || dims > kMaxDims || size_class >= kClasses) {
        return g;
    }
    g.size_class = size_class;
    g.row = static_cast<uint32_t>(shm::align_up(dims));
    uint32_t size = units_of(size_class) * kUnitSize;
    uint32_t each = g.row + sizeof(Sketch) + sizeof(SlotMeta);
    g.slots = std::min((size - kSketchesAt) / each, kMaxSlots);
    // The rows, which are aligned, end where the block ends; what is left
    // over stands before them.
    g.rows_at = size - g.slots * g.row;
    g.metas_at =
        kSketchesAt + g.slots * static_cast<uint32_t>(sizeof(Sketch));
    return g;
}

uint32_t Blocks::buckets_for(uint32_t pages) {
    return pages * kUnitsPerPage / 2;
}

uint64_t Blocks::pages_at(uint32_t pages, uint32_t buckets) {
    return kHeadBytes + shm::align_up(4 * uint64_t{buckets})
           + shm::align_up(uint64_t{pages} * kUnitsPerPage);
}

uint32_t Blocks::pages_for(uint64_t region_size) {
    auto pages = static_cast<uint32_t>(
        std::min<uint64_t>(region_size / kPageSize, kMaxPages));
    while (pages > 0
           && pages_at(pages, buckets_for(pages)) + uint64_t{pages} * kPageSize
                  > region_size) {
        pages--;
    }
    return pages;
}

Blocks Blocks::over(char* region, uint32_t pages, uint32_t buckets) {
    Blocks blocks;
    blocks.head = reinterpret_cast<IndexHead*>(region);
    blocks.buckets = reinterpret_cast<uint32_t*>(region + kHeadBytes);
    blocks.units = reinterpret_cast<uint8_t*>(
        region + kHeadBytes + shm::align_up(4 * uint64_t{buckets}));
    blocks.pages = region + pages_at(pages, buckets);
    blocks.unit_count = pages * kUnitsPerPage;
    blocks.bucket_count = buckets;
    return blocks;
}

void Blocks::set_sketch(uint32_t unit, const Geometry& g, uint32_t slot,
                        const Sketch& sketch) const {
    auto* at = reinterpret_cast<uint8_t*>(bytes(unit) + kSketchesAt) + slot;
    for (uint8_t byte : sketch.bytes) {
        *at = byte;
        at += g.slots;
    }
}

uint32_t& Blocks::bucket(const Digest& partition) const {
    uint64_t hash = siphash(head->key, partition.view());
    return buckets[(hash >> 32) * bucket_count >> 32];
}

}  // namespace llm::semantic
