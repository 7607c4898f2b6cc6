#include "ngx_llm_module/reply.hpp"

#include <charconv>

#include <algorithm>

#include "ngx_llm_module/headers.hpp"
#include "ngx_llm_module/limits.hpp"
#include "ngx_llm_module/zone.hpp"

namespace llm::door {
namespace {

constexpr Bytes kJson = "application/json";
constexpr size_t kAtOnce = size_t{64} << 10;  // the kernel takes it in one go

// A header's value while it is written; what does not fit is left out.
class Value {
public:
    Value& operator+=(Bytes text) {
        size_ += text.copy(text_ + size_, sizeof(text_) - size_);
        return *this;
    }
    Value& operator+=(int64_t number) {
        auto end = std::to_chars(text_ + size_, text_ + sizeof(text_), number);
        size_ = static_cast<size_t>(end.ptr - text_);
        return *this;
    }
    Bytes view() const { return {text_, size_}; }

private:
    char text_[128];
    size_t size_ = 0;
};

char* allocate(void* pool, size_t size) {
    return static_cast<char*>(ngx_palloc(static_cast<ngx_pool_t*>(pool),
                                         size));
}

// Why the request went on to the upstream (RFC 9211, section 2.2).
Bytes forward_reason(const exchange::Exchange& exchange) {
    using exchange::CacheStatus;
    if (exchange.cache_reason().starts_with("client:")) {
        return "fwd=request";
    }
    switch (exchange.cache_status()) {
    case CacheStatus::kBypass:
        return "fwd=bypass";
    case CacheStatus::kExpired:
    case CacheStatus::kStale:
        return "fwd=stale";
    default:
        return "fwd=miss";
    }
}

// RFC 9211: how the cache handled the request. A head leaves before its
// answer is whole: "stored" says what is done with it once it is.
Value cache_status_value(const Context& ctx) {
    const exchange::Exchange& exchange = ctx.exchange;
    Value value;
    value += "ngx_llm; ";
    if (ctx.replied) {
        value += "hit; ttl=";
        value += exchange.reply().ttl_s;
        if (!exchange.reply().detail.empty()) {
            value += "; detail=";
            value += exchange.reply().detail;
        }
        return value;
    }
    if (!ctx.forwarded) {
        return value += exchange.cache_reason() == "client:only_if_cached"
                            ? "detail=ONLY_IF_CACHED"
                            : "detail=REFUSED";
    }
    value += forward_reason(exchange);
    bool readable = exchange.form() != exchange::Form::kIgnored;
    if (exchange.will_store() && readable) {
        value += "; stored";
    }
    return value;
}

// An answer that belongs to one tenant must not be shared downstream,
// whatever its provider thinks of it; what is stricter stays.
ngx_int_t mark_private(ngx_http_request_t* r) {
    exchange::ClientControl control;
    each_header(r->headers_out.headers, [&](ngx_table_elt_t& header) {
        if (header.hash != 0
            && equals_ignore_case(view(header.key), "cache-control")) {
            control.read(view(header.value));
            header.hash = 0;
        }
    });
    if (control.no_store) {
        return add_header(r, "Cache-Control", "private, no-store");
    }
    return add_header(r, "Cache-Control",
                      control.no_cache ? Bytes("private, no-cache")
                                       : Bytes("private"));
}

ngx_int_t add_server_timing(ngx_http_request_t* r, const Context& ctx) {
    char text[64];
    auto microseconds = ctx.exchange.overhead_ns() / 1000;
    u_char* end = ngx_snprintf(reinterpret_cast<u_char*>(text), sizeof(text),
                               "llm;dur=%L.%03L", microseconds / 1000,
                               microseconds % 1000);
    return add_header(
        r, "Server-Timing",
        Bytes(text, static_cast<size_t>(end - reinterpret_cast<u_char*>(
                                                  text))));
}

// The SDKs show this id to their users; ours says that no provider made it.
ngx_int_t add_request_id(ngx_http_request_t* r, api::Family family,
                         Bytes id) {
    Bytes name = family == api::Family::kAnthropic ? Bytes("request-id")
                                                   : Bytes("x-request-id");
    return add_header(r, name, id);
}

ngx_int_t send_head(ngx_http_request_t* r, ngx_uint_t status,
                    Bytes content_type, size_t size) {
    r->headers_out.status = status;
    r->headers_out.content_type = immortal(content_type);
    // Without parameters: it is what gzip_types and their like are held to.
    r->headers_out.content_type_len =
        std::min(content_type.find(';'), content_type.size());
    r->headers_out.content_type_lowcase = nullptr;
    r->headers_out.content_length_n = static_cast<off_t>(size);
    ngx_http_clear_last_modified(r);
    r->disable_not_modified = 1;  // conditions are for GET and HEAD
    ngx_http_clear_accept_ranges(r);
    return ngx_http_send_header(r);
}

// Who has the whole answer may ask again at once, on another worker, before
// this one logs the request: its place of concurrency= is free by then.
void leave_place(Context& ctx, size_t size) {
    exchange::Spending* spending = ctx.exchange.spending();
    if (spending != nullptr && size <= kAtOnce) {
        spending->end(false, now());
    }
}

ngx_int_t reply(ngx_http_request_t* r, Context& ctx) {
    const exchange::Reply& hit = ctx.exchange.reply();
    if (add_cache_headers(r, ctx) != NGX_OK
        || add_header(r, "X-LLM-Entry", hit.entry_id) != NGX_OK
        || add_request_id(
               r, api::family_of(ctx.exchange.endpoint()),
               next_request_id())
               != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    ngx_int_t rc =
        send_head(r, NGX_HTTP_OK, hit.content_type, hit.body.size());
    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }
    auto* buf = static_cast<ngx_buf_t*>(ngx_calloc_buf(r->pool));
    if (buf == nullptr) {
        return NGX_ERROR;
    }
    buf->pos = immortal(hit.body).data;
    buf->last = buf->pos + hit.body.size();
    buf->start = buf->pos;
    buf->end = buf->last;
    buf->memory = 1;
    buf->last_buf = 1;
    buf->last_in_chain = 1;
    leave_place(ctx, hit.body.size());
    ngx_chain_t out = {buf, nullptr};
    return ngx_http_output_filter(r, &out);
}

}  // namespace

exchange::Allocator pool_allocator(ngx_pool_t* pool) {
    return {pool, allocate};
}

bool has_error_page(ngx_http_request_t* r, ngx_int_t status) {
    auto* core = static_cast<ngx_http_core_loc_conf_t*>(
        ngx_http_get_module_loc_conf(r, ngx_http_core_module));
    if (core->error_pages == nullptr) {
        return false;
    }
    auto* pages = static_cast<ngx_http_err_page_t*>(core->error_pages->elts);
    for (ngx_uint_t i = 0; i < core->error_pages->nelts; i++) {
        if (pages[i].status == status) {
            return true;
        }
    }
    return false;
}

ngx_int_t add_cache_headers(ngx_http_request_t* r, Context& ctx) {
    const exchange::Exchange& exchange = ctx.exchange;
    const LocConf& conf = loc_conf(r);
    if (exchange.cache_status() != exchange::CacheStatus::kNone) {
        if (add_header(r, "Cache-Status", cache_status_value(ctx).view())
            != NGX_OK) {
            return NGX_ERROR;
        }
        if (ctx.tenant_scoped && conf.cache.mark_private
            && mark_private(r) != NGX_OK) {
            return NGX_ERROR;
        }
    }
    if (ctx.replied) {
        Value age;
        age += exchange.reply().age_s;
        if (add_header(r, "Age", age.view()) != NGX_OK) {
            return NGX_ERROR;
        }
    }
    if (add_limit_headers(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }
    return conf.core.server_timing ? add_server_timing(r, ctx) : NGX_OK;
}

ngx_int_t send_reply(ngx_http_request_t* r) noexcept {
    return guard(r->connection->log,
                 ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR}, [r] {
                     Context* ctx = Context::find(r);
                     if (ctx == nullptr) {
                         return ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR};
                     }
                     Overhead overhead(*ctx);
                     return reply(r, *ctx);
                 });
}

ngx_int_t send_body(ngx_http_request_t* r, ngx_uint_t status,
                    Bytes content_type, Bytes body) {
    ngx_str_t type = immortal(content_type);
    ngx_http_complex_value_t value;
    ngx_memzero(&value, sizeof(value));
    value.value = copy_to(r->pool, body);
    if (value.value.data == nullptr) {
        return NGX_ERROR;
    }
    return ngx_http_send_response(r, status, &type, &value);
}

ngx_int_t refuse(ngx_http_request_t* r, Context& ctx,
                 const api::ApiError& error) {
    if (has_error_page(r, error.status) && !r->error_page
        && r->uri_changes != 0) {
        return error.status;
    }
    // Who comes by an error_page is refused for what is refused here.
    r->err_status = 0;
    auto family = api::family_of(ctx.exchange.endpoint());
    std::string id = next_request_id();
    if (add_cache_headers(r, ctx) != NGX_OK
        || add_request_id(r, family, id) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    ctx.exchange.end(exchange::End::kRefused, now());
    ngx_int_t rc =
        send_body(r, static_cast<ngx_uint_t>(error.status), kJson,
                  api::error_body(family, error, id));
    ngx_http_finalize_request(r, rc);
    return NGX_DONE;
}

}  // namespace llm::door
