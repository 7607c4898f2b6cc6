#include "ngx_llm_module/zone.hpp"

#include <sys/mman.h>

#include <atomic>
#include <cstring>
#include <new>

#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/regions.hpp"
#include "ngx_llm_module/snapshot.hpp"
#include "src/semantic/index_store.hpp"

namespace llm::door {
namespace {

constexpr size_t kMinZone = 1024 * 1024;

// Stands before the one block behind nginx's slab header, and is remembered
// in that header's `data`.
struct BlockHead {
    size_t size;
    std::atomic<uint32_t> handed_over;  // see zone_is_handed_over()
};
static_assert(sizeof(BlockHead) <= shm::kAlign);

struct Worker {
    Regions open;
    const BlockHead* head = nullptr;
    exchange::Services services;
    uint64_t id_random = 0;
    uint64_t id_count = 0;
};

Worker& worker() {
    static Worker instance;
    return instance;
}

struct Block {
    char* base;
    size_t size;
};

BlockHead& head_of(const ngx_shm_zone_t* zone) {
    auto* pool = reinterpret_cast<ngx_slab_pool_t*>(zone->shm.addr);
    return *static_cast<BlockHead*>(pool->data);
}

Block block_of(const ngx_shm_zone_t* zone) {
    BlockHead& head = head_of(zone);
    return {reinterpret_cast<char*>(&head) + shm::kAlign, head.size};
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
    new (memory) BlockHead{size, 0};
    pool->data = memory;
    return NGX_OK;
}

// The zone of the configuration that still runs, whatever it is called;
// nullptr when there is none.
ngx_shm_zone_t* running_zone(const ngx_shm_zone_t* zone) {
    if (ngx_cycle == nullptr) {
        return nullptr;
    }
    auto* part =
        const_cast<ngx_list_part_t*>(&ngx_cycle->shared_memory.part);
    for (; part != nullptr; part = part->next) {
        auto* zones = static_cast<ngx_shm_zone_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (&zones[i] != zone && zones[i].tag == zone->tag
                && zones[i].shm.addr != nullptr) {
                return &zones[i];
            }
        }
    }
    return nullptr;
}

// The zone has another size or name: what is spent moves to the new memory. Old
// workers' reservations are held there until their leases end; what they
// settle after this is charged to the old zone alone.
Result<void> take_over(ngx_shm_zone_t* running, Regions& open,
                       Digest& secret) {
    Block block = block_of(running);
    auto directory = shm::Directory::attach(block.base, block.size);
    if (!directory.ok()) {
        return directory.error();
    }
    Regions old;
    if (open_secret(*directory, {}, old.secret).ok()) {
        secret = old.secret;
    }
    Result<void> opened = open_ledger(*directory, block.size, old);
    return opened.ok() ? old.ledger.copy_to(open.ledger, now()) : opened;
}

// Into memory that is new. False: what was spent would be lost, which is
// told.
bool fill(ngx_shm_zone_t* zone, const MainConf& conf, Regions& open) {
    ngx_shm_zone_t* running = running_zone(zone);
    Digest secret = open.secret;
    if (running != nullptr) {
        Result<void> taken = take_over(running, open, secret);
        if (!taken.ok()) {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "llm_zone \"%V\": what is spent cannot be taken "
                          "over into the new size: %s; a larger zone is "
                          "needed",
                          &zone->shm.name, taken.error().message.c_str());
            return false;
        }
    } else if (open.ledger_fresh) {
        restore_snapshot(conf.limit, open.ledger, secret, zone->shm.log);
    }
    Block block = block_of(zone);
    auto directory = shm::Directory::attach(block.base, block.size);
    if (!directory.ok() || conf.core.secret.len > 0
        || secret.view() == open.secret.view()) {
        return true;
    }
    (void) replace_secret(*directory, secret);
    return true;
}

// What is looked for lies anywhere in it. A wish: Linux has a setting for
// memory that is shared, and refuses by default.
void ask_for_huge_pages(const ngx_shm_t& shm) {
    (void) madvise(shm.addr, shm.size, MADV_HUGEPAGE);
}

// Runs in the master before the workers start, at a reload too: the same
// memory comes again, and old workers are still using it.
ngx_int_t init_zone(ngx_shm_zone_t* zone, void* old_data) {
    auto* pool = reinterpret_cast<ngx_slab_pool_t*>(zone->shm.addr);
    auto* conf = static_cast<MainConf*>(zone->data);
    return guard(zone->shm.log, ngx_int_t{NGX_ERROR}, [&] {
        bool made = old_data != nullptr || zone->shm.exists;
        if (!made) {
            ask_for_huge_pages(zone->shm);
        }
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
        if (!made && !fill(zone, *conf, *open)) {
            return ngx_int_t{NGX_ERROR};
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
    self.head = &head_of(main->core.zone->shm);
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

// A reload that fails after the zones were made leaves the old ones in use:
// this is called when nothing can fail any more.
void take_zone(ngx_cycle_t* cycle) {
    auto* main = static_cast<MainConf*>(
        ngx_http_cycle_get_module_main_conf(cycle, ngx_llm_module));
    if (main == nullptr || main->core.zone == nullptr) {
        return;
    }
    const ngx_shm_zone_t* zone = main->core.zone->shm;
    const ngx_shm_zone_t* running = running_zone(zone);
    if (running != nullptr && running->shm.addr != zone->shm.addr) {
        head_of(running).handed_over = 1;
    }
}

bool zone_is_handed_over() {
    const BlockHead* head = worker().head;
    return head != nullptr && head->handed_over != 0;
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
