#include "ngx_llm_module/answer_head.hpp"

#include <algorithm>

#include "ngx_llm_module/headers.hpp"
#include "ngx_llm_module/ladder.hpp"
#include "ngx_llm_module/own_error.hpp"
#include "ngx_llm_module/provider.hpp"
#include "ngx_llm_module/reply.hpp"
#include "src/exchange/opening.hpp"

namespace llm::door {
namespace {

// A head there was none, but an answer.
constexpr int kNoHttp = 1;

// nginx is going to send a part of the answer, and we see no more of it.
bool is_asked_in_part(const ngx_http_request_t* r) {
    return r->allow_ranges && r->headers_in.range != nullptr;
}

// Out of proxy_cache, and no provider is asked for another one behind it.
bool is_bought_before(const ngx_http_request_t* r) {
#if (NGX_HTTP_CACHE)
    if (!r->cached || r->upstream == nullptr
        || (r->cache != nullptr && r->cache->background)) {
        return false;
    }
    switch (r->upstream->cache_status) {
    case NGX_HTTP_CACHE_HIT:
    case NGX_HTTP_CACHE_STALE:
    case NGX_HTTP_CACHE_UPDATING:
    case NGX_HTTP_CACHE_REVALIDATED: return true;
    default: break;
    }
#endif
    return false;
}

// By limit_rate, $limit_rate or X-Accel-Limit-Rate. Such an answer goes on by
// a timer, which nginx deletes where nothing is buffered and it waits for the
// upstream (1.22), so that the answer would never end.
bool is_rate_limited(ngx_http_request_t* r) {
    auto* core = static_cast<ngx_http_core_loc_conf_t*>(
        ngx_http_get_module_loc_conf(r, ngx_http_core_module));
    size_t rate = r->limit_rate_set
                      ? r->limit_rate
                      : ngx_http_complex_value_size(r, core->limit_rate, 0);
    return rate > 0;
}

}  // namespace

Bytes encoding_of(const ngx_http_request_t* r) {
    const ngx_table_elt_t* header = r->headers_out.content_encoding;
    return header == nullptr ? Bytes() : view(header->value);
}

ngx_int_t head_answer(ngx_http_request_t* r, Context& ctx, Now at) {
    exchange::ResponseHead head;
    ngx_uint_t status = is_answer_of_page(r) ? r->upstream->headers_in.status_n
                                             : r->headers_out.status;
    head.status = std::max(static_cast<int>(status), kNoHttp);
    if (ctx.exchange.observe() && is_asked_in_part(r)) {
        head.status = NGX_HTTP_PARTIAL_CONTENT;
    }
    head.content_type = view(r->headers_out.content_type);
    head.content_encoding = encoding_of(r);
    head.content_length = r->headers_out.content_length_n;
    head.bought_before = is_bought_before(r);
    head.own_page = is_own_page(r);
    if (ctx.rerouted) {
        ctx.exchange.reroute();
    }
    conceal_key(r, ctx);
    ctx.exchange.on_head(head, at);
    if (head.status == exchange::kEarlyHints && !ctx.exchange.observe()) {
        // The client reads the next head in what nginx takes for the body:
        // whatever stands behind that answer is none to his next request.
        r->keepalive = 0;
    }
    mask_head(r, ctx);
    ctx.awaited = r->headers_out.content_length_n;
    watch_upstream_end(r, ctx);
    begin_answer(r, ctx);
    if (ctx.exchange.form() != exchange::Form::kIgnored
        || ctx.exchange.edits_body()) {
        r->filter_need_in_memory = 1;
    }
    if (ctx.exchange.observe()) {
        return NGX_OK;
    }
    // A part of an answer is for GET; nginx would cut it out before we read.
    ngx_http_clear_accept_ranges(r);
    if (ctx.exchange.edits_stream() || ctx.exchange.renames_json()) {
        ngx_http_clear_content_length(r);
        ngx_http_clear_etag(r);
    }
    if (ctx.exchange.edits_stream()) {
        ngx_http_upstream_t* u = r->upstream;
        // Event by event, with the client's pace as the upstream's. Legal
        // here: nginx looks at the flag after the header is sent.
        if (u != nullptr && !u->store && !is_rate_limited(r)
#if (NGX_HTTP_CACHE)
            && !u->cacheable
#endif
        ) {
            u->buffering = 0;
        }
    }
    return add_cache_headers(r, ctx);
}

}  // namespace llm::door
