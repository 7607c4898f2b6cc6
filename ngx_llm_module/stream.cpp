#include "ngx_llm_module/stream.hpp"

#include <algorithm>
#include <utility>

#include "ngx_llm_module/answer_head.hpp"
#include "ngx_llm_module/headers.hpp"
#include "ngx_llm_module/ladder.hpp"
#include "ngx_llm_module/limits.hpp"
#include "ngx_llm_module/own_error.hpp"
#include "ngx_llm_module/phases.hpp"
#include "ngx_llm_module/reply.hpp"
#include "src/exchange/opening.hpp"

namespace llm::door {
namespace {

constexpr size_t kBufSize = 4096;
constexpr size_t kMostLead = 1024;  // of what is called HTML waits so much
constexpr ngx_int_t kHeld = NGX_AGAIN;  // the head goes with the first bytes

ngx_http_output_header_filter_pt next_header;
ngx_http_output_body_filter_pt next_body;

ngx_buf_tag_t tag() {
    return &ngx_llm_module;
}

// A buffer of our own: an old one whose bytes have left, or a new one. All
// have one size, so that every old one fits.
ngx_chain_t* own_buf(ngx_http_request_t* r, Context& ctx) {
    ngx_chain_t* link = ngx_chain_get_free_buf(r->pool, &ctx.free);
    if (link == nullptr) {
        return nullptr;
    }
    ngx_buf_t* buf = link->buf;
    if (buf->start == nullptr) {
        buf->start = static_cast<u_char*>(ngx_palloc(r->pool, kBufSize));
        if (buf->start == nullptr) {
            return nullptr;
        }
        buf->end = buf->start + kBufSize;
        buf->temporary = 1;
        buf->tag = tag();
    }
    buf->pos = buf->start;
    buf->last = buf->start;
    buf->flush = 1;
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

    bool copy(Bytes bytes) {
        while (!bytes.empty()) {
            ngx_chain_t* link = own_buf(r_, ctx_);
            if (link == nullptr) {
                return false;
            }
            Bytes part = bytes.substr(0, kBufSize);
            link->buf->last =
                ngx_cpymem(link->buf->pos, part.data(), part.size());
            append(link);
            bytes.remove_prefix(part.size());
        }
        return true;
    }

    // A buffer whose bytes were copied counts as sent when the copies are:
    // were it free at once, nginx would read on at the upstream's pace and
    // the copies for a slow client would pile up.
    void hold(ngx_buf_t* buf) {
        ctx_.held.push_back(buf);
    }

    // The end of the answer. nginx raises an alert for an emptied buffer, so
    // the flag travels in a new one.
    bool finish() {
        auto* end = static_cast<ngx_buf_t*>(ngx_calloc_buf(r_->pool));
        if (end == nullptr) {
            return false;
        }
        end->last_buf = 1;
        end->last_in_chain = 1;
        return pass(end);
    }

    ngx_int_t send() {
        ngx_int_t rc = next_body(r_, first_);
        ngx_chain_update_chains(r_->pool, &ctx_.free, &ctx_.busy, &first_,
                                tag());
        if (ctx_.busy == nullptr) {
            for (ngx_buf_t* buf : ctx_.held) {
                buf->pos = buf->last;
                buf->file_pos = buf->file_last;
            }
            ctx_.held.clear();
        }
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
bool edit_buf(Context& ctx, ngx_buf_t* buf, Now at, Output& out) {
    Bytes bytes = bytes_of(buf);
    bool over = ctx.exchange.broken() || ctx.exchange.was_cut();
    if (bytes.empty()) {
        return buf->last_buf || ctx.exchange.was_cut() || out.pass(buf);
    }
    if (over) {
        out.hold(buf);
        return true;
    }
    const std::vector<Bytes>& pieces = ctx.exchange.on_stream(bytes, at);
    if (!buf->last_buf && same(pieces, bytes)) {
        return out.pass(buf);
    }
    for (Bytes piece : pieces) {
        if (!out.copy(piece)) {
            return false;
        }
    }
    out.hold(buf);
    return true;
}

// What the end of the upstream calls for. A broken answer gets no end, so
// that its client does not take it for a whole one.
bool end_stream(ngx_http_request_t* r, Context& ctx, Now at,
                Output& out) {
    if (ctx.exchange.was_cut()) {
        return true;  // it has had its end
    }
    if (!ctx.closed) {
        ctx.closed = true;
        Bytes tail = ctx.exchange.on_eof(true, exchange::End::kComplete, at);
        if (!out.copy(tail)) {
            return false;
        }
    }
    if (ctx.exchange.broken()) {
        r->keepalive = 0;
        return true;
    }
    return out.finish();
}

// The answer was broken off by us while the upstream goes on. nginx ends it
// once all that was sent has left; with buffering only an error stops it.
ngx_int_t stop_upstream(ngx_http_request_t* r, ngx_int_t rc) {
    ngx_http_upstream_t* u = r->upstream;
    if (u == nullptr || u->buffering) {
        return NGX_ERROR;
    }
    u->error = 1;
    return rc;
}

// proxy_cache and proxy_store must not keep the half of an answer, nor what is
// none. nginx has made up its mind by the time that a body comes.
void keep_no_copy(ngx_http_request_t* r) {
    if (r->upstream != nullptr) {
        r->upstream->store = 0;
#if (NGX_HTTP_CACHE)
        r->upstream->cacheable = 0;
#endif
    }
}

// The answer has had its end from us while the upstream goes on: nginx takes
// the upstream's for reached too, and its connection serves no other request.
void finish_upstream(ngx_http_request_t* r) {
    ngx_http_upstream_t* u = r->upstream;
    if (u == nullptr) {
        return;
    }
    u->keepalive = 0;
    if (!u->buffering) {
        u->length = 0;
        return;
    }
    u->pipe->upstream_done = 1;
    keep_no_copy(r);
}

ngx_int_t edit_stream(ngx_http_request_t* r, Context& ctx, ngx_chain_t* in) {
    Output out(r, ctx);
    bool was_broken = ctx.exchange.broken();
    {
        Overhead overhead(ctx);
        for (; in != nullptr; in = in->next) {
            if (!edit_buf(ctx, in->buf, overhead.at(), out)
                || (in->buf->last_buf
                    && !end_stream(r, ctx, overhead.at(), out))) {
                return NGX_ERROR;
            }
        }
    }
    if (ctx.exchange.was_cut()) {
        if (!ctx.closed && !out.finish()) {
            return NGX_ERROR;
        }
        ctx.closed = true;
        ngx_int_t rc = out.send();
        finish_upstream(r);
        return rc;
    }
    ngx_int_t rc = out.send();
    if (ctx.exchange.broken() && !was_broken && !ctx.closed) {
        ctx.closed = true;
        return stop_upstream(r, rc);
    }
    return rc;
}

// True when the answer is whole by its Content-Length. The client will see
// that too, and may ask again before nginx tells us of the end: by then the
// answer must stand in the cache.
bool has_all(Context& ctx, size_t size) {
    if (ctx.awaited < 0) {
        return false;
    }
    ctx.awaited -= static_cast<off_t>(size);
    return ctx.awaited <= 0;
}

void watch_buf(Context& ctx, const ngx_buf_t* buf, Now at) {
    if (ctx.exchange.form() == exchange::Form::kIgnored) {
        ctx.exchange.on_unread(static_cast<uint64_t>(ngx_buf_size(buf)), at);
        return;
    }
    Bytes bytes = bytes_of(buf);
    if (!bytes.empty()) {
        if (ctx.exchange.form() == exchange::Form::kStream) {
            (void) ctx.exchange.on_stream(bytes, at);
        } else {
            ctx.exchange.on_json(bytes, at);
        }
    }
    if (has_all(ctx, bytes.size()) || buf->last_buf) {
        ctx.exchange.on_eof(true, exchange::End::kComplete, at);
    }
}

// A JSON answer was whole before its last buffer came.
bool is_settled(const Context& ctx) {
    return ctx.exchange.form() == exchange::Form::kJson
           && ctx.exchange.ended();
}

void watch(Context& ctx, const ngx_chain_t* in, Now at) {
    for (; in != nullptr; in = in->next) {
        watch_buf(ctx, in->buf, at);
    }
}

// One buffer of an answer that is no stream of events: its model gets another
// name, an error loses our credential. False when memory is out.
bool edit_body_buf(Context& ctx, ngx_buf_t* buf, Output& out) {
    Bytes bytes = bytes_of(buf);
    const std::vector<Bytes>& pieces =
        ctx.exchange.edit_body(bytes, buf->last_buf);
    if (pieces.empty() ? bytes.empty() : same(pieces, bytes)) {
        return out.pass(buf);
    }
    for (Bytes piece : pieces) {
        if (!out.copy(piece)) {
            return false;
        }
    }
    out.hold(buf);
    return !buf->last_buf || out.finish();
}

ngx_int_t edit_body(ngx_http_request_t* r, Context& ctx, ngx_chain_t* in) {
    Output out(r, ctx);
    {
        Overhead overhead(ctx);
        for (; in != nullptr; in = in->next) {
            watch_buf(ctx, in->buf, overhead.at());
            if (!edit_body_buf(ctx, in->buf, out)) {
                return NGX_ERROR;
            }
        }
    }
    return out.send();
}

// An answer that passed unedited and turned out to be cut short.
ngx_int_t send_without_end(ngx_http_request_t* r, Context& ctx,
                           ngx_chain_t* in) {
    r->keepalive = 0;
    Output out(r, ctx);
    for (; in != nullptr; in = in->next) {
        if (in->buf->last_buf && ngx_buf_size(in->buf) == 0) {
            continue;
        }
        in->buf->last_buf = 0;
        if (!out.pass(in->buf)) {
            return NGX_ERROR;
        }
    }
    return out.send();
}

// A page leaves as the client's protocol's error. That is whole, even where
// the page has broken off.
ngx_int_t replace_page(ngx_http_request_t* r, Context& ctx, ngx_chain_t* in) {
    Output out(r, ctx);
    bool last = ctx.closed;
    if (!out.copy(std::exchange(ctx.error_body, {}))) {
        return NGX_ERROR;
    }
    for (; in != nullptr; in = in->next) {
        in->buf->pos = in->buf->last;
        in->buf->file_pos = in->buf->file_last;
        last = last || in->buf->last_buf;
    }
    if (last && !std::exchange(ctx.page_ended, true) && !out.finish()) {
        return NGX_ERROR;
    }
    return out.send();
}

bool is_blank(Bytes text) {
    return text.find_first_not_of(" \t\r\n") == Bytes::npos;
}

// `lead` in front of what comes behind it; nullptr: memory is out.
ngx_chain_t* put_before(ngx_http_request_t* r, Bytes lead, ngx_chain_t* in) {
    ngx_buf_t* buf = ngx_create_temp_buf(r->pool, lead.size());
    ngx_chain_t* link = ngx_alloc_chain_link(r->pool);
    if (buf == nullptr || link == nullptr) {
        return nullptr;
    }
    buf->last = ngx_cpymem(buf->pos, lead.data(), lead.size());
    link->buf = buf;
    link->next = in;
    return link;
}

// A head that calls its body HTML waits for the first bytes that say
// something: NGX_AGAIN while they are not there. They are copied, so that
// nginx can read on. Then they stand at the front of `in`.
ngx_int_t let_head_go(ngx_http_request_t* r, Context& ctx, ngx_chain_t*& in) {
    std::string first = ctx.lead;
    bool last = ctx.closed;
    for (const ngx_chain_t* link = in; link != nullptr; link = link->next) {
        first += bytes_of(link->buf).substr(0, kMostLead - first.size());
        last = last || link->buf->last_buf;
    }
    exchange::OpeningHead head;
    head.status = static_cast<int>(r->headers_out.status);
    head.content_type = view(r->headers_out.content_type);
    head.content_encoding = encoding_of(r);
    exchange::Opening opening = exchange::read_opening(
        head, ctx.exchange.endpoint(), first,
        last || first.size() == kMostLead);
    if (opening.wait) {
        ctx.lead = std::move(first);
        for (ngx_chain_t* link = in; link != nullptr; link = link->next) {
            link->buf->pos = link->buf->last;
        }
        return NGX_AGAIN;
    }
    ctx.head_held = false;
    if (!ctx.lead.empty()) {
        in = put_before(r, std::exchange(ctx.lead, {}), in);
        if (in == nullptr) {
            return NGX_ERROR;
        }
    }
    ngx_int_t rc = NGX_OK;
    if (opening.fault != route::Fault::kNone) {
        rc = head_foreign_page(r, ctx);
    } else if (ctx.closed && is_blank(first)) {
        rc = head_broken_page(r, ctx);
    } else {
        rc = next_header(r);
    }
    bool failed = rc == NGX_ERROR || rc > NGX_OK || r->header_only;
    return failed ? NGX_ERROR : NGX_OK;
}

ngx_int_t body_filter(ngx_http_request_t* r, ngx_chain_t* in) noexcept {
    return guard(r->connection->log, ngx_int_t{NGX_ERROR}, [r, in]() mutable {
        Context* ctx = Context::find(r);
        if (ctx == nullptr || !ctx->headed) {
            return next_body(r, in);
        }
        if (ctx->head_held) {
            ngx_int_t rc = let_head_go(r, *ctx, in);
            if (rc != NGX_OK) {
                return rc == NGX_AGAIN ? NGX_OK : rc;
            }
        }
        if (in == nullptr) {
            return Output(r, *ctx).send();
        }
        if (ctx->own_error) {
            return replace_page(r, *ctx, in);
        }
        hear(*ctx);
        if (ctx->foreign_page) {
            keep_no_copy(r);
            if (!is_settled(*ctx)) {
                watch(*ctx, in, now());
            }
            return replace_page(r, *ctx, in);
        }
        if (ctx->exchange.edits_stream()) {
            return edit_stream(r, *ctx, in);
        }
        if (ctx->exchange.edits_body()) {
            return edit_body(r, *ctx, in);
        }
        if (!is_settled(*ctx)) {
            Overhead overhead(*ctx);
            watch(*ctx, in, overhead.at());
        }
        return ctx->exchange.broken() ? send_without_end(r, *ctx, in)
                                      : next_body(r, in);
    });
}

// Sent on by error_page. nginx sets the flag before it looks for a page, too,
// in a location that has one for whatever status.
bool may_be_page(const ngx_http_request_t* r) {
    return r->error_page && r->uri_changes <= NGX_HTTP_MAX_URI_CHANGES;
}

// nginx has refused the request before we saw it: a body that is too large,
// deny, auth_basic, limit_req.
Context* context_of_refusal(ngx_http_request_t* r) {
    if (r != r->main || may_be_page(r)
        || r->err_status < NGX_HTTP_BAD_REQUEST) {
        return nullptr;
    }
    const CoreLoc& conf = loc_conf(r).core;
    if (conf.mode != kModeOn) {
        return nullptr;
    }
    api::Endpoint endpoint = endpoint_of(r, conf);
    return endpoint == api::Endpoint::kNone
               ? nullptr
               : Context::create(r, endpoint, false, conf.event_max_size);
}

// The location's error_page says it in its own words; when to come back is
// said all the same. One that answers with another status ("=") is no refusal.
ngx_int_t head_error_page(ngx_http_request_t* r, Context& ctx) {
    const auto& denial = ctx.exchange.denial();
    if (!r->error_page || !denial
        || static_cast<int>(r->err_status) != denial->error.status) {
        return NGX_OK;
    }
    ctx.headed = true;
    return add_limit_headers(r, ctx);
}

ngx_int_t header_filter(ngx_http_request_t* r) noexcept {
    ngx_int_t rc = guard(r->connection->log, ngx_int_t{NGX_ERROR}, [r] {
        Context* ctx = Context::find(r);
        if (ctx == nullptr) {
            ctx = context_of_refusal(r);
        }
        if (ctx == nullptr || ctx->headed || ctx->replied) {
            bool anew = ctx != nullptr
                        && std::exchange(ctx->head_anew, false);
            return anew ? add_cache_headers(r, *ctx) : ngx_int_t{NGX_OK};
        }
        Overhead overhead(*ctx);
        ngx_int_t held = hold_back(r, *ctx);
        if (held != NGX_DECLINED) {
            return held;
        }
        if (is_own_error(r, *ctx)) {
            ctx->headed = true;
            return head_own_error(r, *ctx);
        }
        if (!ctx->forwarded) {
            return head_error_page(r, *ctx);
        }
        ctx->headed = true;
        bool html = is_called_html(r, *ctx);
        ngx_int_t rc = head_answer(r, *ctx, overhead.at());
        if (rc == NGX_OK && is_no_answer(r, *ctx)) {
            rc = head_foreign_page(r, *ctx);
            return rc == NGX_OK ? kHeld : rc;  // it has gone
        }
        ctx->head_held = html && rc == NGX_OK
                         && ctx->exchange.form() != exchange::Form::kIgnored;
        return ctx->head_held ? kHeld : rc;
    });
    if (rc == kHeld) {
        return NGX_OK;
    }
    return rc == NGX_OK ? next_header(r) : rc;
}

}  // namespace

void break_off(ngx_http_request_t* r, Context& ctx, ngx_int_t rc) {
    if (ctx.closed) {
        return;
    }
    ctx.closed = true;
    auto how = exchange::End::kUpstreamCut;
    if (rc == NGX_HTTP_GATEWAY_TIME_OUT) {
        how = exchange::End::kTimeout;
    }
    Bytes tail = ctx.exchange.on_eof(false, how, now());
    if (!ctx.exchange.edits_stream() || tail.empty() || ctx.foreign_page
        || ctx.head_held) {
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
