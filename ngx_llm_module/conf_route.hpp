// What the upstream is asked instead: llm_model, llm_set, llm_system,
// llm_model_response, llm_provider_cache, llm_variant,
// llm_model_list.
//
// The texts and paths below are C++ objects that the configuration's pool
// destroys; the structs only point to them.
#pragma once

#include "ngx_llm_module/room.hpp"
#include "src/route/parameters.hpp"
#include "src/route/system_text.hpp"

namespace llm::door {

// One llm_set.
struct RouteParameter {
    const route::ParameterPath* path;
    ngx_str_t name;                   // as written
    route::SetMode mode;
    ngx_str_t literal;                // JSON text; empty: `value` decides
    ngx_http_complex_value_t* value;
};

// One llm_system.
struct RouteSystem {
    const route::SystemText* text;
    ngx_http_complex_value_t* when;   // if=; nullptr: always
};

// llm_variant; no value: there is none.
struct RouteVariant {
    ngx_http_complex_value_t* value;
    ngx_array_t* names;               // ngx_str_t; nullptr: a literal
};

enum : ngx_uint_t { kModelServed, kModelRequested };

// Variables of nginx that tell what the body is: content_length,
// http_content_length, request_body, request_body_file.
inline constexpr size_t kBodyVariables = 4;

struct RouteMain {
    ngx_flag_t prefix_used;           // some directive reads $llm_prefix
    ngx_int_t body_variables[kBodyVariables];  // their indexes
};

struct RouteLoc {
    ngx_http_complex_value_t* model;  // llm_model; nullptr: as asked for
    Place place;                      // of llm_model
    ngx_array_t* parameters;          // RouteParameter; nullptr: none
    ngx_array_t* system;              // RouteSystem; nullptr: none
    ngx_uint_t model_response;
    ngx_flag_t provider_cache;
    RouteVariant variant;
    ngx_array_t* listed;              // ngx_str_t, llm_model_list; nullptr: no
    Place listed_place;
};

}  // namespace llm::door
