// llm_purge: POST with {"id"|"tag"|"tenant"|"model": "…"} or {"all": true},
// as a JSON body or as query arguments; answers {"purged": n}. `id` is an
// answer's own id or the X-LLM-Entry of a hit. Who may call it is for nginx's
// allow, deny and auth_*.
#pragma once

#include "ngx_llm_module/ngx.hpp"

namespace llm::door {

char* set_purge(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);

}  // namespace llm::door
