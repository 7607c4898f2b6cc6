// The regions of the zone: which stand in it, how large each one is by the
// size of the zone, and what a process has open of them.
//
// Durable ones come first, so that a full cache never starves them; the cache
// takes what is left. Sizes are decided when a zone is made: a region keeps
// the one that it has.
//
// Owner: zone.cpp. Threads and processes: as shm/region.hpp says.
#pragma once

#include <optional>

#include "ngx_llm_module/conf.hpp"
#include "src/exchange/services.hpp"
#include "src/shm/region.hpp"

namespace llm::door {

struct Regions {
    Digest secret;  // names tenants
    std::optional<cache::Store> store;
    std::optional<tokens::Estimator> estimator;
    metrics::Table metrics;
    limit::Ledger ledger;
    bool ledger_fresh = false;
    route::Cooldown cooldown;
    limit::WorkerList workers;
    // Empty where no embedder is configured, and in a zone that was made
    // without and has no room for them.
    semantic::WordCounts words;
    std::optional<semantic::Index> index;
    bool no_vectors = false;  // wanted, and there is no room
};

// All of them, those formatted that are fresh. `base`, `size`: the block
// behind nginx's slab header. Errors are words for the operator.
Result<Regions> open_regions(void* base, size_t size, const MainConf& conf);

// Bytes for vectors in a zone of that size where an embedder is configured.
uint64_t vectors_region_size(size_t zone_size);

// These two alone, of a zone whose contents are to be taken over.
// `configured`: llm_secret, which the zone's own gives way to; "": none.
Result<void> open_secret(shm::Directory& directory, Bytes configured,
                         Digest& secret);
Result<void> open_ledger(shm::Directory& directory, size_t zone_size,
                         Regions& regions);

// In place of the zone's own. Before any worker has it open.
Result<void> replace_secret(shm::Directory& directory, const Digest& secret);

}  // namespace llm::door
