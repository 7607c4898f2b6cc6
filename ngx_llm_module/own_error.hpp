// Pages that no client of ours can read: the client gets its protocol's error
// in their place, which ctx.error_body holds until the body filter sends it.
#pragma once

#include "ngx_llm_module/context.hpp"

namespace llm::door {

// nginx has refused or failed, and has only its own page to say so.
bool is_own_error(ngx_http_request_t* r, const Context& ctx);
ngx_int_t head_own_error(ngx_http_request_t* r, Context& ctx);

// What is no HTTP is HTTP/0.9 to proxy_pass, which then speaks that to the
// client, too: without a head.
void restore_version(ngx_http_request_t* r);

// An upstream's answer where error_page has sent the request to: with the
// status of what has failed before, which is nginx's way.
bool is_answer_of_page(const ngx_http_request_t* r);

// A page of error_page's that no upstream is asked for.
bool is_own_page(const ngx_http_request_t* r);

// The upstream calls it a success and HTML, and it begins as a page does:
// something else has answered, a portal that wants a login. 502 for the
// client; what it may have cost is seen to as if it had passed. What is only
// called HTML is an answer all the same.
bool is_called_html(ngx_http_request_t* r, const Context& ctx);
// The upstream sends the client elsewhere, which would take the prompt there,
// or has not answered at all, whatever it said.
bool is_no_answer(ngx_http_request_t* r, const Context& ctx);
// In either's place, and in that of one that has broken off before it said
// anything. They send the head.
ngx_int_t head_foreign_page(ngx_http_request_t* r, Context& ctx);
ngx_int_t head_broken_page(ngx_http_request_t* r, Context& ctx);

}  // namespace llm::door
