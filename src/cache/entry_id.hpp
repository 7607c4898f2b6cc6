// EntryId: names one entry of the store, not its successors in the same
// place.
#pragma once

#include <cstdint>

namespace llm::cache {

struct EntryId {
    uint32_t shard = 0;
    uint32_t slot = 0;
    uint32_t generation = 0;

    bool operator==(const EntryId&) const = default;
};

}  // namespace llm::cache
