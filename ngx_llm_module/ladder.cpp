#include "ngx_llm_module/ladder.hpp"

#include "ngx_llm_module/stream.hpp"

namespace llm::door {
namespace {

void on_upstream_end(ngx_http_request_t* r, ngx_int_t rc) noexcept {
    guard(r->connection->log, [r, rc] {
        Context* ctx = Context::find(r);
        if (ctx == nullptr || ctx->upstream_finalize == nullptr) {
            return;
        }
        ctx->upstream_finalize(r, rc);
        ctx->upstream_rc = rc;
        bool failed = rc == NGX_ERROR || rc >= NGX_HTTP_SPECIAL_RESPONSE;
        if (failed && rc != NGX_HTTP_CLIENT_CLOSED_REQUEST && ctx->headed
            && !r->connection->error) {
            break_off(r, *ctx, rc);
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

}  // namespace llm::door
