#include "ngx_llm_module/rung.hpp"

namespace llm::door {
namespace {

// The last part may be the one inside the list, which was copied with it.
void cut(ngx_list_t& list, ngx_uint_t elements) {
    list.last->nelts = elements;
    list.last->next = nullptr;
}

}  // namespace

void SavedHead::save(ngx_http_request_t* r) {
    head_ = r->headers_out;
    headers_ = head_.headers.last->nelts;
    trailers_ = head_.trailers.last->nelts;
    limit_rate_ = r->limit_rate;
    limit_rate_set_ = r->limit_rate_set != 0;
}

void SavedHead::restore(ngx_http_request_t* r) const {
    r->headers_out = head_;
    r->limit_rate = limit_rate_;
    r->limit_rate_set = limit_rate_set_ ? 1 : 0;
    cut(r->headers_out.headers, headers_);
    cut(r->headers_out.trailers, trailers_);
}

}  // namespace llm::door
