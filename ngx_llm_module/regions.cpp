#include "ngx_llm_module/regions.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "ngx_llm_module/boundary.hpp"
#include "src/cache/entry.hpp"
#include "src/semantic/index_store.hpp"

namespace llm::door {
namespace {

constexpr size_t kMetricsMin = 128 * 1024;
constexpr size_t kMetricsMax = 8 * 1024 * 1024;
constexpr size_t kMetricsShare = 32;  // one part of that many
constexpr size_t kEntryShare = 8;     // no entry above that part of the zone
// Bytes of the zone for each account, of which there is a power of two, and
// for each reservation: together about one part in fourteen of a zone of 16m,
// 64m and so on. nginx has a few pages of those for itself, so that rounding
// down would halve them.
constexpr size_t kAccountShare = 4096;
constexpr size_t kReservationShare = 8192;
constexpr size_t kMinAccounts = 256;
constexpr size_t kMaxAccounts = 1 << 18;
constexpr size_t kMinReservations = 96;
constexpr size_t kMaxReservations = 1 << 16;
// A vector of 384 dimensions beside an answer of 1 KB.
constexpr size_t kVectorShare = 4;
constexpr size_t kWordShare = 4096;  // for each of a row's counters of words
constexpr size_t kMinWords = 1024;
constexpr size_t kMaxWords = 16384;
constexpr size_t kCooldownShare = 32768;
constexpr size_t kMinCooldowns = 64;
constexpr size_t kMaxCooldowns = 4096;

const shm::RegionSpec kSecret = {"secret", 1, 1, sizeof(Digest), false};

// One region and what stands in it, which `attach` makes of it.
template <typename Part, typename Attach>
Result<void> open_part(shm::Directory& directory, const shm::RegionSpec& spec,
                       Part& part, const Attach& attach) {
    auto region = directory.open(spec);
    if (!region.ok()) {
        return region.error();
    }
    auto attached = attach(*region);
    if (!attached.ok()) {
        return attached.error();
    }
    part = std::move(*attached);
    return region->fresh ? directory.ready(spec.name) : Result<void>{};
}

bool is_no_room(const Result<void>& opened) {
    return !opened.ok() && opened.error().code == Errc::kNoSpace;
}

limit::LedgerOptions ledger_options(size_t zone_size) {
    limit::LedgerOptions options;
    options.accounts = static_cast<uint32_t>(
        std::clamp(std::bit_ceil(zone_size / kAccountShare), kMinAccounts,
                   kMaxAccounts));
    options.slots = static_cast<uint32_t>(
        std::clamp(zone_size / kReservationShare, kMinReservations,
                   kMaxReservations));
    return options;
}

route::CooldownOptions cooldown_options(size_t zone_size,
                                        const CooldownMain& conf) {
    constexpr int64_t kMillisecond = 1000000;
    route::CooldownOptions options;
    if (conf.max_fails != 0) {
        options.failures = conf.max_fails;
    }
    if (conf.fail_timeout != 0) {
        options.window_ns =
            static_cast<int64_t>(conf.fail_timeout) * kMillisecond;
        options.base_ns = options.window_ns;
    }
    if (conf.max_time != 0) {
        options.cap_ns = static_cast<int64_t>(conf.max_time) * kMillisecond;
    }
    options.cap_ns = std::max(options.cap_ns, options.base_ns);
    options.entries = static_cast<uint32_t>(
        std::clamp(std::bit_floor(zone_size / kCooldownShare),
                   kMinCooldowns, kMaxCooldowns));
    return options;
}

Result<void> open_cooldown(shm::Directory& directory, size_t zone_size,
                           const MainConf& conf, Regions& regions) {
    route::CooldownOptions options =
        cooldown_options(zone_size, conf.provider.cooldown);
    return open_part(
        directory,
        {"cooldown", route::Cooldown::kVersion, route::Cooldown::layout(),
         route::Cooldown::size_needed(options), false},
        regions.cooldown, [&](const shm::Region& region) {
            return route::Cooldown::attach(region, options);
        });
}

Result<void> open_workers(shm::Directory& directory, size_t, const MainConf&,
                          Regions& regions) {
    return open_part(
        directory,
        {"workers", limit::WorkerList::kVersion, limit::WorkerList::layout(),
         limit::WorkerList::kSize, false},
        regions.workers, [](const shm::Region& region) {
            return Result<limit::WorkerList>(
                limit::WorkerList::attach(region));
        });
}

Result<void> open_metrics(shm::Directory& directory, size_t zone_size,
                          const MainConf&, Regions& regions) {
    size_t size =
        std::clamp(zone_size / kMetricsShare, kMetricsMin, kMetricsMax);
    return open_part(
        directory,
        {"metrics", metrics::Table::kVersion,
         static_cast<uint32_t>(metrics::Table::layout_hash(size)), size,
         false},
        regions.metrics, [](const shm::Region& region) {
            return metrics::Table::attach(region.data, region.size,
                                          region.fresh);
        });
}

Result<void> open_tokens(shm::Directory& directory, size_t, const MainConf&,
                         Regions& regions) {
    return open_part(
        directory,
        {"tokens", tokens::Estimator::kVersion,
         static_cast<uint32_t>(tokens::Estimator::layout_hash()),
         tokens::Estimator::kSize, false},
        regions.estimator, [](const shm::Region& region) {
            return tokens::Estimator::attach(region.data, region.size,
                                             region.fresh);
        });
}

// What near matches know of the traffic's words; without it the background's
// table stands alone.
Result<void> open_words(shm::Directory& directory, size_t zone_size,
                        const MainConf& conf, Regions& regions) {
    if (conf.semantic.embedders == nullptr) {
        return {};
    }
    size_t counters = std::clamp(std::bit_floor(zone_size / kWordShare),
                                 kMinWords, kMaxWords);
    Result<void> opened = open_part(
        directory,
        {"words", semantic::WordCounts::kVersion,
         semantic::WordCounts::layout(),
         semantic::WordCounts::size_needed(counters), false},
        regions.words, semantic::WordCounts::attach);
    return is_no_room(opened) ? Result<void>{} : opened;
}

// Before the cache takes the rest.
Result<void> open_vectors(shm::Directory& directory, size_t zone_size,
                          const MainConf& conf, Regions& regions) {
    if (conf.semantic.embedders == nullptr) {
        return {};
    }
    Result<void> opened = open_part(
        directory,
        {"vectors", semantic::Index::kVersion, semantic::Index::layout(),
         vectors_region_size(zone_size), false},
        regions.index, [](const shm::Region& region) {
            return semantic::Index::attach(region, {});
        });
    regions.no_vectors = is_no_room(opened);
    return regions.no_vectors ? Result<void>{} : opened;
}

// A larger llm_cache_max_size in a later configuration does not enlarge the
// shards.
Result<void> open_cache(shm::Directory& directory, size_t zone_size,
                        const MainConf& conf, Regions& regions) {
    cache::StoreOptions options;
    options.max_entry = std::min<uint64_t>(
        conf.cache.max_size + cache::Entry::kMaxHeader,
        zone_size / kEntryShare);
    return open_part(
        directory,
        {"cache", cache::Store::kVersion, cache::Store::layout(),
         cache::Store::min_size(0), true},
        regions.store, [&](const shm::Region& region) {
            return cache::Store::attach(region, options);
        });
}

}  // namespace

Result<void> open_secret(shm::Directory& directory, Bytes configured,
                         Digest& secret) {
    Result<void> opened = open_part(
        directory, kSecret, secret,
        [](const shm::Region& region) -> Result<Digest> {
            Digest own;
            if (region.fresh
                && !random_bytes(region.data, own.bytes.size())) {
                return Error{Errc::kIo, "the system has no random bytes"};
            }
            std::memcpy(own.bytes.data(), region.data, own.bytes.size());
            return own;
        });
    if (opened.ok() && !configured.empty()) {
        secret = sha256(configured);
    }
    return opened;
}

Result<void> replace_secret(shm::Directory& directory, const Digest& secret) {
    auto region = directory.open(kSecret);
    if (!region.ok()) {
        return region.error();
    }
    std::memcpy(region->data, secret.bytes.data(), secret.bytes.size());
    return {};
}

Result<void> open_ledger(shm::Directory& directory, size_t zone_size,
                         Regions& regions) {
    limit::LedgerOptions options = ledger_options(zone_size);
    return open_part(
        directory,
        {"ledger", limit::Ledger::kVersion, limit::kLedgerLayout,
         limit::Ledger::size_needed(options), false},
        regions.ledger, [&](const shm::Region& region) {
            regions.ledger_fresh = region.fresh;
            return limit::Ledger::attach(region, options);
        });
}

uint64_t vectors_region_size(size_t zone_size) {
    return std::clamp<uint64_t>(zone_size / kVectorShare,
                                semantic::Index::min_size(),
                                semantic::Index::max_size());
}

Result<Regions> open_regions(void* base, size_t size, const MainConf& conf) {
    auto directory = shm::Directory::attach(base, size);
    if (!directory.ok()) {
        return directory.error();
    }
    Regions regions;
    Result<void> done = open_secret(*directory, view(conf.core.secret),
                                    regions.secret);
    if (done.ok()) {
        done = open_ledger(*directory, size, regions);
    }
    for (auto* open : {open_cooldown, open_workers, open_metrics, open_tokens,
                       open_words, open_vectors, open_cache}) {
        if (done.ok()) {
            done = open(*directory, size, conf, regions);
        }
    }
    if (!done.ok()) {
        return done.error();
    }
    return regions;
}

}  // namespace llm::door
