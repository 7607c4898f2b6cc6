// The $llm_* variables, one table a room.
#pragma once

#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/room.hpp"

namespace llm::door {

// For a Variable's `get`: the value, copied into the request's pool. False
// when memory is out.
bool give(ngx_http_request_t* r, ngx_http_variable_value_t* v, Bytes text);
bool give(ngx_http_request_t* r, ngx_http_variable_value_t* v,
          int64_t number);
// Seconds with six decimals.
bool give_seconds(ngx_http_request_t* r, ngx_http_variable_value_t* v,
                  int64_t ns);

// What a directive's value comes to, until the variables in it change. One
// that is a variable and nothing else is not put together anew. NGX_OK or
// NGX_ERROR (memory).
ngx_int_t evaluate(ngx_http_request_t* r, ngx_http_complex_value_t* value,
                   ngx_str_t& text);

std::span<const Variable> core_variables();
std::span<const Variable> cache_variables();
std::span<const Variable> metrics_variables();

// Registers every room's variables. NGX_OK or NGX_ERROR.
ngx_int_t add_variables(ngx_conf_t* cf, std::span<const Room* const> rooms);

// Ours are nearly as many as nginx's own: with a handful of the operator's
// it would warn, in the size meant for its own, that it "could not build
// optimal variables_hash". Between nginx's reading of that size and its use,
// that is, in the postconfiguration.
void widen_variables_hash(ngx_conf_t* cf);

}  // namespace llm::door
