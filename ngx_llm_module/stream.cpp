#include "ngx_llm_module/stream.hpp"

#include <algorithm>

#include "ngx_llm_module/headers.hpp"
#include "ngx_llm_module/ladder.hpp"
#include "ngx_llm_module/reply.hpp"

namespace llm::door {
namespace {

constexpr size_t kBufSize = 4096;

ngx_http_output_header_filter_pt next_header;
ngx_http_output_body_filter_pt next_body;

ngx_buf_tag_t tag() {
    return &ngx_llm_module;
}

// A buffer of our own with room for `size` bytes: an old one whose bytes
// have left, or a new one.
ngx_chain_t* own_buf(ngx_http_request_t* r, Context& ctx, size_t size) {
    for (ngx_chain_t** at = &ctx.free; *at != nullptr; at = &(*at)->next) {
        ngx_buf_t* buf = (*at)->buf;
        if (static_cast<size_t>(buf->end - buf->start) >= size) {
            ngx_chain_t* link = *at;
            *at = link->next;
            link->next = nullptr;
            buf->flush = 0;
            buf->last_buf = 0;
            buf->last_in_chain = 0;
            return link;
        }
    }
    ngx_chain_t* link = ngx_alloc_chain_link(r->pool);
    ngx_buf_t* buf =
        ngx_create_temp_buf(r->pool, std::max(size, kBufSize));
    if (link == nullptr || buf == nullptr) {
        return nullptr;
    }
    buf->tag = tag();
    link->buf = buf;
    link->next = nullptr;
    return link;
}

// Collects what goes on down the filters.
class Output {
public:
    Output(ngx_http_request_t* r, Context& ctx) : r_(r), ctx_(ctx) {}

    bool pass(ngx_buf_t* buf) {
        ngx_chain_t* link = ngx_alloc_chain_link(r_->pool);
        if (link == nullptr) {
            return false;
        }
        link->buf = buf;
        append(link);
        return true;
    }

    // Copies `bytes`: the upstream's buffer is free again at once.
    bool copy(Bytes bytes) {
        if (bytes.empty()) {
            return true;
        }
        ngx_chain_t* link = own_buf(r_, ctx_, bytes.size());
        if (link == nullptr) {
            return false;
        }
        ngx_buf_t* buf = link->buf;
        buf->pos = buf->start;
        buf->last = ngx_cpymem(buf->start, bytes.data(), bytes.size());
        buf->flush = 1;
        append(link);
        return true;
    }

    // The flags of a buffer whose bytes are not passed: nginx raises an alert
    // for an emptied buffer, so they travel in an empty one.
    bool signal(const ngx_buf_t* buf) {
        if (!buf->last_buf && !buf->flush) {
            return true;
        }
        auto* empty = static_cast<ngx_buf_t*>(ngx_calloc_buf(r_->pool));
        if (empty == nullptr) {
            return false;
        }
        empty->last_buf = buf->last_buf;
        empty->last_in_chain = buf->last_in_chain;
        empty->flush = buf->flush;
        return pass(empty);
    }

    ngx_int_t send() {
        ngx_int_t rc = next_body(r_, first_);
        ngx_chain_update_chains(r_->pool, &ctx_.free, &ctx_.busy, &first_,
                                tag());
        return rc;
    }

private:
    void append(ngx_chain_t* link) {
        link->next = nullptr;
        *last_ = link;
        last_ = &link->next;
    }

    ngx_http_request_t* r_;
    Context& ctx_;
    ngx_chain_t* first_ = nullptr;
    ngx_chain_t** last_ = &first_;
};

Bytes bytes_of(const ngx_buf_t* buf) {
    if (!ngx_buf_in_memory(buf)) {
        return {};
    }
    return {reinterpret_cast<const char*>(buf->pos),
            static_cast<size_t>(buf->last - buf->pos)};
}

bool same(const std::vector<Bytes>& pieces, Bytes bytes) {
    return pieces.size() == 1 && pieces[0].data() == bytes.data()
           && pieces[0].size() == bytes.size();
}

// One buffer of a stream. False when memory is out.
bool edit_buf(Context& ctx, ngx_buf_t* buf, Output& out) {
    Bytes bytes = bytes_of(buf);
    if (bytes.empty()) {
        return out.pass(buf);
    }
    const std::vector<Bytes>& pieces = ctx.exchange.on_stream(bytes, now());
    if (same(pieces, bytes)) {
        return out.pass(buf);
    }
    for (Bytes piece : pieces) {
        if (!out.copy(piece)) {
            return false;
        }
    }
    bool ok = out.signal(buf);
    buf->pos = buf->last;
    return ok;
}

ngx_int_t edit_stream(ngx_http_request_t* r, Context& ctx, ngx_chain_t* in) {
    Output out(r, ctx);
    for (; in != nullptr; in = in->next) {
        bool last = in->buf->last_buf;
        if (last && !ctx.closed) {
            // Bytes before the end, then what the end itself calls for.
            in->buf->last_buf = 0;
            bool ok = bytes_of(in->buf).empty()
                      || edit_buf(ctx, in->buf, out);
            in->buf->last_buf = 1;
            ctx.closed = true;
            Bytes tail = ctx.exchange.on_eof(true, exchange::End::kComplete,
                                             now());
            if (!ok || !out.copy(tail)) {
                return NGX_ERROR;
            }
            if (ctx.exchange.broken()) {
                (void) out.send();
                return NGX_ERROR;
            }
            if (!out.signal(in->buf)) {
                return NGX_ERROR;
            }
            continue;
        }
        if (!edit_buf(ctx, in->buf, out)) {
            return NGX_ERROR;
        }
        if (ctx.exchange.broken() && !ctx.closed) {
            ctx.closed = true;
            (void) out.send();
            return NGX_ERROR;
        }
    }
    return out.send();
}

void watch(Context& ctx, const ngx_chain_t* in) {
    for (; in != nullptr; in = in->next) {
        Bytes bytes = bytes_of(in->buf);
        if (!bytes.empty()) {
            if (ctx.exchange.form() == exchange::Form::kStream) {
                (void) ctx.exchange.on_stream(bytes, now());
            } else {
                ctx.exchange.on_json(bytes, now());
            }
        }
        if (in->buf->last_buf) {
            ctx.exchange.on_eof(true, exchange::End::kComplete, now());
        }
    }
}

// nginx's own error page leaves as the client's protocol's error.
ngx_int_t replace_error_page(ngx_http_request_t* r, Context& ctx,
                             ngx_chain_t* in) {
    Output out(r, ctx);
    for (; in != nullptr; in = in->next) {
        in->buf->pos = in->buf->last;
        in->buf->file_pos = in->buf->file_last;
        if (in->buf->last_buf
            && (!out.copy(ctx.error_body) || !out.signal(in->buf))) {
            return NGX_ERROR;
        }
    }
    return out.send();
}

ngx_int_t body_filter(ngx_http_request_t* r, ngx_chain_t* in) noexcept {
    return guard(r->connection->log, ngx_int_t{NGX_ERROR}, [r, in] {
        Context* ctx = in == nullptr ? nullptr : Context::find(r);
        if (ctx == nullptr || !ctx->headed) {
            return next_body(r, in);
        }
        if (ctx->own_error) {
            return replace_error_page(r, *ctx, in);
        }
        if (ctx->exchange.form() == exchange::Form::kIgnored) {
            return next_body(r, in);
        }
        if (ctx->exchange.edits_stream()) {
            return edit_stream(r, *ctx, in);
        }
        {
            Overhead overhead(*ctx);
            watch(*ctx, in);
        }
        return next_body(r, in);
    });
}

bool is_own_error(ngx_http_request_t* r, const Context& ctx) {
    return r->err_status >= NGX_HTTP_BAD_REQUEST && !ctx.replied
           && !ctx.rerouted && !ctx.exchange.observe()
           && !has_error_page(r, static_cast<ngx_int_t>(r->err_status));
}

// What nginx means by a status that it made itself.
Bytes describe(ngx_uint_t status) {
    switch (status) {
    case NGX_HTTP_REQUEST_ENTITY_TOO_LARGE:
        return "The request body is larger than this server takes.";
    case NGX_HTTP_REQUEST_TIME_OUT:
        return "The request did not arrive in time.";
    case NGX_HTTP_BAD_GATEWAY:
        return "The upstream could not be reached or sent no valid answer.";
    case NGX_HTTP_SERVICE_UNAVAILABLE:
        return "No upstream is available at the moment.";
    case NGX_HTTP_GATEWAY_TIME_OUT:
        return "The upstream did not answer in time.";
    default:
        return status >= NGX_HTTP_INTERNAL_SERVER_ERROR
                   ? "The server could not handle the request."
                   : "The request was refused.";
    }
}

ngx_int_t head_own_error(ngx_http_request_t* r, Context& ctx) {
    ctx.own_error = true;
    auto family = api::family_of(ctx.exchange.endpoint());
    api::ApiError error;
    error.status = static_cast<int>(r->err_status);
    error.message = describe(r->err_status);
    ctx.error_body = api::error_body(family, error, "");
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = nullptr;
    ngx_http_clear_content_length(r);
    r->headers_out.content_length_n =
        static_cast<off_t>(ctx.error_body.size());
    return add_cache_headers(r, ctx);
}

ngx_int_t head_answer(ngx_http_request_t* r, Context& ctx) {
    exchange::ResponseHead head;
    head.status = static_cast<int>(r->headers_out.status);
    head.content_type = view(r->headers_out.content_type);
    if (r->headers_out.content_encoding != nullptr) {
        head.content_encoding = view(r->headers_out.content_encoding->value);
    }
    ctx.exchange.on_head(head, now());
    watch_upstream_end(r, ctx);
    if (ctx.exchange.form() != exchange::Form::kIgnored) {
        r->filter_need_in_memory = 1;
    }
    if (ctx.exchange.observe()) {
        return NGX_OK;
    }
    if (ctx.exchange.edits_stream()) {
        ngx_http_clear_content_length(r);
        ngx_http_clear_accept_ranges(r);
        ngx_http_upstream_t* u = r->upstream;
        // Event by event, with the client's pace as the upstream's. Legal
        // here: nginx looks at the flag after the header is sent.
        if (u != nullptr && !u->store
#if (NGX_HTTP_CACHE)
            && !u->cacheable
#endif
        ) {
            u->buffering = 0;
        }
    }
    return add_cache_headers(r, ctx);
}

ngx_int_t header_filter(ngx_http_request_t* r) noexcept {
    ngx_int_t rc = guard(r->connection->log, ngx_int_t{NGX_ERROR}, [r] {
        Context* ctx = Context::find(r);
        if (ctx == nullptr || ctx->headed) {
            return ngx_int_t{NGX_OK};
        }
        Overhead overhead(*ctx);
        if (is_own_error(r, *ctx)) {
            ctx->headed = true;
            return head_own_error(r, *ctx);
        }
        if (!ctx->forwarded) {
            return ngx_int_t{NGX_OK};
        }
        ctx->headed = true;
        return head_answer(r, *ctx);
    });
    return rc == NGX_OK ? next_header(r) : rc;
}

}  // namespace

void break_off(ngx_http_request_t* r, Context& ctx, ngx_int_t rc) {
    if (ctx.closed) {
        return;
    }
    ctx.closed = true;
    auto how = rc == NGX_HTTP_GATEWAY_TIME_OUT ? exchange::End::kTimeout
                                               : exchange::End::kUpstreamCut;
    Bytes tail = ctx.exchange.on_eof(false, how, now());
    if (!ctx.exchange.edits_stream() || tail.empty()) {
        return;
    }
    Output out(r, ctx);
    if (out.copy(tail)) {
        (void) out.send();
    }
}

void add_filters() {
    next_header = ngx_http_top_header_filter;
    ngx_http_top_header_filter = header_filter;
    next_body = ngx_http_top_body_filter;
    ngx_http_top_body_filter = body_filter;
}

}  // namespace llm::door
