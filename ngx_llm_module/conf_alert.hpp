// Whom to tell: llm_alert, llm_alert_test.
#pragma once

#include "ngx_llm_module/room.hpp"

namespace llm::door {

struct AlertGate;  // alert.hpp

// One llm_alert.
struct AlertEndpoint {
    ngx_str_t url;
    ngx_str_t host;      // "host:port", all of the URL that may be logged
    ngx_str_t secret;    // empty: alerts are not signed
    ngx_str_t ca;        // empty: the system's
    ngx_uint_t events;   // bits of AlertKind
    ngx_msec_t timeout;
};

struct AlertMain {
    ngx_array_t* endpoints;  // AlertEndpoint; nullptr: none
    AlertGate* gate;         // shared by the workers of this configuration
    Place test_place;        // of an llm_alert_test; file.data nullptr: none
};

}  // namespace llm::door
