// Who asks: the credential of a request, the key and the tenant behind it.
// The credential is that of `llm_keys … credential=`, else the token of
// Authorization, else x-api-key, else api-key; an empty one is none.
#pragma once

#include <optional>

#include "ngx_llm_module/context.hpp"

namespace llm::door {

// Fills in the Context: tenant, key, who else may be meant. The error is for
// the client, 401, and is there only where llm_keys is.
std::optional<api::ApiError> identify(ngx_http_request_t* r, Context& ctx);

// Whether a header by this name tells somebody who asks, although it is no
// credential of the protocols that we speak; a cookie does, too.
bool is_other_identity(Bytes name);

}  // namespace llm::door
