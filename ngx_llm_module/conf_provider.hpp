// Where models live: llm_provider.
#pragma once

#include "ngx_llm_module/room.hpp"
#include "src/base/bytes.hpp"

namespace llm::route {
class Registry;
}

namespace llm::door {

struct ProviderSetup;  // provider_setup.hpp

// llm_cooldown; 0: the default of route::CooldownOptions.
struct CooldownMain {
    uint32_t max_fails;
    ngx_msec_t fail_timeout;
    ngx_msec_t max_time;
};

struct ProviderMain {
    ProviderSetup* setup;  // nullptr: there is no llm_provider
    CooldownMain cooldown;
};

struct ProviderLoc {
    ngx_flag_t required;   // llm_provider_required
    Place required_place;
    Place asked_place;     // a proxy_pass by $llm_provider_url; line 0: none
};

// All providers; nullptr: there is none, or it is too early. From the
// postconfiguration of any room on.
const route::Registry* registry_of(const MainConf& conf);

// For the postconfiguration of rooms whose directives name models: complains
// about a literal one that no provider could be asked for. Without providers
// every model is good. NGX_OK or NGX_ERROR.
ngx_int_t check_literal_model(ngx_conf_t* cf, const MainConf& conf,
                              const Place& place, const char* directive,
                              Bytes model);

}  // namespace llm::door
