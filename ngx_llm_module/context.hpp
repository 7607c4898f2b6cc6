// Context: what the door keeps of one request beside its Exchange. It lives
// as long as the request's pool, and is found again after an internal redirect
// (which forgets all module contexts) through the pool's cleanup list.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/conf.hpp"
#include "ngx_llm_module/rung.hpp"
#include "ngx_llm_module/route_state.hpp"
#include "ngx_llm_module/wait.hpp"
#include "src/exchange/exchange.hpp"
#include "src/route/complexity.hpp"
#include "src/route/provider_key.hpp"

namespace llm::door {

// What a request and whoever works for it both see: the request may be gone
// first.
struct Waiter {
    struct Context* ctx = nullptr;  // nullptr: nobody waits any more
};

struct Context {
    Context(ngx_http_request_t* r, exchange::Services& services,
            api::Endpoint endpoint, bool observe, size_t event_max_size);

    // The request's Context, or nullptr.
    static Context* find(ngx_http_request_t* r);
    // Makes one; nullptr when memory is out. Asks for the worker's services.
    static Context* create(ngx_http_request_t* r, api::Endpoint endpoint,
                           bool observe, size_t event_max_size);

    exchange::Exchange exchange;
    ngx_http_request_t* request;
    std::string tenant;          // $llm_tenant
    bool other_identity = false;
    std::string further_identity;  // of more credentials than the tenant's
    // The key of llm_keys and the table that it stands in.
    std::shared_ptr<const limit::KeyTable> keys;
    const limit::Key* key = nullptr;
    std::optional<route::Assessment> assessment;  // conf_complexity.cpp
    bool tenant_scoped = true;
    RouteState route;            // route.cpp
    std::shared_ptr<Waiter> near_waiter;  // near.cpp; `wait` points at it
    std::optional<Wait> wait;    // while the request is suspended

    // phases.cpp
    bool body_asked = false;
    bool body_ready = false;
    bool looked_up = false;
    bool forwarded = false;      // on its way to the location's handler
    bool replied = false;        // answered by us
    bool foreign = false;        // not understood, but let through
    bool rerouted = false;       // sent on by error_page or its kin

    // near.cpp
    exchange::NearPolicy near_policy;
    bool near_waiting = false;
    Bytes body;                  // while it waits

    // stream.cpp
    bool headed = false;         // our header filter has run
    off_t awaited = -1;          // bytes of the answer still to come, by its
                                 // Content-Length; -1: it does not say
    bool own_error = false;      // nginx's error page becomes ours
    bool foreign_page = false;   // so does the upstream's, or its redirect
    bool head_held = false;      // until it is known whether it is one
    bool head_anew = false;      // another head goes through all filters
    bool page_ended = false;     // what stands for a page has had its end
    std::string lead;            // what has come of its body meanwhile
    std::string error_body;      // this, until it is sent
    bool closed = false;         // the stream has had its last word from us
    ngx_chain_t* free = nullptr;
    ngx_chain_t* busy = nullptr;
    std::vector<ngx_buf_t*> held;  // the upstream's, until our copies leave

    // provider.cpp
    std::optional<ngx_list_t> client_headers;  // as they came; once dressed
    std::shared_ptr<const route::ProviderKey> sent_key;  // of ours, the last

    // ladder.cpp
    void (*upstream_finalize)(ngx_http_request_t* r, ngx_int_t rc) = nullptr;
    ngx_int_t upstream_rc = 0;
    RungState rung;
};

// Counts the time until it is destroyed as ours.
class Overhead {
public:
    explicit Overhead(Context& ctx) : Overhead(ctx, now()) {}
    // `start`: when it was looked at the clock in the same turn.
    Overhead(Context& ctx, const Now& start) : ctx_(ctx), start_(start) {}
    ~Overhead() {
        ctx_.exchange.add_overhead(read_clock_ns(CLOCK_MONOTONIC)
                                   - start_.mono_ns);
    }
    Overhead(const Overhead&) = delete;
    Overhead& operator=(const Overhead&) = delete;

    // Its beginning; good for all that happens in one turn, as nginx's own
    // time is.
    const Now& at() const { return start_; }

private:
    Context& ctx_;
    const Now start_;
};

}  // namespace llm::door
