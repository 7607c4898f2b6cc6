#include "ngx_llm_module/audit.hpp"

#include "ngx_llm_module/curl.hpp"
#include "ngx_llm_module/headers.hpp"
#include "ngx_llm_module/near.hpp"
#include "ngx_llm_module/provider_setup.hpp"
#include "ngx_llm_module/zone.hpp"
#include "src/exchange/audit.hpp"

namespace llm::door {
namespace {

constexpr ngx_msec_t kTimeout = 120000;
constexpr size_t kMaxAnswer = size_t{4} << 20;
constexpr long kMillion = 1000000;
constexpr Bytes kAnthropicVersion = "anthropic-version";
constexpr Bytes kFirstAnthropicVersion = "2023-06-01";

struct Target {
    std::string url;
    std::string provider;
    std::vector<std::string> headers;
};

// One audit under way.
struct Run {
    exchange::Audit audit;
    std::string provider;
    const Embedder* embedder;
    const semantic::Judge* facts;
    std::string fresh;
    std::shared_ptr<exchange::NearJob> vectors[2];
    int waiting = 0;
};

size_t& running() {
    static size_t count = 0;
    return count;
}

Bytes suffix_of(api::Endpoint endpoint) {
    switch (endpoint) {
    case api::Endpoint::kChat: return "/chat/completions";
    case api::Endpoint::kCompletions: return "/completions";
    case api::Endpoint::kResponses: return "/responses";
    case api::Endpoint::kMessages: return "/messages";
    case api::Endpoint::kEmbeddings:
    case api::Endpoint::kNone: break;
    }
    return {};
}

void add_credential(const route::Provider& provider, Bytes secret,
                    Target& target) {
    if (!secret.empty()) {
        Bytes name = provider.api == api::Family::kAnthropic
                         ? Bytes("x-api-key: ")
                         : Bytes("Authorization: Bearer ");
        target.headers.push_back(std::string(name) + std::string(secret));
    }
    for (const auto& [name, value] : provider.headers) {
        target.headers.push_back(name + ": " + value);
    }
}

// Empty: no provider, or none that can be asked.
std::optional<Target> at_provider(ngx_http_request_t* r,
                                  const Context& ctx) {
    const ProviderSetup* setup = main_conf(r).provider.setup;
    const route::Registry* registry = worker_services().registry;
    if (setup == nullptr || registry == nullptr) {
        return std::nullopt;
    }
    route::Choice choice = registry->choose(
        ctx.exchange.upstream_model(), ctx.exchange.request().family,
        static_cast<uint64_t>(ngx_random()), {}, nullptr, now());
    const route::Provider* provider = choice.provider;
    if (provider == nullptr || provider->pass_credential) {
        return std::nullopt;
    }
    auto path = route::provider_path(*provider, view(r->uri));
    std::string host = provider->origin.host_header();
    if (!path || (provider->origin.port == 0
                  && provider->origin.host_name.empty())) {
        return std::nullopt;
    }
    Target target;
    target.url = provider->origin.scheme + "://" + host + *path;
    target.provider = provider->name;
    auto key = setup->key_of(*provider);
    add_credential(*provider, key == nullptr ? Bytes() : Bytes(key->secret),
                   target);
    return target;
}

std::optional<Target> target_of(ngx_http_request_t* r, const Context& ctx) {
    const ngx_str_t& url = loc_conf(r).semantic.audit_url;
    std::optional<Target> target = at_provider(r, ctx);
    if (!target && url.len > 0) {
        Bytes base = view(url);
        while (base.ends_with('/')) {
            base.remove_suffix(1);
        }
        target.emplace();
        target->url = base;
        target->url += suffix_of(ctx.exchange.endpoint());
    }
    if (target) {
        target->headers.emplace_back("Content-Type: application/json");
        if (ctx.exchange.endpoint() == api::Endpoint::kMessages) {
            Bytes said = request_header(r, kAnthropicVersion);
            target->headers.push_back(
                std::string(kAnthropicVersion) + ": "
                + std::string(said.empty() ? kFirstAnthropicVersion : said));
        }
    }
    return target;
}

void settle(const Run& run, exchange::Agreed agreed) {
    running()--;
    exchange::settle_audit(worker_services(), run.audit, agreed, now());
    if (agreed == exchange::Agreed::kNo) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "llm_semantic: an audited hit was wrong; its pair is "
                      "no longer near");
    }
}

void compare(const Run& run) {
    float cosine =
        run.vectors[0]->has_code() && run.vectors[1]->has_code()
            ? exchange::cosine_of(run.vectors[0]->code(),
                                  run.vectors[1]->code())
            : -1;
    settle(run, exchange::compare(*run.facts, run.audit.stored, run.fresh,
                                  cosine, run.embedder->kind));
}

void make_vectors(const std::shared_ptr<Run>& run) {
    run->waiting = 2;
    Bytes texts[] = {run->audit.stored, run->fresh};
    for (size_t i = 0; i < 2; i++) {
        run->vectors[i] = std::make_shared<exchange::NearJob>(
            std::string(texts[i]), Digest{}, 1, *worker_services().index,
            run->embedder->encoder, false);
    }
    auto made = [run] {
        if (--run->waiting == 0) {
            compare(*run);
        }
    };
    for (auto& job : run->vectors) {
        if (!make_vector(*run->embedder, job, made)) {
            made();
        }
    }
}

void on_answer(const std::shared_ptr<Run>& run, const FetchResult& result) {
    if (result.status == 200) {
        run->fresh = exchange::take_audit(worker_services(), run->audit,
                                          run->provider, result.body);
    }
    if (run->fresh.empty()) {
        settle(*run, exchange::Agreed::kUnknown);
    } else if (run->fresh == run->audit.stored) {
        settle(*run, exchange::Agreed::kYes);
    } else {
        make_vectors(run);
    }
}

}  // namespace

void maybe_audit(ngx_http_request_t* r, Context& ctx, Bytes body) {
    const SemanticLoc& conf = loc_conf(r).semantic;
    if (conf.embedder == nullptr || conf.audit_ppm == 0
        || ctx.exchange.cache_status() != exchange::CacheStatus::kSemantic
        || static_cast<ngx_uint_t>(ngx_random() % kMillion) >= conf.audit_ppm
        || running() >= kMaxAudits || ngx_exiting) {
        return;
    }
    std::optional<Target> target = target_of(r, ctx);
    std::optional<exchange::Audit> audit;
    if (target) {
        audit = ctx.exchange.audit(body);
    }
    if (!audit) {
        return;
    }
    auto run = std::make_shared<Run>();
    run->audit = std::move(*audit);
    run->provider = std::move(target->provider);
    run->embedder = conf.embedder;
    run->facts = main_conf(r).semantic.facts;
    FetchRequest request;
    request.url = std::move(target->url);
    request.headers = std::move(target->headers);
    request.body = std::move(run->audit.body);
    request.timeout = kTimeout;
    request.max_response = kMaxAnswer;
    auto started = fetch(std::move(request),
                         [run](const FetchResult& result) {
                             on_answer(run, result);
                         });
    if (!started) {
        return;
    }
    Fetch(std::move(started).value()).let_go();
    running()++;
}

}  // namespace llm::door
