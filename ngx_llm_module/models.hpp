// GET …/models and …/models/NAME where providers answer: the models that
// the caller's key may use, from the configuration alone. No provider is
// asked.
#pragma once

#include "ngx_llm_module/context.hpp"

namespace llm::door {

// A GET or HEAD for the list or one of it, in a location that goes to
// providers (llm_provider_required) or has a list of its own
// (llm_model_list).
bool asks_for_models(ngx_http_request_t* r);

// The content handler of such a request; the caller is known by then.
ngx_int_t send_models(ngx_http_request_t* r) noexcept;

}  // namespace llm::door
