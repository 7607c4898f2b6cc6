#include "ngx_llm_module/identity.hpp"

#include <algorithm>
#include <utility>

#include "ngx_llm_module/headers.hpp"
#include "ngx_llm_module/zone.hpp"
#include "src/metrics/families.hpp"

namespace llm::door {
namespace {

// What an Authorization names, whatever its scheme; empty for a bare one.
Bytes token_of(Bytes value) {
    constexpr Bytes kBearer = "bearer";
    if (!equals_ignore_case(value.substr(0, kBearer.size()), kBearer)) {
        return value;
    }
    Bytes token = value.substr(kBearer.size());
    if (!token.empty() && token.front() != ' ') {
        return value;
    }
    while (!token.empty() && token.front() == ' ') {
        token.remove_prefix(1);
    }
    return token;
}

// The first is the tenant's. An upstream may look at any other that stands
// beside it, so whoever sends another one is somebody else.
struct Credentials {
    Bytes first;
    std::string further;

    void add(Bytes credential) {
        if (credential.empty() || credential == first) {
            return;
        }
        if (first.empty()) {
            first = credential;
            return;
        }
        append_percent_encoded(further, credential);
        further += ',';
    }
};

Credentials credentials(ngx_http_request_t* r) {
    Credentials found;
    each_request_header(r, "authorization", [&](Bytes value) {
        found.add(token_of(value));
    });
    for (Bytes name : {"x-api-key", "api-key"}) {
        each_request_header(r, name,
                            [&](Bytes value) { found.add(value); });
    }
    return found;
}

// "Basic dTpw": whom it names is no matter of ours.
bool is_of_other_scheme(Bytes authorization) {
    return token_of(authorization) == authorization
           && authorization.find(' ') != Bytes::npos;
}

// The virtual key where another scheme stands first: of the first header that
// may have one. Where none has, what stands there is unknown.
Bytes virtual_key(ngx_http_request_t* r, Bytes otherwise) {
    Bytes key;
    auto take = [&key](Bytes value) {
        key = key.empty() && !is_of_other_scheme(value) ? token_of(value)
                                                        : key;
    };
    each_request_header(r, "authorization", take);
    for (Bytes name : {"x-api-key", "api-key"}) {
        each_request_header(r, name, [&key](Bytes value) {
            key = key.empty() ? value : key;
        });
    }
    return key.empty() ? otherwise : key;
}

// What tells an upstream or a gateway before it who asks, although it is no
// credential of the protocols that we speak.
constexpr Bytes kOtherIdentities[] = {
    "cookie",
    "proxy-authorization",
    "x-goog-api-key",
    "x-auth-token",
    "ocp-apim-subscription-key",
    "cf-aig-authorization",
    "x-litellm-api-key",
    "x-portkey-api-key",
    "helicone-auth",
    "apikey",  // Kong's
    "cf-access-jwt-assertion",
    "cf-access-client-secret",
    "x-forwarded-access-token",
};

// Those of them that a gateway may go by although there is an Authorization:
// LiteLLM looks at its own first, so that any word will do there.
constexpr Bytes kKeysBeside[] = {
    "x-litellm-api-key", "x-portkey-api-key", "x-goog-api-key",
    "ocp-apim-subscription-key", "apikey",
};

bool is_key_beside(Bytes name) {
    return std::ranges::any_of(kKeysBeside, [name](Bytes other) {
        return equals_ignore_case(name, other);
    });
}

bool has_other_identity(ngx_http_request_t* r) {
    bool other = false;
    each_header(r->headers_in.headers, [&](ngx_table_elt_t& header) {
        other = other
                || (header.value.len > 0
                    && is_other_identity(view(header.key)));
    });
    if (other) {
        return true;
    }
#if (NGX_HTTP_SSL)
    ngx_ssl_connection_t* ssl = r->connection->ssl;
    if (ssl != nullptr) {
        X509* cert = SSL_get_peer_certificate(ssl->connection);
        X509_free(cert);
        return cert != nullptr;
    }
#endif
    return false;
}

void identify_by_credential(ngx_http_request_t* r, Context& ctx,
                            Credentials found) {
    if (found.first.empty()) {
        ctx.other_identity = has_other_identity(r);
        return;
    }
    each_header(r->headers_in.headers, [&found](ngx_table_elt_t& header) {
        if (is_key_beside(view(header.key))) {
            found.add(view(header.value));
        }
    });
    limit::TenantNames& names = worker_services().tenants;
    ctx.tenant = names.of(found.first);
    if (!found.further.empty()) {
        ctx.further_identity = names.of(found.further);
    }
}

struct Why {
    Bytes reason;   // a label
    Bytes message;
};

Why why_of(limit::KeyState state, bool missing) {
    if (missing) {
        return {"missing", "No API key was given: send it as "
                           "\"Authorization: Bearer KEY\" or \"x-api-key\"."};
    }
    switch (state) {
    case limit::KeyState::kExpired:
        return {"expired", "The API key has expired."};
    case limit::KeyState::kDisabled:
        return {"disabled", "The API key is disabled."};
    default:
        return {"unknown", "The API key is not valid."};
    }
}

api::ApiError refuse_key(const limit::KeyFound& found, bool missing) {
    Why why = why_of(found.state, missing);
    exchange::Services& services = worker_services();
    services.metrics.counter(metrics::kKeyRefused, {why.reason}).add();
    if (!missing && services.alert != nullptr) {
        exchange::Alert alert;
        alert.event = "key_invalid";
        alert.rule = why.reason;
        alert.key = found.key != nullptr ? Bytes(found.key->name) : Bytes{};
        services.alert(alert);
    }
    api::ApiError error;
    error.status = NGX_HTTP_UNAUTHORIZED;
    error.message = why.message;
    error.code = "invalid_api_key";
    return error;
}

}  // namespace

bool is_other_identity(Bytes name) {
    return std::ranges::any_of(kOtherIdentities, [name](Bytes other) {
        return equals_ignore_case(name, other);
    });
}

std::optional<api::ApiError> identify(ngx_http_request_t* r, Context& ctx) {
    const LimitMain& conf = main_conf(r).limit;
    Credentials found = credentials(r);
    if (conf.keys == nullptr) {
        identify_by_credential(r, ctx, std::move(found));
        return std::nullopt;
    }
    Bytes credential = is_of_other_scheme(found.first)
                           ? virtual_key(r, found.first)
                           : found.first;
    if (conf.credential != nullptr) {
        ngx_str_t text = ngx_null_string;
        if (ngx_http_complex_value(r, conf.credential, &text) == NGX_OK) {
            credential = view(text);
        }
    }
    ctx.keys = conf.keys->value();
    limit::KeyFound key =
        ctx.keys->find(credential, ctx.exchange.start());
    if (key.state != limit::KeyState::kGood) {
        return refuse_key(key, credential.empty());
    }
    ctx.key = key.key;
    ctx.tenant = key.key->tenant;
    return std::nullopt;
}

}  // namespace llm::door
