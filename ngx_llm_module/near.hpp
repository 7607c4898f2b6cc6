// Near matches at the door: what llm_semantic says for a request, and who
// makes the vector: the worker itself, a thread, an endpoint.
#pragma once

#include "ngx_llm_module/context.hpp"

namespace llm::door {

// In read_policy(): `policy.near` where near matches are wanted. The values
// stand in the Context.
ngx_int_t read_near(ngx_http_request_t* r, Context& ctx,
                    exchange::Policy& policy);

// Whether the request may have to wait, so that its body must stay.
bool may_wait(ngx_http_request_t* r);

enum class NearStep : uint8_t {
    kForward,  // nothing near
    kReply,    // the exchange's reply() is the answer
    kWait,     // ctx.wait stands; the phases run again when it is done
};

// After a miss.
NearStep begin_near(ngx_http_request_t* r, Context& ctx);
// After the wait.
NearStep end_near(ngx_http_request_t* r, Context& ctx);

// The job's vector alone, here, on a thread or from an endpoint; `done` when
// there is one or none. False: nobody works on it, `done` is not called.
bool make_vector(const Embedder& embedder,
                 const std::shared_ptr<exchange::NearJob>& job,
                 std::function<void()> done);

}  // namespace llm::door
