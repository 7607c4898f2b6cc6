#include "ngx_llm_module/route.hpp"

namespace llm::door {

std::optional<api::ApiError> plan_route(ngx_http_request_t*, Context& ctx,
                                        Bytes model, ngx_int_t&) {
    return ctx.exchange.route(model);
}

}  // namespace llm::door
