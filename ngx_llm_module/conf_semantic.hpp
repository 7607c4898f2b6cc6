// Near matches: llm_embedder, llm_semantic, llm_semantic_guard.
#pragma once

#include "ngx_llm_module/room.hpp"
#include "src/route/provider_key.hpp"
#include "src/semantic/decision.hpp"
#include "src/semantic/encoder.hpp"

namespace llm::door {

// llm_embedder: an encoder of ours, or an endpoint.
struct Embedder {
    ngx_str_t name;
    Place place;
    const semantic::Encoder* encoder;  // nullptr: `url` is asked
    semantic::EncoderKind kind;
    bool immediate;                    // short enough for the event loop
    Digest id;
    ngx_msec_t timeout;                // until the request goes on without
    // An endpoint's.
    ngx_str_t url;
    ngx_str_t model;
    ngx_str_t key_file;
    route::ProviderKeyFile* key;       // nullptr: none is sent
    ngx_str_t ca_file;
    ngx_uint_t dims;                   // 0: the model's own
    ngx_uint_t index;                  // among all of the configuration
};

// One llm_semantic, and whether it has effect anywhere.
struct SemanticUse {
    Place place;
    bool cached;                       // with an llm_cache that is on
    SemanticUse* next;
};

struct SemanticMain {
    SemanticUse* uses;
    ngx_array_t* embedders;            // Embedder*
    const semantic::Judge* judge;      // of locations without guards; set
                                       // where there is an embedder
    const semantic::Judge* facts;      // of audited answers
};

struct SemanticLoc {
    const Embedder* embedder;          // nullptr: off
    bool off;                          // said so
    SemanticUse* use;
    ngx_http_complex_value_t* precision;  // nullptr: the default
    ngx_http_complex_value_t* threshold;  // nullptr: by encoder
    ngx_uint_t max_chars;
    ngx_flag_t normalise;
    ngx_flag_t critical;               // critical requests may be near hits,
                                       // at 0.99
    ngx_int_t max_temperature;         // thousandths
    ngx_uint_t audit_ppm;              // share of hits asked upstream too
    ngx_str_t audit_url;
    const semantic::Judge* judge;      // llm_semantic_guard
};

}  // namespace llm::door
