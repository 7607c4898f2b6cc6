// How hard a request is, and what it is about: llm_complexity_signal,
// llm_critical, llm_complexity_levels; $llm_complexity,
// $llm_complexity_level, $llm_task, $llm_critical.
//
// The rules and what is made of them are C++ objects that the
// configuration's pool destroys; the structs only point to them.
#pragma once

#include "ngx_llm_module/room.hpp"
#include "src/route/complexity_builder.hpp"

namespace llm::door {

struct ComplexityMain {
    ngx_flag_t used;                     // some directive reads a variable
    ngx_flag_t criticals;                // llm_critical stands somewhere
    const route::Complexity* built_in;   // where no rules are; if used
};

struct ComplexityLoc {
    route::ComplexityBuilder* rules;     // nullptr: none
    const route::Complexity* made;       // of the rules
    // Which directives stand at this level or are inherited.
    unsigned signals : 1;
    unsigned criticals : 1;
    unsigned levels : 1;
    ngx_str_t file;                      // of the first directive
    ngx_uint_t line;
};

// After the body is read and before it is released: sets ctx.assessment,
// once a request, where a variable is read. Never fails; a request without
// an assessment has no value for the variables.
void judge_complexity(ngx_http_request_t* r, Context& ctx);

}  // namespace llm::door
