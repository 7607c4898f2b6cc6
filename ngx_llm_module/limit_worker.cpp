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
constexpr int64_t kMinute = int64_t{60} * 1000000000;

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

// A line a minute at the most, however many requests it was.
void tell_unchecked(Now now) {
    static uint64_t told = 0;
    static int64_t told_ns = INT64_MIN / 2;
    const exchange::Services& services = worker_services();
    if (services.limits_unchecked == told || now.mono_ns - told_ns < kMinute) {
        return;
    }
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "llm: limits of %uL requests could not be checked, the "
                  "llm_zone has no room for their counters or for so many "
                  "reservations at once: a larger one is needed; "
                  "\"llm_limit_fail\" is \"%s\"",
                  services.limits_unchecked - told,
                  services.limits_fail_open ? "open" : "closed");
    told = services.limits_unchecked;
    told_ns = now.mono_ns;
}

}  // namespace

ngx_int_t start_limits(ngx_cycle_t* cycle, MainConf& conf) {
    exchange::Services& services = worker_services();
    services.limits_fail_open = conf.limit.fail_open;
    services.alert = raise;
    catch_up(conf.limit.keys, "keys", cycle->log);
    start_snapshots(cycle, conf);
    return NGX_OK;
}

void stop_limits(ngx_cycle_t* cycle) {
    stop_snapshots(cycle);
}

void tick_limits(ngx_cycle_t* cycle, MainConf& conf, Now now) {
    free_dead(now);
    tell_unchecked(now);
    if (conf.limit.keys != nullptr) {
        poll_watched(*conf.limit.keys, "keys", cycle->log, now);
    }
    tick_snapshots(cycle, conf, now);
}

}  // namespace llm::door
