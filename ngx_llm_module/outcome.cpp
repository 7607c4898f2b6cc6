#include "ngx_llm_module/outcome.hpp"

#include "ngx_llm_module/headers.hpp"
#include "src/route/reset_time.hpp"

namespace llm::door {
namespace {

using route::Fault;

Bytes upstream_header(ngx_http_upstream_t* u, Bytes lower_name) {
    Bytes found;
    each_header(u->headers_in.headers, [&](ngx_table_elt_t& header) {
        if (equals_ignore_case(view(header.key), lower_name)) {
            found = view(header.value);
        }
    });
    return found;
}

}  // namespace

ngx_int_t cause_of(ngx_http_request_t* r, ngx_int_t rc) {
    ngx_http_upstream_t* u = r->upstream;
    if (rc == NGX_HTTP_REQUEST_TIME_OUT || r->connection->error
        || (u->pipe != nullptr && u->pipe->downstream_error)) {
        return NGX_HTTP_CLIENT_CLOSED_REQUEST;
    }
    ngx_connection_t* peer = u->peer.connection;
    if (peer != nullptr && peer->read->timedout) {
        return NGX_HTTP_GATEWAY_TIME_OUT;
    }
    return rc == NGX_ERROR ? ngx_int_t{NGX_HTTP_BAD_GATEWAY} : rc;
}

Fault fault_of_end(ngx_http_request_t* r, const RungState& rung,
                   ngx_int_t cause) {
    const ngx_http_upstream_t* u = r->upstream;
    switch (cause) {
    case NGX_HTTP_CLIENT_CLOSED_REQUEST:
        return Fault::kClientGone;
    case NGX_HTTP_GATEWAY_TIME_OUT:
        return Fault::kTimeout;
    case NGX_HTTP_INTERNAL_SERVER_ERROR:
        return Fault::kNone;  // ours: no other upstream mends it
    default:
        break;
    }
    bool heard = u->state != nullptr && u->state->bytes_received > 0;
    if (heard && !rung.head_read) {
        return Fault::kInvalid;
    }
    return u->request_sent ? Fault::kCut : Fault::kConnect;
}

exchange::OpeningHead head_of(ngx_http_upstream_t* u) {
    exchange::OpeningHead head;
    head.status = static_cast<int>(u->headers_in.status_n);
    if (u->headers_in.content_type != nullptr) {
        head.content_type = view(u->headers_in.content_type->value);
    }
    head.content_encoding = upstream_header(u, "content-encoding");
    head.chunked = u->headers_in.chunked;
    head.content_length = u->headers_in.content_length_n;
    return head;
}

std::optional<int64_t> wait_of(ngx_http_upstream_t* u, Now at) {
    route::ResetTimes times;
    each_header(u->headers_in.headers, [&](ngx_table_elt_t& header) {
        (void) times.add(view(header.key), view(header.value));
    });
    bool limited = u->headers_in.status_n == NGX_HTTP_TOO_MANY_REQUESTS;
    return limited ? times.wait(at) : times.asked(at);
}

exchange::End end_without_answer(ngx_http_request_t* r) {
    const ngx_http_upstream_t* u = r->upstream;
    // Only a model that has the prompt can have worked on it.
    bool asked = u != nullptr && u->request_sent;
    if (asked && r->err_status == NGX_HTTP_GATEWAY_TIME_OUT) {
        return exchange::End::kTimeout;
    }
    bool heard = u != nullptr && u->state != nullptr
                 && u->state->bytes_received > 0;
    return heard ? exchange::End::kUpstreamInvalid
                 : exchange::End::kUnreachable;
}

}  // namespace llm::door
