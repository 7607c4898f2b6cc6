// What limits need in a worker beside its requests: the key and price files,
// leases of those that are gone, the snapshot, alerts.
#include "ngx_llm_module/alert.hpp"
#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/limits.hpp"
#include "ngx_llm_module/snapshot.hpp"
#include "ngx_llm_module/watching.hpp"
#include "ngx_llm_module/zone.hpp"
#include "src/metrics/families.hpp"

namespace llm::door {
namespace {

constexpr uint32_t kSweep = 256;  // slots a second

void raise(const exchange::Alert& event) {
    AlertKind kind = alert_kind(event.event);
    AlertFields fields;
    if (kind == AlertKind::kKeyInvalid) {
        fields.add("reason", event.rule).add("key", event.key);
    } else if (kind == AlertKind::kProvider) {
        fields.add("provider", event.key).add("reason", event.rule);
    } else {
        fields.add("budget", event.rule)
            .add("key", event.key)
            .add("tenant", event.tenant)
            .add_usd("limit_usd", event.limit_nano)
            .add("window_start", event.window_start_s)
            .add("window_end", event.window_end_s);
    }
    alert(kind, fields);
}

// Old workers and those that were killed leave holds behind.
void free_dead(Now now) {
    exchange::Services& services = worker_services();
    if (!services.ledger) {
        return;
    }
    (void) services.ledger.sweep(kSweep, now);
    for (const limit::Owner& owner : services.workers.take_dead()) {
        auto ended = services.ledger.expire_owner(owner, now);
        if (ended.ok() && *ended > 0) {
            ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                          "llm: worker %ui is gone, %uD reservations of it "
                          "came back",
                          static_cast<ngx_uint_t>(owner.pid), *ended);
        }
    }
}

}  // namespace

ngx_int_t start_limits(ngx_cycle_t* cycle, MainConf& conf) {
    exchange::Services& services = worker_services();
    services.limits_fail_open = conf.limit.fail_open;
    services.alert = raise;
    start_snapshots(cycle, conf);
    return NGX_OK;
}

void stop_limits(ngx_cycle_t* cycle) {
    stop_snapshots(cycle);
}

void tick_limits(ngx_cycle_t* cycle, MainConf& conf, Now now) {
    free_dead(now);
    if (conf.limit.keys != nullptr) {
        poll_watched(*conf.limit.keys, "keys", cycle->log, now);
    }
    tick_snapshots(cycle, conf, now);
}

}  // namespace llm::door
