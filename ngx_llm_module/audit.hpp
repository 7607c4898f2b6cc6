// Audits at the door: a share of the semantic hits is asked upstream as well
// (exchange/audit.hpp), by libcurl: at the provider that the request would
// have gone to, with its key, else at audit_url=. A provider that is an
// upstream block without a host name of its own, or takes the client's own
// key, cannot be asked that way.
//
// At most kMaxAudits at a time in a worker; what comes beyond is not audited.
// Event loop only.
#pragma once

#include "ngx_llm_module/context.hpp"

namespace llm::door {

constexpr size_t kMaxAudits = 4;

// For a request that is about to be answered from memory, before its release.
void maybe_audit(ngx_http_request_t* r, Context& ctx, Bytes body);

}  // namespace llm::door
