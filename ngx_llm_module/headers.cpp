#include "ngx_llm_module/headers.hpp"

namespace llm::door {

Bytes request_header(ngx_http_request_t* r, Bytes lower_name) {
    Bytes found;
    bool first = true;
    each_request_header(r, lower_name, [&](Bytes value) {
        if (first) {
            found = value;
            first = false;
        }
    });
    return found;
}

void ask_for_plain_answer(ngx_http_request_t* r) {
#if (NGX_HTTP_GZIP)
    if (r->headers_in.accept_encoding == nullptr) {
        return;
    }
    // Remembers in the request whether the client takes gzip; the header is
    // not looked at again.
    (void) ngx_http_gzip_ok(r);
#endif
    each_header(r->headers_in.headers, [](ngx_table_elt_t& header) {
        if (equals_ignore_case(view(header.key), "accept-encoding")) {
            header.value = immortal("identity");
        }
    });
}

void forget_conditions(ngx_http_request_t* r) {
    r->headers_in.if_match = nullptr;
    r->headers_in.if_none_match = nullptr;
    r->headers_in.if_modified_since = nullptr;
    r->headers_in.if_unmodified_since = nullptr;
}

ngx_int_t push_header(ngx_http_request_t* r, Bytes name, ngx_str_t value) {
    auto* header = static_cast<ngx_table_elt_t*>(
        ngx_list_push(&r->headers_out.headers));
    if (header == nullptr) {
        return NGX_ERROR;
    }
    *header = ngx_table_elt_t{};
    header->hash = 1;
    header->key = immortal(name);
    header->value = value;
    return NGX_OK;
}

ngx_int_t add_header(ngx_http_request_t* r, Bytes name, Bytes value) {
    ngx_str_t copy = copy_to(r->pool, value);
    return copy.data == nullptr ? NGX_ERROR : push_header(r, name, copy);
}

}  // namespace llm::door
