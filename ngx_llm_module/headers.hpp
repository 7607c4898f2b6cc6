// Request and response headers, over the differences between nginx versions
// (single pointers, arrays, linked lists): we go through the lists alone.
#pragma once

#include "ngx_llm_module/boundary.hpp"

namespace llm::door {

// The first request header of that name (lower case), "" when absent.
Bytes request_header(ngx_http_request_t* r, Bytes lower_name);

// Calls `visit(value)` for each request header of that name (lower case).
template <typename F>
void each_request_header(ngx_http_request_t* r, Bytes lower_name, F&& visit);

// Keeps the upstream from encoding what we have to read, and the client's
// right to an answer that nginx encodes for it.
void ask_for_plain_answer(ngx_http_request_t* r);

// Conditions are for GET: by them nginx would keep back an answer that has been
// made and paid for, where proxy_cache stands.
void forget_conditions(ngx_http_request_t* r);

// Adds a response header. `name` must be immortal, `value` live as long as
// the request.
ngx_int_t push_header(ngx_http_request_t* r, Bytes name, ngx_str_t value);

// The same; `value` is copied.
ngx_int_t add_header(ngx_http_request_t* r, Bytes name, Bytes value);

template <typename F>
void each_header(ngx_list_t& list, F&& visit) {
    for (ngx_list_part_t* part = &list.part; part != nullptr;
         part = part->next) {
        auto* elements = static_cast<ngx_table_elt_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            visit(elements[i]);
        }
    }
}

template <typename F>
void each_request_header(ngx_http_request_t* r, Bytes lower_name, F&& visit) {
    each_header(r->headers_in.headers, [&](ngx_table_elt_t& header) {
        if (equals_ignore_case(view(header.key), lower_name)) {
            visit(view(header.value));
        }
    });
}

}  // namespace llm::door
