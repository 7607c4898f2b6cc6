#include "ngx_llm_module/near.hpp"

#include <algorithm>

#include "ngx_llm_module/embedding.hpp"
#include "ngx_llm_module/headers.hpp"
#include "ngx_llm_module/reply.hpp"
#include "ngx_llm_module/threads.hpp"
#include "ngx_llm_module/zone.hpp"

namespace llm::door {
namespace {

// Vectors that are searched on the event loop at most: 20 to 70 us, by how
// many come near.
constexpr uint64_t kSearchHere = 20000;
constexpr Bytes kThresholdHeader = "x-llm-threshold";
constexpr double kMillion = 1000000;

// 0.93; nothing for what is no number from 0 to 1.
std::optional<double> parse_share(Bytes text) {
    ngx_str_t copy = immortal(text);
    ngx_int_t millionths = ngx_atofp(copy.data, copy.len, 6);
    if (text.empty() || millionths == NGX_ERROR || millionths > 1000000) {
        return std::nullopt;
    }
    return static_cast<double>(millionths) / kMillion;
}

// "" leaves the default. What only a variable can get wrong is logged and as
// strict as can be: who meant something is not given less than that.
std::optional<double> evaluate(ngx_http_request_t* r,
                               ngx_http_complex_value_t* value,
                               const char* name) {
    ngx_str_t text = ngx_null_string;
    if (value == nullptr
        || ngx_http_complex_value(r, value, &text) != NGX_OK
        || text.len == 0) {
        return std::nullopt;
    }
    std::optional<double> share = parse_share(view(text));
    if (!share) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "llm: \"%s\" of \"llm_semantic\" came out as \"%V\", "
                      "which is no number from 0 to 1; taken as 1",
                      name, &text);
        return 1;
    }
    return share;
}

void forget(void* data) {
    static_cast<Waiter*>(data)->ctx = nullptr;
}

void wake(const std::shared_ptr<Waiter>& waiter,
          const std::shared_ptr<exchange::NearJob>& job) {
    job->finished = true;
    exchange::store_late(worker_services(), *job, now());
    if (waiter->ctx != nullptr && waiter->ctx->wait) {
        waiter->ctx->wait->resume();
    }
}

semantic::Workspace& workspace(const semantic::Encoder& encoder) {
    struct Own {
        const semantic::Encoder* encoder;
        std::unique_ptr<semantic::Workspace> space;
    };
    thread_local std::vector<Own> all;
    for (Own& own : all) {
        if (own.encoder == &encoder) {
            return *own.space;
        }
    }
    all.push_back({&encoder, std::make_unique<semantic::Workspace>()});
    encoder.prepare(*all.back().space);
    return *all.back().space;
}

void encode(const semantic::Encoder& encoder, exchange::NearJob& job) {
    int64_t start = read_clock_ns(CLOCK_MONOTONIC);
    (void) job.encode(workspace(encoder));
    job.encode_ns = read_clock_ns(CLOCK_MONOTONIC) - start;
}

bool searches(const exchange::NearJob& job) {
    return job.wants_search() && job.has_code();
}

bool searches_here(exchange::NearJob& job) {
    return !searches(job) || job.expected() <= kSearchHere;
}

// On any thread.
void search(exchange::NearJob& job) {
    if (searches(job)) {
        job.search(read_clock());
    }
}

// The vector, if it is not there yet, and the search, on a thread.
bool run_job(const std::shared_ptr<Waiter>& waiter,
             const std::shared_ptr<exchange::NearJob>& job) {
    return run_in_thread(
        ngx_cycle->log,
        [job] {
            if (!job->has_code()) {
                encode(*job->encoder(), *job);
            }
            search(*job);
        },
        [waiter, job] { wake(waiter, job); });
}

// The rest of a job whose vector came from elsewhere, or none at all.
void finish(const std::shared_ptr<Waiter>& waiter,
            const std::shared_ptr<exchange::NearJob>& job) {
    if (!searches_here(*job) && run_job(waiter, job)) {
        return;
    }
    search(*job);
    wake(waiter, job);
}

NearStep judge(ngx_http_request_t* r, Context& ctx) {
    exchange::Step step =
        ctx.exchange.near(now(), pool_allocator(r->pool));
    return step == exchange::Step::kReply ? NearStep::kReply
                                          : NearStep::kForward;
}

bool start_work(const Embedder& embedder,
                const std::shared_ptr<Waiter>& waiter,
                const std::shared_ptr<exchange::NearJob>& job) {
    return job->encoder() == nullptr
               ? embed(embedder, job,
                       [waiter, job] { finish(waiter, job); })
               : run_job(waiter, job);
}

NearStep wait_for(ngx_http_request_t* r, Context& ctx,
                  const Embedder& embedder,
                  const std::shared_ptr<exchange::NearJob>& job) {
    auto waiter = std::make_shared<Waiter>();
    if (!start_work(embedder, waiter, job)) {
        ctx.exchange.near_too_late();
        return NearStep::kForward;
    }
    if (job->finished) {
        return judge(r, ctx);
    }
    if (!job->wants_search()) {
        return NearStep::kForward;
    }
    ctx.near_waiter = waiter;
    waiter->ctx = &ctx;
    ctx.near_waiting = true;
    ctx.wait.emplace(r, embedder.timeout, ngx_http_core_run_phases, forget,
                     waiter.get());
    return NearStep::kWait;
}

}  // namespace

bool may_wait(ngx_http_request_t* r) {
    const SemanticLoc& conf = loc_conf(r).semantic;
    return conf.embedder != nullptr;
}

ngx_int_t read_near(ngx_http_request_t* r, Context& ctx,
                    exchange::Policy& policy) {
    const SemanticLoc& conf = loc_conf(r).semantic;
    if (const semantic::Judge* judge = main_conf(r).semantic.judge) {
        policy.lists = &judge->lists();
    }
    if (conf.embedder == nullptr) {
        return NGX_OK;
    }
    exchange::NearPolicy& near = ctx.near_policy;
    near.judge = conf.judge;
    near.encoder = conf.embedder->encoder;
    near.kind = conf.embedder->kind;
    near.encoder_id = conf.embedder->id;
    near.threshold = evaluate(r, conf.threshold, "threshold")
                         .value_or(near.judge->default_threshold(near.kind));
    near.precision_ppm = static_cast<uint32_t>(
        evaluate(r, conf.precision, "precision")
            .value_or(semantic::kDefaultPrecisionPpm / kMillion)
        * kMillion);
    near.gate.max_chars = static_cast<uint32_t>(conf.max_chars);
    near.gate.max_temperature =
        static_cast<double>(conf.max_temperature) / 1000;
    near.normalise = conf.normalise != 0;
    bool critical = ctx.assessment
                    && ctx.assessment->critical != route::Critical::kNone;
    if (critical) {
        if (!conf.critical) {
            return NGX_OK;
        }
        near.threshold =
            std::max(near.threshold, semantic::kCriticalThreshold);
    }
    // A client may ask for more than the operator, never for less. Who has
    // asked for what cannot be read is given nothing that he may not want.
    if (Bytes asked = request_header(r, kThresholdHeader); !asked.empty()) {
        near.threshold =
            std::max(near.threshold, parse_share(asked).value_or(1));
    }
    policy.near = &near;
    return NGX_OK;
}

bool make_vector(const Embedder& embedder,
                 const std::shared_ptr<exchange::NearJob>& job,
                 std::function<void()> done) {
    if (job->encoder() == nullptr) {
        return embed(embedder, job, std::move(done));
    }
    if (embedder.immediate) {
        encode(*embedder.encoder, *job);
        done();
        return true;
    }
    return run_in_thread(
        ngx_cycle->log, [job] { encode(*job->encoder(), *job); },
        std::move(done));
}

NearStep begin_near(ngx_http_request_t* r, Context& ctx) {
    std::shared_ptr<exchange::NearJob> job = ctx.exchange.near_job();
    if (!job) {
        return NearStep::kForward;
    }
    const Embedder& embedder = *loc_conf(r).semantic.embedder;
    if (embedder.immediate) {
        encode(*embedder.encoder, *job);
        if (searches_here(*job)) {
            search(*job);
            job->finished = true;
            return judge(r, ctx);
        }
    }
    return wait_for(r, ctx, embedder, job);
}

NearStep end_near(ngx_http_request_t* r, Context& ctx) {
    ctx.near_waiting = false;
    ctx.near_waiter->ctx = nullptr;
    ctx.wait.reset();
    std::shared_ptr<exchange::NearJob> job = ctx.exchange.near_job();
    if (!job->finished) {
        ctx.exchange.near_too_late();
        return NearStep::kForward;
    }
    return judge(r, ctx);
}

}  // namespace llm::door
