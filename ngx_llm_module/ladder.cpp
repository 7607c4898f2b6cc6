#include "ngx_llm_module/ladder.hpp"

#include <algorithm>
#include <utility>

#include "ngx_llm_module/body.hpp"
#include "ngx_llm_module/headers.hpp"
#include "ngx_llm_module/outcome.hpp"
#include "ngx_llm_module/own_error.hpp"
#include "ngx_llm_module/provider.hpp"
#include "ngx_llm_module/reply.hpp"
#include "ngx_llm_module/stream.hpp"
#include "ngx_llm_module/vars.hpp"
#include "src/exchange/media_type.hpp"
#include "src/exchange/opening.hpp"
#include "src/route/model_name.hpp"

namespace llm::door {
namespace {

using route::Fault;
using route::LadderStep;

constexpr int64_t kNsPerMs = 1000000;
constexpr ngx_msec_t kLookAgain = 50;

// The attempt has failed: what comes next is settled here, once.
void decide(ngx_http_request_t* r, Context& ctx, Fault fault, Now at) {
    RungState& rung = ctx.rung;
    rung.decided = true;
    restore_version(r);
    ngx_http_upstream_t* u = r->upstream;
    int status = 0;
    std::optional<int64_t> wait;
    if (rung.head_read) {
        status = static_cast<int>(u->headers_in.status_n);
        wait = wait_of(u, at);
    }
    size_t attempt = ctx.exchange.rungs().attempts();
    LadderStep step = ctx.exchange.rung_failed(fault, status, wait, at);
    rung.retry = step == LadderStep::kSameRung || step == LadderStep::kRung;
    if (step == LadderStep::kGiveUp) {
        rung.refuse = NGX_HTTP_BAD_GATEWAY;
    } else if (step == LadderStep::kDeadline) {
        rung.refuse = NGX_HTTP_GATEWAY_TIME_OUT;
    }
    if (fault != Fault::kClientGone) {
        Bytes name = route::name_of(fault);
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "llm: attempt %uz failed (%*s, status %d)%s", attempt,
                      name.size(), name.data(), status,
                      rung.retry ? ", another one is made" : "");
    }
}

ngx_int_t on_header(ngx_http_request_t* r) noexcept;

// nginx has set the parser of the status line (again).
void wrap_process_header(ngx_http_upstream_t* u, RungState& rung) {
    rung.process_header = u->process_header;
    u->process_header = on_header;
    rung.head_read = false;
    rung.fault = Fault::kNone;
    rung.decided = false;
    rung.announced = false;
}

// The body stands in records or frames of the protocol to the upstream.
bool is_framed(const ngx_http_upstream_t* u) {
    Bytes kind = view(u->conf->module);
    return kind == "fastcgi" || kind == "grpc";
}

// Nothing can be waited for when the buffer is full, and an answer out of
// proxy_cache comes from a file.
bool is_last_look(ngx_http_request_t* r, bool hold) {
#if (NGX_HTTP_CACHE)
    if (r->cached) {
        return true;
    }
#endif
    const ngx_buf_t& buffer = r->upstream->buffer;
    return !hold || buffer.last == buffer.end
           || is_framed(r->upstream);
}

ngx_int_t look_at_opening(ngx_http_request_t* r, Context& ctx) {
    RungState& rung = ctx.rung;
    ngx_http_upstream_t* u = r->upstream;
    ctx.exchange.keep(now());
    Bytes raw(reinterpret_cast<char*>(u->buffer.pos),
              static_cast<size_t>(u->buffer.last - u->buffer.pos));
    exchange::OpeningHead head = head_of(u);
    // An error waits for its words though nobody else can be asked: they say
    // whose it is, what the client may read of it and who is left alone.
    bool hold = rung.hold || head.status >= NGX_HTTP_BAD_REQUEST
                || exchange::is_html(head.content_type);
    exchange::Opening opening = exchange::read_opening(
        head, ctx.exchange.endpoint(), raw, is_last_look(r, hold));
    rung.fault = opening.fault;
    if (!opening.wait) {
        return NGX_OK;
    }
    if (opening.announced) {
        if (!ctx.exchange.rungs().more()) {
            return NGX_OK;
        }
        // It is at work, and its silences are counted one by one, as they are
        // in an answer.
        rung.announced = true;
        rung.clocks->stop(Clock::kFirstByte);
        rung.clocks->start(Clock::kIdle, loc_conf(r).ladder.idle);
        ngx_add_timer(u->peer.connection->read, u->conf->read_timeout);
    }
    return NGX_AGAIN;
}

ngx_int_t on_header(ngx_http_request_t* r) noexcept {
    return guard(r->connection->log, ngx_int_t{NGX_ERROR}, [r] {
        Context* ctx = Context::find(r);
        if (ctx == nullptr) {
            return ngx_int_t{NGX_ERROR};
        }
        RungState& rung = ctx->rung;
        if (!rung.head_read) {
            ngx_int_t rc = rung.process_header(r);
            ngx_http_upstream_t* u = r->upstream;
            if (u->process_header != on_header) {
                // From the status line to the header lines.
                rung.process_header = u->process_header;
                u->process_header = on_header;
            }
            if (rc != NGX_OK) {
                return rc;
            }
            rung.head_read = true;
        }
        return look_at_opening(r, *ctx);
    });
}

// nginx tries another server of the same upstream.
ngx_int_t on_reinit(ngx_http_request_t* r) noexcept {
    return guard(r->connection->log, ngx_int_t{NGX_ERROR}, [r] {
        Context* ctx = Context::find(r);
        if (ctx == nullptr) {
            return ngx_int_t{NGX_ERROR};
        }
        RungState& rung = ctx->rung;
        if (rung.announced) {
            rung.clocks->stop(Clock::kIdle);
            rung.clocks->start(Clock::kFirstByte,
                               loc_conf(r).ladder.first_byte);
        }
        ngx_int_t rc = rung.reinit_request(r);
        wrap_process_header(r->upstream, rung);
        return rc;
    });
}

void stop_waiting(RungState& rung) {
    rung.clocks->stop(Clock::kFirstByte);
    rung.clocks->stop(Clock::kIdle);
}

// An attempt has ended before its answer went on.
void on_rung_end(ngx_http_request_t* r, Context& ctx, ngx_int_t cause) {
    RungState& rung = ctx.rung;
    stop_waiting(rung);
    if (!rung.decided) {
        bool said = rung.fault != Fault::kNone
                    && cause != NGX_HTTP_CLIENT_CLOSED_REQUEST;
        Fault fault = said ? rung.fault : fault_of_end(r, rung, cause);
        if (fault == Fault::kNone) {
            return;
        }
        decide(r, ctx, fault, now());
    }
    if (rung.retry) {
        rung.error_page = r->error_page;
        rung.keepalive = r->keepalive;
        r->error_page = 1;
#if (NGX_HTTP_CACHE)
        // Its 502 would be what proxy_cache has for the next one.
        r->upstream->cacheable = 0;
#endif
    }
}

void on_upstream_end(ngx_http_request_t* r, ngx_int_t rc) noexcept {
    guard(r->connection->log, [r, rc] {
        Context* ctx = Context::find(r);
        if (ctx == nullptr || ctx->upstream_finalize == nullptr) {
            return;
        }
        ctx->upstream_finalize(r, rc);
        bool failed = rc == NGX_ERROR || rc >= NGX_HTTP_SPECIAL_RESPONSE;
        ctx->upstream_rc = failed ? cause_of(r, rc) : rc;
        if (!ctx->headed && ctx->rung.client != nullptr
            && !ctx->rung.ended) {
            ctx->rung.ended = true;
            if (failed) {
                on_rung_end(r, *ctx, ctx->upstream_rc);
            }
            return;
        }
        if (failed && ctx->headed
            && ctx->upstream_rc != NGX_HTTP_CLIENT_CLOSED_REQUEST) {
            break_off(r, *ctx, ctx->upstream_rc);
        }
    });
}

void watch_attempt(ngx_http_request_t* r, Context& ctx) {
    ngx_http_upstream_t* u = r->upstream;
    wrap_process_header(u, ctx.rung);
    ctx.rung.reinit_request = u->reinit_request;
    u->reinit_request = on_reinit;
    ctx.upstream_finalize = u->finalize_request;
    u->finalize_request = on_upstream_end;
}

// One attempt, with proxy_pass as the client. The value is what a content
// handler returns.
ngx_int_t start_attempt(ngx_http_request_t* r, Context& ctx) {
    RungState& rung = ctx.rung;
    const LadderLoc& conf = loc_conf(r).ladder;
    rung.retry = false;
    rung.refuse = 0;
    rung.ended = false;
    rung.unstarted = false;
    rung.hold = ctx.exchange.rungs().more() || conf.first_byte > 0;
    const ngx_http_upstream_t* before = r->upstream;
    if (dress_request(r, ctx, ctx.exchange.rungs().provider()) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    r->aio = 1;
    ngx_int_t rc = rung.client(r);
    r->aio = 0;
    if (rc != NGX_DONE || r->upstream == before) {
        // No upstream's: what it has written waits as behind a file's reading.
        if (r->buffered & NGX_HTTP_COPY_BUFFERED) {
            ngx_post_event(r->connection->write, &ngx_posted_events);
        }
        return rc;
    }
    watch_attempt(r, ctx);
    rung.clocks->start(Clock::kFirstByte, conf.first_byte);
    ngx_http_upstream_init(r);
    return NGX_DONE;
}

// What an attempt that failed has left in the request goes.
void clean(ngx_http_request_t* r, Context& ctx) {
    ctx.rung.head.restore(r);
    ctx.upstream_rc = 0;
    r->header_only = 0;
    r->err_status = 0;
    r->allow_ranges = 0;
    r->single_range = 0;
    r->disable_not_modified = 0;
}

// A refusal that is sent ends the request by itself, one that is left to an
// error_page does not: climb() drops a reference either way.
ngx_int_t refuse_attempt(ngx_http_request_t* r, Context& ctx) {
    ctx.forwarded = false;
    r->main->count++;
    ngx_int_t rc = refuse(r, ctx, ctx.exchange.denial()->error);
    if (rc != NGX_DONE) {
        r->main->count--;
    }
    return rc;
}

ngx_int_t next_attempt(ngx_http_request_t* r, Context& ctx) {
    clean(r, ctx);
    ctx.rung.retry = false;
    std::string scratch;
    Result<Bytes> body = gather_body(ctx.rung.body, scratch);
    if (!body.ok()) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "llm: %s failed",
                      body.error().message.c_str());
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    Result<const route::Edits*> edits =
        ctx.exchange.forward_again(*body, now());
    if (!edits.ok() && ctx.exchange.denial()) {
        return refuse_attempt(r, ctx);
    }
    if (!edits.ok()
        || replace_body(r, ctx.rung.body, *body, **edits) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    return start_attempt(r, ctx);
}

void climb(ngx_http_request_t* r) {
    r->write_event_handler = ngx_http_request_empty_handler;
    ngx_int_t rc = guard(
        r->connection->log, ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR}, [r] {
            Context* ctx = Context::find(r);
            return ctx == nullptr
                       ? ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR}
                       : next_attempt(r, *ctx);
        });
    ngx_http_finalize_request(r, rc);
}

void on_posted(ngx_http_request_t* r) noexcept {
    if (Context* ctx = Context::find(r); ctx != nullptr) {
        r->error_page = ctx->rung.error_page;
        r->keepalive = ctx->rung.keepalive;
    }
    climb(r);
}

// Lets the upstream go; the request stays ours.
void abandon(ngx_http_request_t* r) {
    ngx_http_upstream_t* u = r->upstream;
    if (u->state != nullptr && u->state->status == 0) {
        u->state->status = NGX_HTTP_GATEWAY_TIME_OUT;
    }
    if (u->peer.free != nullptr && u->peer.sockaddr != nullptr) {
        u->peer.free(&u->peer, u->peer.data, NGX_PEER_FAILED);
        u->peer.sockaddr = nullptr;
    }
    r->main->count++;
    (*u->cleanup)(r);
}

const char* name_of(Clock clock) {
    switch (clock) {
    case Clock::kFirstByte: return "llm_first_byte_timeout";
    case Clock::kIdle: return "llm_idle_timeout";
    default: return "llm_deadline";
    }
}

// proxy_cache_lock and files read by threads keep an attempt from its start,
// and nothing can be let go then. The deadline holds as soon as that is over;
// no provider has been silent meanwhile.
bool has_started(ngx_http_request_t* r, Context& ctx, Clock clock) {
    RungState& rung = ctx.rung;
    if (r->upstream == nullptr || r->upstream->cleanup == nullptr) {
        rung.unstarted = true;
        rung.clocks->start(clock, kLookAgain);
        return false;
    }
    if (clock == Clock::kFirstByte
        && std::exchange(rung.unstarted, false)) {
        rung.clocks->start(clock, loc_conf(r).ladder.first_byte);
        return false;
    }
    return true;
}

// No answer in time.
void give_up_waiting(ngx_http_request_t* r, Context& ctx, Clock clock) {
    if (ctx.rung.ended || !has_started(r, ctx, clock)) {
        return;
    }
    ngx_log_error(NGX_LOG_ERR, r->connection->log, NGX_ETIMEDOUT,
                  "llm: %s has passed before an answer began",
                  name_of(clock));
    abandon(r);
    stop_waiting(ctx.rung);
    decide(r, ctx, Fault::kTimeout, now());
    if (ctx.rung.retry) {
        climb(r);
        return;
    }
    ctx.upstream_rc = NGX_HTTP_GATEWAY_TIME_OUT;
    ngx_http_finalize_request(r, NGX_HTTP_GATEWAY_TIME_OUT);
}

// Whether it is the client that keeps us from reading on.
bool waits_for_client(ngx_http_request_t* r) {
    ngx_http_upstream_t* u = r->upstream;
    return u->peer.connection->read->ready || r->connection->buffered
           || u->busy_bufs != nullptr;
}

// An answer is under way: it is broken off as at nginx's own time-out.
void stop_answer(ngx_http_request_t* r, Context& ctx, Clock clock) {
    ngx_http_upstream_t* u = r->upstream;
    if (u == nullptr || u->cleanup == nullptr
        || u->peer.connection == nullptr) {
        return;
    }
    if (clock == Clock::kIdle) {
        ngx_msec_t limit = loc_conf(r).ladder.idle;
        ngx_msec_t silence = ctx.rung.clocks->silence();
        if (silence < limit || waits_for_client(r)) {
            ctx.rung.clocks->start(
                Clock::kIdle, silence < limit ? limit - silence : limit);
            return;
        }
    }
    ngx_log_error(NGX_LOG_ERR, r->connection->log, NGX_ETIMEDOUT,
                  "llm: %s has passed in the midst of an answer",
                  name_of(clock));
    ngx_event_t* read = u->peer.connection->read;
    if (read->timer_set) {
        ngx_del_timer(read);
    }
    read->timedout = 1;
    read->handler(read);
}

void on_clock(ngx_http_request_t* r, Clock clock) {
    ngx_connection_t* c = r->connection;
    ngx_http_set_log_request(c->log, r);
    guard(c->log, [r, clock] {
        Context* ctx = Context::find(r);
        if (ctx == nullptr) {
            return;
        }
        if (clock == Clock::kDeadline) {
            ctx->exchange.deadline_passed(now());
        }
        if (ctx->headed) {
            stop_answer(r, *ctx, clock);
        } else {
            give_up_waiting(r, *ctx, clock);
        }
    });
    ngx_http_run_posted_requests(c);
}

// The content handler of a location with a ladder.
ngx_int_t first_attempt(ngx_http_request_t* r) noexcept {
    return guard(
        r->connection->log, ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR}, [r] {
            Context* ctx = Context::find(r);
            if (ctx == nullptr) {
                return ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR};
            }
            ctx->rung.clocks->start(Clock::kDeadline,
                                    loc_conf(r).ladder.deadline);
            return start_attempt(r, *ctx);
        });
}

ngx_int_t evaluate_models(ngx_http_request_t* r, const LadderLoc& conf,
                          std::vector<std::string>& models) {
    if (conf.models == nullptr) {
        return NGX_OK;
    }
    auto* values =
        static_cast<ngx_http_complex_value_t*>(conf.models->elts);
    models.reserve(conf.models->nelts);
    for (ngx_uint_t i = 0; i < conf.models->nelts; i++) {
        ngx_str_t model;
        if (evaluate(r, &values[i], model) != NGX_OK) {
            return NGX_ERROR;
        }
        if (model.len > 0 && !route::is_model_name(view(model))) {
            ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                          "llm: a rung of \"llm_fallback\" came out as what "
                          "is no model's name; it is left out");
            continue;
        }
        bool known = std::find(models.begin(), models.end(), view(model))
                     != models.end();
        if (model.len > 0 && !known) {
            models.emplace_back(view(model));
        }
    }
    return NGX_OK;
}

bool sends_credential(ngx_http_request_t* r) {
    return !request_header(r, "authorization").empty()
           || !request_header(r, "x-api-key").empty();
}

}  // namespace

ngx_int_t begin_ladder(ngx_http_request_t* r, Context& ctx) {
    const LadderLoc& conf = loc_conf(r).ladder;
    exchange::Ladder ladder;
    ladder.own_model = ctx.exchange.asked_model();
    ladder.on = conf.on;
    ladder.store_fallback = conf.cache;
    bool providers = main_conf(r).provider.setup != nullptr;
    ladder.client_credential = providers && sends_credential(r);
    ladder.required = loc_conf(r).provider.required == 1;
    Now at = now();
    if (conf.deadline > 0) {
        ladder.deadline_ns =
            at.mono_ns + static_cast<int64_t>(conf.deadline) * kNsPerMs;
    }
    if (evaluate_models(r, conf, ladder.models) != NGX_OK) {
        return NGX_ERROR;
    }
    return ctx.exchange.start_ladder(std::move(ladder), at) ? NGX_OK
                                                            : NGX_DECLINED;
}

void mount_ladder(ngx_http_request_t* r, Context& ctx, ngx_chain_t* body) {
    const LadderLoc& conf = loc_conf(r).ladder;
    const exchange::Rungs& rungs = ctx.exchange.rungs();
    bool timed = conf.deadline > 0 || conf.first_byte > 0 || conf.idle > 0;
    // A page in the place of an answer is told while error_page can be asked.
    bool paged = has_error_page(r, NGX_HTTP_BAD_GATEWAY);
    if (r->content_handler == nullptr || r->content_handler == first_attempt
        || !(timed || paged || rungs.more() || rungs.provider() != nullptr)) {
        return;
    }
    ctx.rung.client = r->content_handler;
    ctx.rung.body = body;
    ctx.rung.clocks.emplace(r, on_clock);
    r->content_handler = first_attempt;
}

void leave_ladder(Context& ctx) {
    ctx.rung.client = nullptr;
    ctx.rung.clocks.reset();
}

ngx_int_t hold_back(ngx_http_request_t* r, Context& ctx) {
    RungState& rung = ctx.rung;
    if (rung.client == nullptr || ctx.headed) {
        return NGX_DECLINED;
    }
    if (!rung.ended && r->upstream != nullptr
        && r->upstream->cleanup != nullptr) {
        if (rung.fault != Fault::kNone && !rung.decided) {
            decide(r, ctx, rung.fault, now());
        }
        if (rung.retry) {
            return NGX_HTTP_BAD_GATEWAY;
        }
        if (rung.refuse == 0) {
            return NGX_DECLINED;
        }
        // The error is nothing of the upstream's.
        rung.head.restore(r);
        return rung.refuse;
    }
    if (!rung.retry) {
        return NGX_DECLINED;
    }
    r->main->count++;
    r->header_only = 1;  // nginx's error page stops behind its header
    r->write_event_handler = on_posted;
    return ngx_http_post_request(r, nullptr) == NGX_OK ? NGX_DONE
                                                       : NGX_ERROR;
}

void begin_answer(ngx_http_request_t* r, Context& ctx) {
    RungState& rung = ctx.rung;
    if (!rung.clocks) {
        return;
    }
    rung.clocks->stop(Clock::kFirstByte);
    rung.clocks->heard();
    rung.clocks->start(Clock::kIdle, loc_conf(r).ladder.idle);
}

void watch_upstream_end(ngx_http_request_t* r, Context& ctx) {
    ngx_http_upstream_t* u = r->upstream;
    if (u == nullptr || u->finalize_request == nullptr
        || u->finalize_request == on_upstream_end) {
        return;
    }
    ctx.upstream_finalize = u->finalize_request;
    u->finalize_request = on_upstream_end;
}

}  // namespace llm::door
