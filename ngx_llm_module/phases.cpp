#include "ngx_llm_module/phases.hpp"

#include <algorithm>
#include <optional>

#include "ngx_llm_module/audit.hpp"
#include "ngx_llm_module/body.hpp"
#include "ngx_llm_module/headers.hpp"
#include "ngx_llm_module/ladder.hpp"
#include "ngx_llm_module/limits.hpp"
#include "ngx_llm_module/near.hpp"
#include "ngx_llm_module/models.hpp"
#include "ngx_llm_module/policy.hpp"
#include "ngx_llm_module/reply.hpp"
#include "ngx_llm_module/route.hpp"
#include "ngx_llm_module/zone.hpp"

namespace llm::door {
namespace {

// A copy of a body that stands in pieces or in a file is only needed until
// the request is forwarded; above this size its memory is given back.
constexpr size_t kKeepScratch = 1024 * 1024;

std::string& scratch() {
    static std::string memory;
    return memory;
}

// For the next body; views of the one before end here.
std::string& fresh_scratch() {
    if (scratch().capacity() > kKeepScratch) {
        std::string().swap(scratch());
    }
    return scratch();
}

Bytes trimmed(Bytes text) {
    constexpr Bytes kBlank = " \t";
    size_t first = text.find_first_not_of(kBlank);
    if (first == Bytes::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool mentions_charset(Bytes parameter) {
    constexpr Bytes kCharset = "charset";
    auto same = [](char a, char b) { return ascii_lower(a) == b; };
    return !std::ranges::search(parameter, kCharset, same).empty();
}

// We read UTF-8 alone; an upstream may go by what the header says. Lenient
// ones see a charset in "charset = utf-7" and in "charset*=utf-7''" as well.
bool is_utf8(Bytes parameters) {
    constexpr Bytes kCharset = "charset=";
    while (!parameters.empty()) {
        size_t end = std::min(parameters.find(';'), parameters.size());
        Bytes one = trimmed(parameters.substr(0, end));
        parameters.remove_prefix(std::min(end + 1, parameters.size()));
        if (!mentions_charset(one)) {
            continue;
        }
        Bytes name = one.substr(std::min(kCharset.size(), one.size()));
        if (name.size() > 1 && name.front() == '"' && name.back() == '"') {
            name = name.substr(1, name.size() - 2);
        }
        bool plain =
            equals_ignore_case(one.substr(0, kCharset.size()), kCharset);
        if (!plain
            || (!equals_ignore_case(name, "utf-8")
                && !equals_ignore_case(name, "utf8")
                && !equals_ignore_case(name, "us-ascii"))) {
            return false;
        }
    }
    return true;
}

bool is_json(Bytes content_type) {
    size_t end = std::min(content_type.find(';'), content_type.size());
    if (!is_utf8(content_type.substr(end))) {
        return false;
    }
    Bytes type = trimmed(content_type.substr(0, end));
    constexpr Bytes kSuffix = "+json";
    return equals_ignore_case(type, "application/json")
           || (type.size() > kSuffix.size()
               && equals_ignore_case(
                   type.substr(type.size() - kSuffix.size()), kSuffix));
}

// Of a header that is sent twice the upstream may read either one.
bool is_encoded(ngx_http_request_t* r) {
    bool encoded = false;
    each_request_header(r, "content-encoding", [&](Bytes coding) {
        encoded = encoded
                  || (!coding.empty()
                      && !equals_ignore_case(coding, "identity"));
    });
    return encoded;
}

bool says_json(ngx_http_request_t* r) {
    bool json = true;
    each_request_header(r, "content-type",
                        [&](Bytes type) { json = json && is_json(type); });
    return json;
}

// What has been decided: an error for the client, or what the phase handler
// returns.
struct Decision {
    ngx_int_t rc = NGX_DECLINED;
    std::optional<api::ApiError> error;
};

// The body as it came, for who waits. A view into the request's own
// memory stays; the copy in `scratch` is the next request's.
Bytes keep_body(ngx_http_request_t* r, Bytes body) {
    bool copied = body.data() == scratch().data();
    return copied ? view(copy_to(r->pool, body)) : body;
}

// When the first of those in cooldown may be asked again.
void add_retry_after(ngx_http_request_t* r, const Context& ctx) {
    limit::Refusal refusal;
    refusal.retry_ns = ctx.exchange.rungs().retry_ns();
    if (refusal.retry_ns > 0) {
        (void) add_retry_headers(r, limit::retry_headers(refusal));
    }
}

Decision forward(ngx_http_request_t* r, Context& ctx, Bytes body) {
    if (ctx.exchange.observe()) {
        ctx.forwarded = true;
        return {};
    }
    switch (begin_ladder(r, ctx)) {
    case NGX_OK:
        break;
    case NGX_DECLINED:
        if (!ctx.exchange.denial()) {
            add_retry_after(r, ctx);
        }
        return {NGX_DONE, ctx.exchange.refusal()};
    default:
        return {NGX_HTTP_INTERNAL_SERVER_ERROR, {}};
    }
    ctx.forwarded = true;
    ctx.rung.head.save(r);
    ask_for_plain_answer(r);
    forget_conditions(r);
    ngx_chain_t* client = body_of(r);
    const route::Edits& edits = ctx.exchange.forward(now());
    if (!edits.empty() && replace_body(r, client, body, edits) != NGX_OK) {
        return {NGX_HTTP_INTERNAL_SERVER_ERROR, {}};
    }
    mount_ladder(r, ctx, client);
    return {};
}

ngx_int_t enter(ngx_http_request_t* r, const CoreLoc& conf);

// Whether a request that was sent on has to be let in here: it was turned away
// where it comes from, or only watched. What is no LLM request may have been
// sent to a page for its refusal; one that was watched had none.
bool is_new_here(ngx_http_request_t* r, const Context& ctx,
                 const CoreLoc& conf) {
    if (conf.mode != kModeOn || !is_guarded(r) || ctx.replied) {
        return false;
    }
    if (ctx.foreign) {
        return ctx.exchange.observe() && r->content_handler != nullptr;
    }
    return (!ctx.forwarded || ctx.exchange.observe())
           && endpoint_of(r, conf) != api::Endpoint::kNone;
}

// The operator's error_page, try_files or rewrite has sent the request on:
// limits and look-up are not taken twice.
ngx_int_t enter_again(ngx_http_request_t* r, Context& ctx) {
    const LocConf& conf = loc_conf(r);
    if (is_new_here(r, ctx, conf.core)) {
        ctx.exchange.end(exchange::End::kRefused, now());
        return enter(r, conf.core);
    }
    bool limited = conf.core.mode == kModeOn
                   && (conf.limit.limits != nullptr
                       || conf.limit.budgets != nullptr)
                   && endpoint_of(r, conf.core) != api::Endpoint::kNone;
    if (limited && ctx.exchange.spending() == nullptr) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "llm: limits stand in a location that the request "
                      "came to by another one with \"llm on\" and without "
                      "any: it is refused, they cannot be kept here");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    ctx.exchange.reroute();
    ctx.rerouted = true;
    ctx.headed = false;
    leave_ladder(ctx);
    return NGX_DECLINED;
}

Decision failed() {
    return {NGX_HTTP_INTERNAL_SERVER_ERROR, {}};
}

Decision answer_from_memory(ngx_http_request_t* r, Context& ctx,
                            Bytes body) {
    maybe_audit(r, ctx, body);
    ctx.replied = true;
    r->content_handler = send_reply;
    return {NGX_DECLINED, {}};
}

Decision find_way(ngx_http_request_t* r, Context& ctx, Bytes body,
                  Bytes model, Now at);

// Nothing in memory answers: limits, then upstream. A budget that comes to
// its soft line may send the request back to the route with a smaller model,
// once.
Decision go_upstream(ngx_http_request_t* r, Context& ctx, Bytes body,
                     Now at) {
    exchange::Exchange& exchange = ctx.exchange;
    if (!exchange.may_leave()) {
        return {NGX_DONE, exchange.refusal()};
    }
    read_late_keys(r, ctx);
    if (exchange.reserve(at) == exchange::Step::kRefuse) {
        return {NGX_DONE, exchange.denial()->error};
    }
    if (!exchange.degrade_to().empty()) {
        return find_way(r, ctx, body, exchange.degrade_to(), at);
    }
    return forward(r, ctx, body);
}

// Route, then the caches.
Decision find_way(ngx_http_request_t* r, Context& ctx, Bytes body,
                  Bytes model, Now at) {
    exchange::Exchange& exchange = ctx.exchange;
    ngx_int_t rc = NGX_OK;
    if (auto error = plan_route(r, ctx, model, rc); error || rc != NGX_OK) {
        return error ? Decision{NGX_DONE, error} : failed();
    }
    exchange::Policy policy;
    if (read_policy(r, ctx, policy) != NGX_OK) {
        return failed();
    }
    if (exchange.look_up(policy, at, pool_allocator(r->pool))
        == exchange::Step::kReply) {
        return answer_from_memory(r, ctx, body);
    }
    switch (begin_near(r, ctx)) {
    case NearStep::kReply:
        return answer_from_memory(r, ctx, body);
    case NearStep::kWait:
        ctx.body = body;
        return {NGX_DONE, {}};
    case NearStep::kForward:
        break;
    }
    return go_upstream(r, ctx, body, at);
}

// The body is whole: what follows happens in one turn, but for a near match
// that has to be waited for.
Decision decide(ngx_http_request_t* r, Context& ctx) {
    Overhead overhead(ctx);
    ctx.looked_up = true;
    Result<Bytes> body = gather_body(body_of(r), fresh_scratch());
    if (!body.ok()) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "llm: %s failed",
                      body.error().message.c_str());
        return failed();
    }
    Bytes bytes = may_wait(r) ? keep_body(r, *body) : *body;
    if (bytes.data() == nullptr && !body->empty()) {
        return failed();
    }
    Decision decision;
    decision.error = ctx.exchange.read(bytes, needs_model(r));
    if (!decision.error) {
        judge_complexity(r, ctx);
        decision = find_way(r, ctx, bytes, {}, overhead.at());
    }
    if (!ctx.near_waiting) {
        ctx.exchange.release();
    }
    return decision;
}

// The wait for a vector is over.
Decision decide_after_wait(ngx_http_request_t* r, Context& ctx) {
    Overhead overhead(ctx);
    Decision decision = end_near(r, ctx) == NearStep::kReply
                            ? answer_from_memory(r, ctx, ctx.body)
                            : go_upstream(r, ctx, ctx.body, overhead.at());
    if (!ctx.near_waiting) {
        ctx.exchange.release();
    }
    return decision;
}

// The refusal comes last: it may be the end of the request and of its
// Context.
ngx_int_t finish(ngx_http_request_t* r, Context& ctx,
                 const Decision& decision) {
    return decision.error ? refuse(r, ctx, *decision.error) : decision.rc;
}

ngx_int_t refuse_encoded(ngx_http_request_t* r, Context& ctx) {
    api::ApiError error;
    error.status = NGX_HTTP_UNSUPPORTED_MEDIA_TYPE;
    error.message = "The request body must not be encoded: "
                    "Content-Encoding is not supported.";
    return refuse(r, ctx, error);
}

// As lenient upstreams read paths: in any case, without parameters of segments
// (";x", servlets) and what stands at the end: slashes, blanks, a line's end
// (Starlette, and so vLLM and LiteLLM, by "$" in a pattern).
std::string lenient(Bytes path) {
    std::string out;
    bool parameter = false;
    for (char c : path) {
        parameter = c != '/' && (parameter || c == ';');
        if (!parameter) {
            out += ascii_lower(c);
        }
    }
    constexpr Bytes kEnd("/ \t\r\n\v\f\0", 8);
    out.resize(out.find_last_not_of(kEnd) + 1);
    return out;
}

bool is_llm_path(ngx_http_request_t* r) {
    return r->method == NGX_HTTP_POST
           && api::endpoint_of(lenient(view(r->uri)))
                  != api::Endpoint::kNone;
}

// Where keys or limits stand there is no open door beside them.
ngx_int_t refuse_unknown(ngx_http_request_t* r, Context& ctx) {
    api::ApiError error;
    if (is_llm_path(r) && !says_json(r)) {
        error.status = NGX_HTTP_UNSUPPORTED_MEDIA_TYPE;
        error.message = "The request body must be JSON in UTF-8, sent as "
                        "application/json.";
    } else {
        error.status = NGX_HTTP_NOT_FOUND;
        error.message = "There is nothing here for this method and path.";
        error.code = "not_found";
    }
    return refuse(r, ctx, error);
}

// Where all goes to providers, what is no LLM request has none to go to.
bool has_no_way(ngx_http_request_t* r, const CoreLoc& conf) {
    return loc_conf(r).provider.required == 1 && conf.mode == kModeOn
           && !conf.passthrough && conf.handler == nullptr
           && r->content_handler != nullptr;
}

ngx_int_t enter(ngx_http_request_t* r, const CoreLoc& conf) {
    api::Endpoint endpoint = endpoint_of(r, conf);
    bool guarded = is_guarded(r);
    bool observe = conf.mode == kModeObserve;
    bool encoded = endpoint != api::Endpoint::kNone && is_encoded(r);
    bool models = endpoint == api::Endpoint::kNone && asks_for_models(r);
    if (endpoint == api::Endpoint::kNone && !guarded && !models
        && !has_no_way(r, conf)) {
        return NGX_DECLINED;
    }
    if (encoded && (observe || (conf.passthrough && !guarded))) {
        return NGX_DECLINED;
    }
    Context* ctx =
        Context::create(r, endpoint, observe, conf.event_max_size);
    if (ctx == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    std::optional<api::ApiError> error;
    {
        Overhead overhead(*ctx, ctx->exchange.start());
        error = admit(r, *ctx);
    }
    if (error) {
        return refuse(r, *ctx, *error);
    }
    if (models) {
        ctx->foreign = true;
        r->content_handler = send_models;
        return NGX_DECLINED;
    }
    // What an upstream might read as a prompt all the same is no other
    // traffic: nobody would count it.
    bool pass =
        observe || (conf.passthrough && !(guarded && is_llm_path(r)));
    if (endpoint == api::Endpoint::kNone || (encoded && pass)) {
        ctx->foreign = pass;
        return pass ? NGX_DECLINED : refuse_unknown(r, *ctx);
    }
    return encoded ? refuse_encoded(r, *ctx) : ask_for_body(r, *ctx);
}

// What fails on our side does not stop traffic, but where it would go on
// without the key or the money that is asked for.
ngx_int_t after_failure(ngx_http_request_t* r) {
    return loc_conf(r).core.mode == kModeOn && is_guarded(r)
               ? NGX_HTTP_INTERNAL_SERVER_ERROR
               : NGX_DECLINED;
}

ngx_int_t precontent(ngx_http_request_t* r) noexcept {
    return guard(r->connection->log, after_failure(r), [r] {
        if (r != r->main) {
            return ngx_int_t{NGX_DECLINED};
        }
        Context* ctx = Context::find(r);
        if (ctx == nullptr) {
            const CoreLoc& conf = loc_conf(r).core;
            return conf.mode == kModeOff ? ngx_int_t{NGX_DECLINED}
                                         : enter(r, conf);
        }
        if (ctx->foreign && !is_new_here(r, *ctx, loc_conf(r).core)) {
            return ngx_int_t{NGX_DECLINED};
        }
        if (ctx->near_waiting) {
            return finish(r, *ctx, decide_after_wait(r, *ctx));
        }
        if (ctx->looked_up || !ctx->body_ready) {
            // Without the body: it could not be read, or was refused unread.
            return enter_again(r, *ctx);
        }
        return finish(r, *ctx, decide(r, *ctx));
    });
}

// Or does not read, for send_timeout.
bool is_client_gone(const ngx_http_request_t* r) {
    return r->connection->error || r->connection->timedout;
}

exchange::End end_of(ngx_http_request_t* r, const Context& ctx) {
    if (ctx.replied) {
        return is_client_gone(r) ? exchange::End::kClientAbort
                                 : exchange::End::kComplete;
    }
    if (ctx.foreign) {
        return exchange::End::kComplete;
    }
    if (!ctx.forwarded) {
        return exchange::End::kRefused;
    }
    if (ctx.upstream_rc == NGX_HTTP_GATEWAY_TIME_OUT) {
        return exchange::End::kTimeout;
    }
    if (ctx.upstream_rc == NGX_HTTP_CLIENT_CLOSED_REQUEST
        || r->headers_out.status == NGX_HTTP_CLIENT_CLOSED_REQUEST
        || is_client_gone(r)) {
        return exchange::End::kClientAbort;
    }
    if (ctx.upstream_rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return exchange::End::kUpstreamCut;
    }
    return exchange::End::kComplete;
}

// As nginx's own $status.
int status_of(ngx_http_request_t* r) {
    ngx_uint_t status =
        r->err_status != 0 ? r->err_status : r->headers_out.status;
    return static_cast<int>(status);
}

// A client may have left while nginx still looked for an upstream.
bool was_sent(ngx_http_request_t* r) {
    return r->upstream == nullptr || r->upstream->request_sent;
}

// proxy_cache and proxy_store have nginx read on when the client has left,
// and what it has read ahead of one who reads slowly may be the whole answer:
// no filter sees that.
void count_unseen(ngx_http_request_t* r, Context& ctx) {
    const ngx_http_upstream_t* u = r->upstream;
    if (ctx.headed && u != nullptr && u->state != nullptr && u->buffering
        && u->pipe != nullptr
        && (u->pipe->downstream_error || is_client_gone(r))
        && u->state->response_length > 0) {
        ctx.exchange.came_in_all(
            static_cast<uint64_t>(u->state->response_length));
    }
}

// The last stop, and the only one for a client that has left.
ngx_int_t log(ngx_http_request_t* r) noexcept {
    return guard(r->connection->log, ngx_int_t{NGX_OK}, [r] {
        Context* ctx = Context::find(r);
        if (ctx != nullptr) {
            ctx->wait.reset();
            if (!ctx->exchange.ended()) {
                count_unseen(r, *ctx);
                if (!was_sent(r)) {
                    ctx->exchange.never_sent();
                }
                ctx->exchange.end(end_of(r, *ctx), now());
            }
            ctx->exchange.log(status_of(r));
        }
        return ngx_int_t{NGX_OK};
    });
}

ngx_int_t add_handler(ngx_conf_t* cf, ngx_http_phases phase,
                      ngx_http_handler_pt handler) {
    auto* core = static_cast<ngx_http_core_main_conf_t*>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    auto* slot = static_cast<ngx_http_handler_pt*>(
        ngx_array_push(&core->phases[phase].handlers));
    if (slot == nullptr) {
        return NGX_ERROR;
    }
    *slot = handler;
    return NGX_OK;
}

// nginx runs the handlers of this phase first to last, and the access log,
// which is older than we are, wants the settled figures.
ngx_int_t add_first_log_handler(ngx_conf_t* cf) {
    if (add_handler(cf, NGX_HTTP_LOG_PHASE, log) != NGX_OK) {
        return NGX_ERROR;
    }
    auto* core = static_cast<ngx_http_core_main_conf_t*>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    ngx_array_t& handlers = core->phases[NGX_HTTP_LOG_PHASE].handlers;
    auto* first = static_cast<ngx_http_handler_pt*>(handlers.elts);
    std::rotate(first, first + handlers.nelts - 1, first + handlers.nelts);
    return NGX_OK;
}

}  // namespace

api::Endpoint endpoint_of(ngx_http_request_t* r, const CoreLoc& conf) {
    if (r->method != NGX_HTTP_POST) {
        return api::Endpoint::kNone;
    }
    api::Endpoint endpoint = api::endpoint_of(view(r->uri));
    if (endpoint == api::Endpoint::kNone) {
        return endpoint;
    }
    bool anthropic = api::family_of(endpoint) == api::Family::kAnthropic;
    if ((conf.api == kApiOpenai && anthropic)
        || (conf.api == kApiAnthropic && !anthropic)) {
        return api::Endpoint::kNone;
    }
    return says_json(r) ? endpoint : api::Endpoint::kNone;
}

ngx_int_t add_phase_handlers(ngx_conf_t* cf) {
    if (add_handler(cf, NGX_HTTP_PRECONTENT_PHASE, precontent) != NGX_OK) {
        return NGX_ERROR;
    }
    return add_first_log_handler(cf);
}

}  // namespace llm::door
