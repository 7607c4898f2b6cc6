// llm_metrics (Prometheus text) and llm_status (JSON): content handlers.
#pragma once

#include "ngx_llm_module/ngx.hpp"

namespace llm::door {

char* set_metrics(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_status(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);

}  // namespace llm::door
