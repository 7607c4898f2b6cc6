// The client's body: asked for in a phase, gathered into one piece, replaced
// by an edited one.
#pragma once

#include <string>

#include "ngx_llm_module/context.hpp"

namespace llm::door {

// Starts reading; the phases run again once the body is whole. The value is
// what the phase handler returns.
ngx_int_t ask_for_body(ngx_http_request_t* r, Context& ctx);

// All bytes of a body, from memory or from nginx's temporary file: a view
// into the request's own buffer where it is one piece, otherwise into
// `scratch`. Errc::kIo when the file cannot be read.
Result<Bytes> gather_body(ngx_chain_t* chain, std::string& scratch);

// The client's own, or what has replaced it; nullptr: there is none.
inline ngx_chain_t* body_of(ngx_http_request_t* r) {
    return r->request_body == nullptr ? nullptr : r->request_body->bufs;
}

// The upstream gets body with `edits` applied instead: a large one that stands
// in memory is not copied, it goes out in pieces. `body` is what `client`
// holds, gathered. NGX_OK or NGX_ERROR.
ngx_int_t replace_body(ngx_http_request_t* r, const ngx_chain_t* client,
                       Bytes body, const route::Edits& edits);

}  // namespace llm::door
