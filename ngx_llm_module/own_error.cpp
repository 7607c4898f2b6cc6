#include "ngx_llm_module/own_error.hpp"

#include "ngx_llm_module/outcome.hpp"
#include "ngx_llm_module/reply.hpp"
#include "src/exchange/media_type.hpp"
#include "src/exchange/opening.hpp"

namespace llm::door {
namespace {

// What nginx means by a status that it made itself. `asked`: of an upstream,
// else by a limit of its own, say.
Bytes describe(ngx_uint_t status, bool asked) {
    switch (status) {
    case NGX_HTTP_REQUEST_ENTITY_TOO_LARGE:
        return "The request body is larger than this server takes.";
    case NGX_HTTP_REQUEST_TIME_OUT:
        return "The request did not arrive in time.";
    case NGX_HTTP_TOO_MANY_REQUESTS:
        return "There are too many requests at the moment; try again later.";
    case NGX_HTTP_BAD_GATEWAY:
        return "The upstream could not be reached or sent no valid answer.";
    case NGX_HTTP_SERVICE_UNAVAILABLE:
        return asked ? "No upstream is available at the moment."
                     : "The server takes no request like this at the "
                       "moment; try again later.";
    case NGX_HTTP_GATEWAY_TIME_OUT:
        return "The upstream did not answer in time.";
    default:
        return status >= NGX_HTTP_INTERNAL_SERVER_ERROR
                   ? "The server could not handle the request."
                   : "The request was refused.";
    }
}

// What stands in the place of an answer that is none.
Bytes describe_none(ngx_uint_t status) {
    return exchange::sends_elsewhere(static_cast<int>(status))
               ? "The upstream sent the request elsewhere instead of "
                 "answering it."
               : describe(NGX_HTTP_BAD_GATEWAY, true);
}

// The body of error_body takes the page's place, and so does its head.
void put_error(ngx_http_request_t* r, Context& ctx, ngx_uint_t status,
               Bytes message) {
    api::ApiError error;
    error.status = static_cast<int>(status);
    error.message = message;
    ctx.error_body = api::error_body(
        api::family_of(ctx.exchange.endpoint()), error, "");
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = nullptr;
    ngx_http_clear_content_length(r);
    r->headers_out.content_length_n =
        static_cast<off_t>(ctx.error_body.size());
}

// Where error_page has sent the request to, nginx asks for no further page:
// what fails there has none.
bool fails_behind_page(const ngx_http_request_t* r, const Context& ctx) {
    return r->error_page && ctx.forwarded && !r->cached
           && r->upstream != nullptr && r->upstream->cleanup == nullptr;
}

// An error in the place of the upstream's head. What nginx's own modules have
// put there was for that one: they are asked again, so that "always" headers
// stand here as in any error.
ngx_int_t put_instead(ngx_http_request_t* r, Context& ctx, ngx_uint_t status,
                      Bytes message) {
    ctx.foreign_page = true;
    ctx.head_anew = true;
    restore_version(r);
    if (r->upstream != nullptr) {
        r->upstream->upgrade = 0;  // by a 101 that does not leave
    }
    ctx.rung.head.restore(r);  // its cookies, say, are no client's of ours
    r->headers_out.status = status;
    put_error(r, ctx, status, message);
    return ngx_http_send_header(r);
}

}  // namespace

void restore_version(ngx_http_request_t* r) {
    constexpr Bytes kForm = "HTTP/1.1";
    Bytes said = view(r->http_protocol);
    if (r->http_version == NGX_HTTP_VERSION_9
        && said.size() == kForm.size()) {
        r->http_version = static_cast<ngx_uint_t>((said[5] - '0') * 1000
                                                  + (said[7] - '0'));
    }
}

bool is_answer_of_page(const ngx_http_request_t* r) {
    return r->error_page && r->err_status != 0 && !r->filter_finalize
           && r->upstream != nullptr && r->upstream->cleanup != nullptr;
}

bool is_own_error(ngx_http_request_t* r, const Context& ctx) {
    return r->err_status >= NGX_HTTP_BAD_REQUEST && !ctx.replied
           && !ctx.rerouted && !ctx.exchange.observe()
           && !is_answer_of_page(r)
           && (fails_behind_page(r, ctx)
               || !has_error_page(r, static_cast<ngx_int_t>(r->err_status)));
}

ngx_int_t head_own_error(ngx_http_request_t* r, Context& ctx) {
    ctx.own_error = true;
    ctx.exchange.end(ctx.forwarded ? end_without_answer(r)
                                   : exchange::End::kRefused,
                     now());
    put_error(r, ctx, r->err_status, describe(r->err_status, ctx.forwarded));
    return add_cache_headers(r, ctx);
}

// A page of error_page's that no upstream is asked for: one that is, is bound
// to be cleaned up behind.
bool is_own_page(const ngx_http_request_t* r) {
    return r->error_page && !r->cached
           && (r->upstream == nullptr || r->upstream->cleanup == nullptr);
}

bool is_called_html(ngx_http_request_t* r, const Context& ctx) {
    return r->headers_out.status >= NGX_HTTP_OK
           && r->headers_out.status < NGX_HTTP_SPECIAL_RESPONSE
           && r->upstream != nullptr && !ctx.rerouted && !ctx.foreign
           && !ctx.exchange.observe() && !is_own_page(r)
           && exchange::is_html(view(r->headers_out.content_type));
}

// One of nginx's own comes when the upstream is gone.
bool is_no_answer(ngx_http_request_t* r, const Context& ctx) {
    return exchange::is_none(static_cast<int>(r->headers_out.status))
           && r->upstream != nullptr
           && (r->cached || r->upstream->cleanup != nullptr)
           && !ctx.rerouted && !ctx.foreign && !ctx.exchange.observe();
}

ngx_int_t head_foreign_page(ngx_http_request_t* r, Context& ctx) {
    return put_instead(
        r, ctx, NGX_HTTP_BAD_GATEWAY,
        is_no_answer(r, ctx)
            ? describe_none(r->headers_out.status)
            : "The upstream sent a page of HTML instead of an answer.");
}

ngx_int_t head_broken_page(ngx_http_request_t* r, Context& ctx) {
    ngx_uint_t status = ctx.upstream_rc == NGX_HTTP_GATEWAY_TIME_OUT
                            ? NGX_HTTP_GATEWAY_TIME_OUT
                            : NGX_HTTP_BAD_GATEWAY;
    return put_instead(r, ctx, status, describe(status, true));
}

}  // namespace llm::door
