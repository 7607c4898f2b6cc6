// The shared-memory zone: nginx's slab header stays at its start (the
// master's forced unlock touches it), one slab block behind it holds our
// region directory. And what a worker has open in it.
#pragma once

#include <string>

#include "ngx_llm_module/conf.hpp"
#include "src/exchange/services.hpp"

namespace llm::door {

struct Zone {
    ngx_str_t name;
    size_t size;
    Place place;
    ngx_shm_zone_t* shm;
    MainConf* conf;
};

// llm_zone name:size
char* set_zone(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);

// Opens the zone's regions for this worker process. NGX_OK or NGX_ERROR.
ngx_int_t open_services(ngx_cycle_t* cycle);
void close_services();

// This worker's; empty before open_services() and without an llm_zone.
exchange::Services& worker_services();

// The configuration is in force: the zone of the one before is handed over,
// if another stands in its place. In the master.
void take_zone(ngx_cycle_t* cycle);
// This worker's zone was: another one has what is spent, and counts on.
bool zone_is_handed_over();

// What names tenants; the zone's.
const Digest& zone_secret();

// "req_" and 32 hexadecimal digits, unique.
std::string next_request_id();

}  // namespace llm::door
