#include "ngx_llm_module/semantic_vars.hpp"

#include "ngx_llm_module/context.hpp"
#include "ngx_llm_module/vars.hpp"

namespace llm::door {
namespace {

// Of the nearest stored prompt that was looked at: 0.934.
bool get_similarity(ngx_http_request_t* r, Context& ctx,
                    ngx_http_variable_value_t* v) {
    float cosine = ctx.exchange.similarity();
    if (cosine < -1) {
        return false;
    }
    auto thousandths = static_cast<int64_t>(cosine * 1000);
    u_char text[32];
    u_char* end = ngx_sprintf(
        text, "%s%L.%03L", thousandths < 0 ? "-" : "",
        (thousandths < 0 ? -thousandths : thousandths) / 1000,
        (thousandths < 0 ? -thousandths : thousandths) % 1000);
    return give(r, v,
                Bytes(reinterpret_cast<char*>(text),
                      static_cast<size_t>(end - text)));
}

constexpr Variable kSemantic[] = {
    {"llm_similarity", get_similarity},
};

}  // namespace

std::span<const Variable> semantic_variables() {
    return kSemantic;
}

}  // namespace llm::door
