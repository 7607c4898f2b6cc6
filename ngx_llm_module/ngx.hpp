// The only include of nginx headers in the tree. They have no extern "C" of
// their own.
#pragma once

extern "C" {
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

extern ngx_module_t ngx_llm_module;
}
