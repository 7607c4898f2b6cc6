#include "ngx_llm_module/zone.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/snapshot.hpp"
#include "src/cache/entry.hpp"
#include "src/semantic/index_store.hpp"
#include "src/shm/region.hpp"

namespace llm::door {
namespace {

// Durable regions come first, so that a full cache never starves them.
constexpr Bytes kSecret = "secret";
constexpr Bytes kLedger = "ledger";
constexpr Bytes kCooldown = "cooldown";
constexpr Bytes kWorkers = "workers";
constexpr Bytes kMetrics = "metrics";
constexpr Bytes kTokens = "tokens";
constexpr Bytes kWords = "words";
constexpr Bytes kVectors = "vectors";
constexpr Bytes kCache = "cache";

constexpr size_t kMinZone = 1024 * 1024;
constexpr size_t kMetricsMin = 128 * 1024;
constexpr size_t kMetricsMax = 8 * 1024 * 1024;
constexpr size_t kMetricsShare = 32;  // one part of that many
constexpr size_t kEntryShare = 8;     // no entry above that part of the zone
// Bytes of the zone for each account and each reservation: together about
// one part in sixteen.
constexpr size_t kAccountShare = 4096;
constexpr size_t kReservationShare = 16384;
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

// What is open in the zone; attach() formats what is fresh.
struct Open {
    Digest secret;
    std::optional<cache::Store> store;
    std::optional<tokens::Estimator> estimator;
    metrics::Table metrics;
    limit::Ledger ledger;
    bool ledger_fresh = false;
    route::Cooldown cooldown;
    limit::WorkerList workers;
    semantic::WordCounts words;
    std::optional<semantic::Index> index;
    bool no_vectors = false;
};

struct Worker {
    Open open;
    exchange::Services services;
    uint64_t id_random = 0;
    uint64_t id_count = 0;
};

Worker& worker() {
    static Worker instance;
    return instance;
}

Result<void> open_secret(shm::Directory& directory, Open& open,
                         Bytes configured) {
    auto region = directory.open({kSecret, 1, 1, sizeof(Digest), false});
    if (!region.ok()) {
        return region.error();
    }
    if (region->fresh) {
        Digest random;
        if (!random_bytes(random.bytes.data(), random.bytes.size())) {
            return Error{Errc::kIo, "the system has no random bytes"};
        }
        std::memcpy(region->data, random.bytes.data(), sizeof(Digest));
        if (auto done = directory.ready(kSecret); !done.ok()) {
            return done;
        }
    }
    if (!configured.empty()) {
        open.secret = sha256(configured);
    } else {
        std::memcpy(open.secret.bytes.data(), region->data, sizeof(Digest));
    }
    return {};
}

limit::LedgerOptions ledger_options(size_t zone_size) {
    limit::LedgerOptions options;
    options.accounts = static_cast<uint32_t>(
        std::clamp(std::bit_floor(zone_size / kAccountShare), kMinAccounts,
                   kMaxAccounts));
    options.slots = static_cast<uint32_t>(
        std::clamp(zone_size / kReservationShare, kMinReservations,
                   kMaxReservations));
    return options;
}

Result<void> open_ledger(shm::Directory& directory, Open& open,
                         size_t zone_size) {
    limit::LedgerOptions options = ledger_options(zone_size);
    auto region = directory.open({kLedger, limit::Ledger::kVersion,
                                  limit::kLedgerLayout,
                                  limit::Ledger::size_needed(options),
                                  false});
    if (!region.ok()) {
        return region.error();
    }
    auto ledger = limit::Ledger::attach(*region, options);
    if (!ledger.ok()) {
        return ledger.error();
    }
    open.ledger = *ledger;
    open.ledger_fresh = region->fresh;
    return region->fresh ? directory.ready(kLedger) : Result<void>{};
}

route::CooldownOptions cooldown_options(const CooldownMain& conf) {
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
    return options;
}

Result<void> open_cooldown(shm::Directory& directory, Open& open,
                           size_t zone_size, const CooldownMain& conf) {
    route::CooldownOptions options = cooldown_options(conf);
    options.entries = static_cast<uint32_t>(
        std::clamp(std::bit_floor(zone_size / kCooldownShare),
                   kMinCooldowns, kMaxCooldowns));
    auto region = directory.open({kCooldown, route::Cooldown::kVersion,
                                  route::Cooldown::layout(),
                                  route::Cooldown::size_needed(options),
                                  false});
    if (!region.ok()) {
        return region.error();
    }
    auto cooldown = route::Cooldown::attach(*region, options);
    if (!cooldown.ok()) {
        return cooldown.error();
    }
    open.cooldown = *cooldown;
    return region->fresh ? directory.ready(kCooldown) : Result<void>{};
}

Result<void> open_workers(shm::Directory& directory, Open& open) {
    auto region = directory.open({kWorkers, limit::WorkerList::kVersion,
                                  limit::WorkerList::layout(),
                                  limit::WorkerList::kSize, false});
    if (!region.ok()) {
        return region.error();
    }
    open.workers = limit::WorkerList::attach(*region);
    return region->fresh ? directory.ready(kWorkers) : Result<void>{};
}

Result<void> open_metrics(shm::Directory& directory, Open& open,
                          size_t zone_size) {
    size_t size = std::clamp(zone_size / kMetricsShare, kMetricsMin,
                             kMetricsMax);
    auto layout = static_cast<uint32_t>(metrics::Table::layout_hash(size));
    auto region = directory.open(
        {kMetrics, metrics::Table::kVersion, layout, size, false});
    if (!region.ok()) {
        return region.error();
    }
    auto table =
        metrics::Table::attach(region->data, region->size, region->fresh);
    if (!table.ok()) {
        return table.error();
    }
    open.metrics = *table;
    return region->fresh ? directory.ready(kMetrics) : Result<void>{};
}

Result<void> open_tokens(shm::Directory& directory, Open& open) {
    auto layout = static_cast<uint32_t>(tokens::Estimator::layout_hash());
    auto region = directory.open({kTokens, tokens::Estimator::kVersion,
                                  layout, tokens::Estimator::kSize, false});
    if (!region.ok()) {
        return region.error();
    }
    auto estimator =
        tokens::Estimator::attach(region->data, region->size, region->fresh);
    if (!estimator.ok()) {
        return estimator.error();
    }
    open.estimator = *estimator;
    return region->fresh ? directory.ready(kTokens) : Result<void>{};
}

// What near matches know of the traffic's words. A zone that was made without
// it has no room for it: the background's table stands alone.
Result<void> open_words(shm::Directory& directory, Open& open,
                        size_t zone_size, const MainConf& conf) {
    if (conf.semantic.embedders == nullptr) {
        return {};
    }
    size_t counters = std::clamp(std::bit_floor(zone_size / kWordShare),
                                 kMinWords, kMaxWords);
    auto region = directory.open(
        {kWords, semantic::WordCounts::kVersion, semantic::WordCounts::layout(),
         semantic::WordCounts::size_needed(counters), false});
    if (!region.ok()) {
        return {};
    }
    auto words = semantic::WordCounts::attach(*region);
    if (!words.ok()) {
        return words.error();
    }
    open.words = *words;
    return region->fresh ? directory.ready(kWords) : Result<void>{};
}

// Where near matches are wanted, before the cache takes the rest. A zone
// that was made without them has no room for it: they are off until nginx is
// started anew.
Result<void> open_vectors(shm::Directory& directory, Open& open,
                          size_t zone_size, const MainConf& conf) {
    if (conf.semantic.embedders == nullptr) {
        return {};
    }
    auto region = directory.open(
        {kVectors, semantic::Index::kVersion, semantic::Index::layout(),
         std::max<uint64_t>(zone_size / kVectorShare,
                            semantic::Index::min_size()),
         false});
    if (!region.ok()) {
        open.no_vectors = true;
        return {};
    }
    auto index = semantic::Index::attach(*region, {});
    if (!index.ok()) {
        return index.error();
    }
    open.index = *index;
    return region->fresh ? directory.ready(kVectors) : Result<void>{};
}

// Decided when the zone is made: a larger llm_cache_max_size in a later
// configuration does not enlarge the shards.
Result<void> open_cache(shm::Directory& directory, Open& open,
                        size_t zone_size, size_t max_size) {
    cache::StoreOptions options;
    options.max_entry = std::min<uint64_t>(
        max_size + cache::Entry::kMaxHeader, zone_size / kEntryShare);
    auto region = directory.open({kCache, cache::Store::kVersion,
                                  cache::Store::layout(),
                                  cache::Store::min_size(0), true});
    if (!region.ok()) {
        return region.error();
    }
    auto store = cache::Store::attach(*region, options);
    if (!store.ok()) {
        return store.error();
    }
    open.store = *store;
    return region->fresh ? directory.ready(kCache) : Result<void>{};
}

Result<Open> open_regions(void* base, size_t size, const MainConf& conf) {
    auto directory = shm::Directory::attach(base, size);
    if (!directory.ok()) {
        return directory.error();
    }
    Open open;
    Result<void> done = open_secret(*directory, open, view(conf.core.secret));
    if (done.ok()) {
        done = open_ledger(*directory, open, size);
    }
    if (done.ok()) {
        done = open_cooldown(*directory, open, size,
                             conf.provider.cooldown);
    }
    if (done.ok()) {
        done = open_workers(*directory, open);
    }
    if (done.ok()) {
        done = open_metrics(*directory, open, size);
    }
    if (done.ok()) {
        done = open_tokens(*directory, open);
    }
    if (done.ok()) {
        done = open_words(*directory, open, size, conf);
    }
    if (done.ok()) {
        done = open_vectors(*directory, open, size, conf);
    }
    if (done.ok()) {
        done = open_cache(*directory, open, size, conf.cache.max_size);
    }
    if (!done.ok()) {
        return done.error();
    }
    return open;
}

// The one block behind nginx's slab header, remembered in its `data`.
struct Block {
    char* base;
    size_t size;
};

Block block_of(ngx_shm_zone_t* zone) {
    auto* pool = reinterpret_cast<ngx_slab_pool_t*>(zone->shm.addr);
    auto* size = static_cast<size_t*>(pool->data);
    return {reinterpret_cast<char*>(size) + shm::kAlign, *size};
}

ngx_int_t make_block(ngx_slab_pool_t* pool) {
    pool->log_nomem = 0;
    size_t pages = pool->pfree;
    auto* memory = static_cast<char*>(
        ngx_slab_alloc(pool, pages * ngx_pagesize));
    if (memory == nullptr) {
        return NGX_ERROR;
    }
    size_t size = pages * ngx_pagesize - shm::kAlign;
    std::memset(memory, 0, shm::kAlign * 2);
    *reinterpret_cast<size_t*>(memory) = size;
    pool->data = memory;
    return NGX_OK;
}

// The zone of that name in the configuration that still runs; nullptr when
// there is none.
ngx_shm_zone_t* running_zone(ngx_shm_zone_t* zone) {
    if (ngx_cycle == nullptr) {
        return nullptr;
    }
    auto* part =
        const_cast<ngx_list_part_t*>(&ngx_cycle->shared_memory.part);
    for (; part != nullptr; part = part->next) {
        auto* zones = static_cast<ngx_shm_zone_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (&zones[i] != zone && zones[i].tag == zone->tag
                && zones[i].shm.addr != nullptr
                && view(zones[i].shm.name) == view(zone->shm.name)) {
                return &zones[i];
            }
        }
    }
    return nullptr;
}

// The zone has another size: what is spent moves to the new memory. What old
// workers settle after this is lost to it, their reservations are not.
void take_over(ngx_shm_zone_t* running, Open& open, Digest& secret) {
    Block block = block_of(running);
    auto directory = shm::Directory::attach(block.base, block.size);
    Open old;
    if (directory.ok() && open_secret(*directory, old, {}).ok()) {
        secret = old.secret;
    }
    if (!directory.ok()
        || !open_ledger(*directory, old, block.size).ok()
        || !old.ledger.copy_to(open.ledger).ok()) {
        ngx_log_error(NGX_LOG_WARN, running->shm.log, 0,
                      "llm_zone \"%V\": what is spent could not be taken "
                      "over from the zone of the old size",
                      &running->shm.name);
    }
}

// Into memory that is new.
void fill(ngx_shm_zone_t* zone, const MainConf& conf, Open& open) {
    ngx_shm_zone_t* running = running_zone(zone);
    Digest secret = open.secret;
    if (running != nullptr) {
        take_over(running, open, secret);
    } else if (open.ledger_fresh) {
        restore_snapshot(conf.limit.cycle, conf.limit, open.ledger, secret,
                         zone->shm.log);
    }
    Block block = block_of(zone);
    auto directory = shm::Directory::attach(block.base, block.size);
    if (!directory.ok() || conf.core.secret.len > 0
        || secret.view() == open.secret.view()) {
        return;
    }
    auto region = directory->open({kSecret, 1, 1, sizeof(Digest), false});
    if (region.ok()) {
        std::memcpy(region->data, secret.bytes.data(), sizeof(Digest));
    }
}

// Runs in the master before the workers start, at a reload too: the same
// memory comes again, and old workers are still using it.
ngx_int_t init_zone(ngx_shm_zone_t* zone, void* old_data) {
    auto* pool = reinterpret_cast<ngx_slab_pool_t*>(zone->shm.addr);
    auto* conf = static_cast<MainConf*>(zone->data);
    return guard(zone->shm.log, ngx_int_t{NGX_ERROR}, [&] {
        bool made = old_data != nullptr || zone->shm.exists;
        if (!made && make_block(pool) != NGX_OK) {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "llm_zone \"%V\": no memory", &zone->shm.name);
            return ngx_int_t{NGX_ERROR};
        }
        Block block = block_of(zone);
        auto open = open_regions(block.base, block.size, *conf);
        if (!open.ok()) {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "llm_zone \"%V\": %s", &zone->shm.name,
                          open.error().message.c_str());
            return ngx_int_t{NGX_ERROR};
        }
        if (!made) {
            fill(zone, *conf, *open);
        }
        if (open->no_vectors) {
            ngx_log_error(NGX_LOG_WARN, zone->shm.log, 0,
                          "llm_zone \"%V\" was made without room for "
                          "vectors: \"llm_semantic\" does nothing until "
                          "nginx is stopped and started",
                          &zone->shm.name);
        }
        return ngx_int_t{NGX_OK};
    });
}

}  // namespace

char* set_zone(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    auto* main = static_cast<MainConf*>(conf);
    if (main->core.zone != nullptr) {
        return conf_text("is duplicate");
    }
    auto* value = &static_cast<ngx_str_t*>(cf->args->elts)[1];
    Bytes text = view(*value);
    size_t colon = text.find(':');
    if (colon == Bytes::npos || colon == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone \"%V\", \"name:size\" is needed",
                           value);
        return conf_error();
    }
    ngx_str_t name = {colon, value->data};
    if (view(name) == "off") {
        return conf_text("cannot be named \"off\": \"llm_cache off\" means "
                         "none");
    }
    ngx_str_t size_text = {value->len - colon - 1, value->data + colon + 1};
    off_t size = ngx_parse_offset(&size_text);
    if (size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid zone size \"%V\"",
                           value);
        return conf_error();
    }
    if (static_cast<size_t>(size) < kMinZone) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small, at least 1m is needed",
                           value);
        return conf_error();
    }
    auto* zone = static_cast<Zone*>(ngx_pcalloc(cf->pool, sizeof(Zone)));
    if (zone == nullptr) {
        return conf_error();
    }
    zone->shm = ngx_shared_memory_add(cf, &name, static_cast<size_t>(size),
                                      &ngx_llm_module);
    if (zone->shm == nullptr) {
        return conf_error();
    }
    zone->shm->init = init_zone;
    zone->shm->data = main;
    zone->name = name;
    zone->size = static_cast<size_t>(size);
    zone->place = place_of(cf);
    zone->conf = main;
    main->core.zone = zone;
    return NGX_CONF_OK;
}

ngx_int_t open_services(ngx_cycle_t* cycle) {
    auto* main = static_cast<MainConf*>(
        ngx_http_cycle_get_module_main_conf(cycle, ngx_llm_module));
    Worker& self = worker();
    (void) random_bytes(&self.id_random, sizeof(self.id_random));
    if (main == nullptr) {
        return NGX_OK;
    }
    exchange::Services& services = self.services;
    auto* models = main->metrics.models;
    for (ngx_uint_t i = 0; models != nullptr && i < models->nelts; i++) {
        Bytes name = view(static_cast<ngx_str_t*>(models->elts)[i]);
        services.models.emplace_back(name);
    }
    if (main->core.zone == nullptr) {
        services.tenants =
            limit::TenantNames(sha256(view(main->core.secret)).view());
        return NGX_OK;
    }
    Block block = block_of(main->core.zone->shm);
    auto open = open_regions(block.base, block.size, *main);
    if (!open.ok()) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0, "llm_zone \"%V\": %s",
                      &main->core.zone->name, open.error().message.c_str());
        return NGX_ERROR;
    }
    self.open = std::move(open).value();
    services.store = &*self.open.store;
    if (self.open.index) {
        services.index = &*self.open.index;
        semantic::join(*services.store, *services.index);
    }
    services.words = self.open.words;
    services.estimator = &*self.open.estimator;
    services.metrics = self.open.metrics;
    services.ledger = self.open.ledger;
    services.cooldown = self.open.cooldown;
    services.workers = self.open.workers;
    services.owner = {static_cast<int32_t>(ngx_pid), self.id_random};
    services.workers.join(services.owner);
    services.tenants = limit::TenantNames(self.open.secret.view());
    return NGX_OK;
}

void close_services() {
    worker().services.workers.leave(worker().services.owner);
    worker() = Worker{};
}

exchange::Services& worker_services() {
    return worker().services;
}

const Digest& zone_secret() {
    return worker().open.secret;
}

std::string next_request_id() {
    Worker& self = worker();
    uint64_t words[2] = {self.id_random, ++self.id_count};
    // Not a secret, but neighbours should not look alike.
    words[1] *= 0x9e3779b97f4a7c15;
    words[1] ^= words[0] >> 7;
    constexpr Bytes kPrefix = "req_";
    std::string id(kPrefix.size() + 2 * sizeof(words), '\0');
    kPrefix.copy(id.data(), kPrefix.size());
    write_hex(Bytes(reinterpret_cast<const char*>(words), sizeof(words)),
              id.data() + kPrefix.size());
    return id;
}

}  // namespace llm::door
