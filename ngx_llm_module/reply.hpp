// What we answer ourselves: hits out of the cache, and errors in the
// client's protocol.
#pragma once

#include "ngx_llm_module/context.hpp"

namespace llm::door {

// The content handler of a hit.
ngx_int_t send_reply(ngx_http_request_t* r) noexcept;

// Sends the error, finalizes the request and returns NGX_DONE; where the
// location has an error_page for it, returns its status and finalizes
// nothing, as after a failure (500). For a phase handler to return.
ngx_int_t refuse(ngx_http_request_t* r, Context& ctx,
                 const api::ApiError& error);

// Sends `body` with this status and type as the whole answer.
ngx_int_t send_body(ngx_http_request_t* r, ngx_uint_t status,
                    Bytes content_type, Bytes body);

// The headers of an answer that passed or might pass the cache: Cache-Status,
// Age, Cache-Control, Server-Timing.
ngx_int_t add_cache_headers(ngx_http_request_t* r, Context& ctx);

bool has_error_page(ngx_http_request_t* r, ngx_int_t status);

// Memory for the exchange out of the request's pool.
exchange::Allocator pool_allocator(ngx_pool_t* pool);

}  // namespace llm::door
