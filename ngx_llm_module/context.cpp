#include "ngx_llm_module/context.hpp"

#include <new>
#include <vector>

#include "ngx_llm_module/zone.hpp"

namespace llm::door {
namespace {

// Memory of contexts that are gone, for those that come: too large for a
// request's pool, it would be asked of malloc each time, and be cold.
class Spares {
public:
    void* take() {
        if (spare_.empty()) {
            return ::operator new(sizeof(Context), std::nothrow);
        }
        void* memory = spare_.back();
        spare_.pop_back();
        return memory;
    }
    void give_back(void* memory) {
        if (spare_.size() < kMax) {
            spare_.push_back(memory);
        } else {
            ::operator delete(memory);
        }
    }
    ~Spares() {
        for (void* memory : spare_) {
            ::operator delete(memory);
        }
    }

private:
    static constexpr size_t kMax = 64;
    std::vector<void*> spare_;
};

Spares& spares() {
    static Spares instance;
    return instance;
}

void destroy(void* data) {
    auto* ctx = static_cast<Context*>(data);
    ctx->~Context();
    spares().give_back(ctx);
}

}  // namespace

Context::Context(ngx_http_request_t* r, exchange::Services& services,
                 api::Endpoint endpoint, bool observe, size_t event_max_size)
    : exchange(services, endpoint, observe, event_max_size, now()),
      request(r) {}

Context* Context::find(ngx_http_request_t* r) {
    if (r != r->main) {
        return nullptr;
    }
    auto* ctx =
        static_cast<Context*>(ngx_http_get_module_ctx(r, ngx_llm_module));
    // nginx forgets all contexts when it sends a request on and when a filter
    // answers with an error of its own.
    if (ctx != nullptr || (!r->internal && !r->filter_finalize)) {
        return ctx;
    }
    for (auto* c = r->pool->cleanup; c != nullptr; c = c->next) {
        if (c->handler == destroy) {
            ctx = static_cast<Context*>(c->data);
            ngx_http_set_ctx(r, ctx, ngx_llm_module);
            ctx->rerouted = true;
            return ctx;
        }
    }
    return nullptr;
}

Context* Context::create(ngx_http_request_t* r, api::Endpoint endpoint,
                         bool observe, size_t event_max_size) {
    ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(r->pool, 0);
    if (cleanup == nullptr) {
        return nullptr;
    }
    void* memory = spares().take();
    if (memory == nullptr) {
        return nullptr;
    }
    auto* ctx = new (memory) Context(r, worker_services(), endpoint, observe,
                                     event_max_size);
    cleanup->data = ctx;
    cleanup->handler = destroy;
    ngx_http_set_ctx(r, ctx, ngx_llm_module);
    return ctx;
}

}  // namespace llm::door
