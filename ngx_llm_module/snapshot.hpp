// llm_snapshot: what is spent and the tenants' secret, written to a file at
// intervals and when nginx stops, read when a new zone is made. One worker
// writes, on a thread; a temporary file is renamed over the old one, and both
// are synced: a loss of power leaves the old or the new one, whole. A bad file
// never stops the start: it is logged, and one starts with what could be read
// of it.
#pragma once

#include "ngx_llm_module/conf.hpp"
#include "src/base/clock.hpp"
#include "src/base/digest.hpp"
#include "src/limit/ledger.hpp"

namespace llm::door {

// In the master, whenever a configuration takes effect: the directory is made,
// and the file is this nginx's unless it is another one's.
void claim_snapshot(ngx_cycle_t* cycle, const LimitMain& conf);

// Into a ledger that was just made, in the master. `secret` is replaced when
// the file holds one.
void restore_snapshot(const LimitMain& conf, limit::Ledger& ledger,
                      Digest& secret, ngx_log_t* log);

void start_snapshots(ngx_cycle_t* cycle, MainConf& conf);
void tick_snapshots(ngx_cycle_t* cycle, MainConf& conf, Now now);
void stop_snapshots(ngx_cycle_t* cycle);

}  // namespace llm::door
