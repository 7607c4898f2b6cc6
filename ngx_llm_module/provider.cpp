#include "ngx_llm_module/provider.hpp"

#include "ngx_llm_module/headers.hpp"
#include "ngx_llm_module/identity.hpp"
#include "ngx_llm_module/provider_setup.hpp"
#include "ngx_llm_module/vars.hpp"
#include "ngx_llm_module/zone.hpp"

namespace llm::door {
namespace {

constexpr Bytes kFirstAnthropicVersion = "2023-06-01";

using route::Provider;

// nullptr where the client's own passes, or nothing.
std::shared_ptr<const route::ProviderKey> own_key(ngx_http_request_t* r,
                                                  const Provider& provider) {
    const ProviderSetup* setup = main_conf(r).provider.setup;
    return setup == nullptr ? nullptr : setup->key_of(provider);
}

// "" where there is none. The file may change before the answer comes: what
// was sent is remembered.
Bytes own_secret(ngx_http_request_t* r, Context& ctx,
                 const Provider& provider) {
    auto key = own_key(r, provider);
    if (key == nullptr) {
        return {};
    }
    ctx.sent_key = std::move(key);
    return ctx.sent_key->secret;
}

bool get_provider(ngx_http_request_t* r, Context& ctx,
                  ngx_http_variable_value_t* v) {
    const Provider* provider = provider_of(ctx);
    return provider != nullptr && give(r, v, provider->name);
}

// Where nobody is asked: the first that has the model.
const Provider* spared_provider(const Context& ctx) {
    const exchange::Rungs& rungs = ctx.exchange.rungs();
    const route::Registry* registry = worker_services().registry;
    if (registry == nullptr || !rungs.begun() || rungs.attempts() > 0) {
        return nullptr;
    }
    auto all = registry->open_to(rungs.model(),
                                 api::family_of(ctx.exchange.endpoint()));
    return all.empty() ? nullptr : &registry->providers()[all.front()];
}

bool get_state(ngx_http_request_t* r, Context& ctx,
               ngx_http_variable_value_t* v) {
    const Provider* provider = provider_of(ctx);
    if (provider == nullptr) {
        provider = spared_provider(ctx);
    }
    if (provider == nullptr) {
        return false;
    }
    route::CooldownAnswer answer = worker_services().cooldown.look(
        provider->name, ctx.exchange.rungs().model(), now());
    return give(r, v, route::name_of(answer.state));
}

bool get_url(ngx_http_request_t* r, Context& ctx,
             ngx_http_variable_value_t* v) {
    const Provider* provider = provider_of(ctx);
    if (provider == nullptr) {
        return false;
    }
    auto path = route::provider_path(*provider, view(r->uri));
    return path && give(r, v, route::provider_url(*provider, *path));
}

bool get_host(ngx_http_request_t* r, Context& ctx,
              ngx_http_variable_value_t* v) {
    const Provider* provider = provider_of(ctx);
    return provider != nullptr && give(r, v, provider->origin.host_header());
}

bool get_ssl_name(ngx_http_request_t* r, Context& ctx,
                  ngx_http_variable_value_t* v) {
    const Provider* provider = provider_of(ctx);
    return provider != nullptr && give(r, v, provider->origin.server_name());
}

bool get_authorization(ngx_http_request_t* r, Context& ctx,
                       ngx_http_variable_value_t* v) {
    const Provider* provider = provider_of(ctx);
    if (provider == nullptr) {
        return false;
    }
    if (provider->pass_credential) {
        return give(r, v, request_header(r, "authorization"));
    }
    Bytes secret = own_secret(r, ctx, *provider);
    if (secret.empty() || provider->api != api::Family::kOpenai) {
        return give(r, v, Bytes());
    }
    return give(r, v, "Bearer " + std::string(secret));
}

bool get_api_key(ngx_http_request_t* r, Context& ctx,
                 ngx_http_variable_value_t* v) {
    const Provider* provider = provider_of(ctx);
    if (provider == nullptr) {
        return false;
    }
    if (provider->pass_credential) {
        return give(r, v, request_header(r, "x-api-key"));
    }
    Bytes secret = own_secret(r, ctx, *provider);
    bool ours = !secret.empty() && provider->api == api::Family::kAnthropic;
    return give(r, v, ours ? secret : Bytes());
}

bool get_anthropic_version(ngx_http_request_t* r, Context& ctx,
                           ngx_http_variable_value_t* v) {
    const Provider* provider = provider_of(ctx);
    Bytes version = request_header(r, "anthropic-version");
    bool missing = version.empty() && provider != nullptr
                   && provider->api == api::Family::kAnthropic;
    return give(r, v, missing ? kFirstAnthropicVersion : version);
}

constexpr Variable kVariables[] = {
    {"llm_provider", get_provider},
    {"llm_provider_state", get_state},
    {"llm_provider_url", get_url},
    {"llm_provider_host", get_host},
    {"llm_provider_ssl_name", get_ssl_name},
    {"llm_provider_authorization", get_authorization},
    {"llm_provider_api_key", get_api_key},
    {"llm_provider_anthropic_version", get_anthropic_version},
};

// What chooses, or is, somebody's account.
bool is_of_account(Bytes name) {
    for (Bytes field : {"openai-organization", "openai-project", "api-key"}) {
        if (equals_ignore_case(name, field)) {
            return true;
        }
    }
    return is_other_identity(name);
}

bool is_replaced(const Provider& provider, Bytes name) {
    if (!provider.pass_credential && is_of_account(name)) {
        return true;
    }
    for (const auto& header : provider.headers) {
        if (equals_ignore_case(name, header.first)) {
            return true;
        }
    }
    return false;
}

ngx_int_t push_header(ngx_http_request_t* r, Bytes name, Bytes value) {
    auto* header = static_cast<ngx_table_elt_t*>(
        ngx_list_push(&r->headers_in.headers));
    auto* lower = static_cast<u_char*>(ngx_pnalloc(r->pool, name.size()));
    if (header == nullptr || lower == nullptr) {
        return NGX_ERROR;
    }
    *header = ngx_table_elt_t{};
    // Configuration outlives the request.
    header->key = immortal(name);
    header->value = immortal(value);
    header->hash = ngx_hash_strlow(lower, header->key.data, name.size());
    header->lowcase_key = lower;
    return NGX_OK;
}

}  // namespace

std::shared_ptr<const route::ProviderKey> ProviderSetup::key_of(
    const Provider& provider) const {
    for (size_t i = 0; i < providers.size(); i++) {
        if (providers[i].name == provider.name && keys[i] != nullptr) {
            return keys[i]->value();
        }
    }
    return nullptr;
}

const Provider* provider_of(const Context& ctx) {
    return ctx.exchange.rungs().provider();
}

ngx_int_t dress_request(ngx_http_request_t* r, Context& ctx,
                        const Provider* provider) {
    if (ctx.client_headers) {
        r->headers_in.headers = *ctx.client_headers;
    } else {
        ctx.client_headers = r->headers_in.headers;
    }
    if (provider == nullptr
        || (provider->pass_credential && provider->headers.empty())) {
        return NGX_OK;
    }
    ngx_list_t client = *ctx.client_headers;
    if (ngx_list_init(&r->headers_in.headers, r->pool, 32,
                      sizeof(ngx_table_elt_t))
        != NGX_OK) {
        return NGX_ERROR;
    }
    ngx_int_t rc = NGX_OK;
    each_header(client, [&](ngx_table_elt_t& header) {
        if (rc != NGX_OK || is_replaced(*provider, view(header.key))) {
            return;
        }
        auto* copy = static_cast<ngx_table_elt_t*>(
            ngx_list_push(&r->headers_in.headers));
        rc = copy == nullptr ? NGX_ERROR : NGX_OK;
        if (copy != nullptr) {
            *copy = header;
        }
    });
    for (const auto& [name, value] : provider->headers) {
        rc = rc == NGX_OK ? push_header(r, name, value) : rc;
    }
    return rc;
}

void conceal_key(ngx_http_request_t* r, Context& ctx) {
    const Provider* provider = provider_of(ctx);
    if (ctx.sent_key == nullptr && provider != nullptr) {
        ctx.sent_key = own_key(r, *provider);  // out of proxy_cache
    }
    if (ctx.sent_key != nullptr) {
        ctx.exchange.conceal(ctx.sent_key->secret);
    }
    if (provider == nullptr) {
        return;
    }
    for (Bytes secret : route::secrets_in_headers(*provider)) {
        ctx.exchange.conceal(secret);
    }
}

void mask_head(ngx_http_request_t* r, Context& ctx) {
    if (!ctx.exchange.conceals()) {
        return;
    }
    each_header(r->headers_out.headers, [&ctx](ngx_table_elt_t& header) {
        ctx.exchange.mask_line(reinterpret_cast<char*>(header.value.data),
                               header.value.len);
    });
}

std::span<const Variable> provider_variables() {
    return kVariables;
}

}  // namespace llm::door
