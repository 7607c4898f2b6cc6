// Evaluates what llm_model, llm_set, llm_system and llm_provider_cache say of
// one request. What only a variable can get wrong is logged and left out.
#pragma once

#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/conf.hpp"
#include "src/api/request.hpp"
#include "src/route/plan.hpp"

namespace llm::door {

// Fills `plan` and `model` ("": as the client asked). `tenant` and `prefix`
// name OpenAI's prompt_cache_key. NGX_OK or NGX_ERROR (memory).
ngx_int_t read_plan(ngx_http_request_t* r, Bytes tenant, Bytes prefix,
                    route::Plan& plan, std::string& model);

// Which of its names llm_variant has come to, metrics::kOther for what is none
// of them, "" without one. NGX_OK or NGX_ERROR (memory).
ngx_int_t read_variant(ngx_http_request_t* r, Bytes& variant);

// What llm_model makes of the name that $llm_model has now; "": it stays.
// NGX_OK or NGX_ERROR (memory).
ngx_int_t read_model(ngx_http_request_t* r, std::string& model);

// Whether read_plan() or a variable needs the prefix of this request.
bool needs_prefix(ngx_http_request_t* r);

}  // namespace llm::door
