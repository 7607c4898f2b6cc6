#include "ngx_llm_module/ladder.hpp"

#include "ngx_llm_module/stream.hpp"

namespace llm::door {
namespace {

// One code for each cause of a failure. nginx has several: with buffering
// both a stalled client and a stalled upstream end in other codes than
// without.
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

void on_upstream_end(ngx_http_request_t* r, ngx_int_t rc) noexcept {
    guard(r->connection->log, [r, rc] {
        Context* ctx = Context::find(r);
        if (ctx == nullptr || ctx->upstream_finalize == nullptr) {
            return;
        }
        ctx->upstream_finalize(r, rc);
        bool failed = rc == NGX_ERROR || rc >= NGX_HTTP_SPECIAL_RESPONSE;
        ctx->upstream_rc = failed ? cause_of(r, rc) : rc;
        if (failed && ctx->headed
            && ctx->upstream_rc != NGX_HTTP_CLIENT_CLOSED_REQUEST) {
            break_off(r, *ctx, ctx->upstream_rc);
        }
    });
}

}  // namespace

void watch_upstream_end(ngx_http_request_t* r, Context& ctx) {
    ngx_http_upstream_t* u = r->upstream;
    if (u == nullptr || u->finalize_request == nullptr
        || u->finalize_request == on_upstream_end) {
        return;
    }
    ctx.upstream_finalize = u->finalize_request;
    u->finalize_request = on_upstream_end;
}

exchange::End end_without_answer(ngx_http_request_t* r) {
    const ngx_http_upstream_t* u = r->upstream;
    if (u != nullptr && u->state != nullptr && u->state->bytes_received > 0) {
        return exchange::End::kUpstreamInvalid;
    }
    // Only a model that has the prompt can have worked on it.
    bool asked = u != nullptr && u->request_sent;
    return asked && r->err_status == NGX_HTTP_GATEWAY_TIME_OUT
               ? exchange::End::kTimeout
               : exchange::End::kUnreachable;
}

}  // namespace llm::door
