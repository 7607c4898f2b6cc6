// The ladder at the door: one request, several attempts, each by the
// location's own proxy_pass. Where we lean on the insides of nginx's
// upstream, the same from 1.22 to 1.31. The reasons:
//
// process_header, a callback of the upstream's protocol module, is called
// when there are bytes of an answer's head. Wrapped, it goes on asking for
// more until the beginning of the body is there too, so that an error can be
// told from an answer before anything has gone to the client. What it has
// read must fit proxy_buffer_size; a larger first event is let go unseen.
// reinit_request sets it anew when nginx itself tries another server within
// one attempt (proxy_next_upstream), so it is wrapped too.
//
// finalize_request is called by nginx once at every end of an upstream,
// before error_page is looked at and before anything more is sent. Wrapped,
// it is the one way to learn why an attempt ended, and the place to keep
// error_page from an attempt that is not the last.
//
// The header filter turns away the head of an attempt that has failed: nginx
// closes that upstream and comes back with an error page of its own, in
// whose place the next attempt is posted. That one starts from nginx's event
// loop, with r->headers_out as it was.
//
// r->aio makes ngx_http_upstream_init() return at once, which leaves us the
// moment between the making of the upstream and its start.
//
// A clock that runs out ends the upstream through the cleanup that nginx
// itself uses when a request asks for a second upstream.
#pragma once

#include "ngx_llm_module/context.hpp"

namespace llm::door {

// Before the body's edits: who is asked. NGX_OK; NGX_DECLINED: nobody can be
// now, the exchange's refusal() says so; NGX_ERROR.
ngx_int_t begin_ladder(ngx_http_request_t* r, Context& ctx);

// After them: the location's content handler climbs. `body`, the client's
// own, is put together again for each further attempt: the edits have left
// it where it was, in the request's memory or file.
void mount_ladder(ngx_http_request_t* r, Context& ctx, ngx_chain_t* body);

// The request was sent elsewhere: whatever answers there is no rung.
void leave_ladder(Context& ctx);

// In the header filter. NGX_DECLINED: this head goes to the client; anything
// else is what the filter returns.
ngx_int_t hold_back(ngx_http_request_t* r, Context& ctx);
// The head is on its way.
void begin_answer(ngx_http_request_t* r, Context& ctx);
// In the body filter: bytes of the answer.
inline void hear(Context& ctx) {
    if (ctx.rung.clocks) {
        ctx.rung.clocks->heard();
    }
}

// Called from the header filter, where r->upstream is set up, for an answer
// that no ladder stands under.
void watch_upstream_end(ngx_http_request_t* r, Context& ctx);

}  // namespace llm::door
