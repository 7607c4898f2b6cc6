// The provider of one request, as proxy_pass sees it: the $llm_provider*
// variables that conf/llm_proxy.conf is made of, and the provider's own
// header lines. The provider is the one of the attempt that is under way, so
// that all of them change from rung to rung.
//
//   $llm_provider                    its name
//   $llm_provider_state              closed, open, half_open
//   $llm_provider_url                scheme, host and path, for proxy_pass
//   $llm_provider_host               for the Host header
//   $llm_provider_ssl_name           for SNI and the certificate
//   $llm_provider_authorization      "Bearer …" or empty
//   $llm_provider_api_key            for x-api-key, or empty
//   $llm_provider_anthropic_version  the client's, else the first one
//
// Credentials: with a key of ours, this, in the form that the provider's api
// wants, and never the client's; with "key client" the client's own; else
// none.
#pragma once

#include <span>

#include "ngx_llm_module/context.hpp"
#include "src/route/provider.hpp"

namespace llm::door {

// nullptr: the location itself says where.
const route::Provider* provider_of(const Context& ctx);

// Before an attempt is made: its provider's `header` lines stand in the
// request, those of the attempt before do not, and with a key of ours no
// field of the client's that chooses an account goes along. NGX_OK or
// NGX_ERROR.
ngx_int_t dress_request(ngx_http_request_t* r, Context& ctx,
                        const route::Provider* provider);

// Before an answer's head is looked at: our key that its upstream was asked
// with is not to be seen in an error.
void conceal_key(ngx_http_request_t* r, Context& ctx);
// Behind it: nor in a line of the error's head. Masked where it stands, so
// that $upstream_http_* reads nothing else.
void mask_head(ngx_http_request_t* r, Context& ctx);

std::span<const Variable> provider_variables();

}  // namespace llm::door
