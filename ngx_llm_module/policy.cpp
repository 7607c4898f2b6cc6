#include "ngx_llm_module/policy.hpp"

#include "ngx_llm_module/headers.hpp"
#include "ngx_llm_module/zone.hpp"

namespace llm::door {
namespace {

constexpr size_t kTenantSize = 16;  // bytes of the HMAC that name a tenant

// Authorization, whatever its scheme, then x-api-key; an empty one is none.
Bytes credential(ngx_http_request_t* r) {
    if (r->headers_in.authorization != nullptr) {
        Bytes value = view(r->headers_in.authorization->value);
        constexpr Bytes kBearer = "bearer ";
        if (equals_ignore_case(value.substr(0, kBearer.size()), kBearer)) {
            value.remove_prefix(kBearer.size());
            while (!value.empty() && value.front() == ' ') {
                value.remove_prefix(1);
            }
        } else if (equals_ignore_case(value, "bearer")) {
            value = {};
        }
        if (!value.empty()) {
            return value;
        }
    }
    return request_header(r, "x-api-key");
}

bool has_other_identity(ngx_http_request_t* r) {
    if (!request_header(r, "cookie").empty()) {
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

void identify(ngx_http_request_t* r, Context& ctx) {
    Bytes secret = credential(r);
    if (secret.empty()) {
        ctx.tenant.clear();
        ctx.other_identity = has_other_identity(r);
        return;
    }
    Digest mac = hmac_sha256(worker_services().secret.view(), secret);
    ctx.tenant = to_hex(mac.view().substr(0, kTenantSize));
}

ngx_int_t evaluate(ngx_http_request_t* r, const ngx_array_t* values,
                   std::vector<Bytes>& out) {
    auto* value = static_cast<ngx_http_complex_value_t*>(values->elts);
    for (ngx_uint_t i = 0; i < values->nelts; i++) {
        ngx_str_t text;
        if (ngx_http_complex_value(r, &value[i], &text) != NGX_OK) {
            return NGX_ERROR;
        }
        out.push_back(view(text));
    }
    return NGX_OK;
}

ngx_int_t read_scope(ngx_http_request_t* r, const CacheLoc& conf,
                     Context& ctx, exchange::Policy& policy) {
    if (conf.scope == nullptr) {
        policy.scope.push_back(ctx.tenant);
        return NGX_OK;
    }
    if (evaluate(r, conf.scope, policy.scope) != NGX_OK) {
        return NGX_ERROR;
    }
    policy.tenant_scoped = false;
    for (Bytes value : policy.scope) {
        bool holds = !ctx.tenant.empty()
                     && value.find(ctx.tenant) != Bytes::npos;
        policy.tenant_scoped = policy.tenant_scoped || holds;
    }
    return NGX_OK;
}

// What only a variable can get wrong is logged and stores nothing.
ngx_int_t read_valid(ngx_http_request_t* r, const CacheLoc& conf,
                     exchange::Policy& policy) {
    if (conf.valid_literal >= 0) {
        policy.ttl_s = conf.valid_literal;
        return NGX_OK;
    }
    ngx_str_t text;
    if (ngx_http_complex_value(r, conf.valid, &text) != NGX_OK) {
        return NGX_ERROR;
    }
    time_t seconds = ngx_parse_time(&text, 1);
    if (seconds == static_cast<time_t>(NGX_ERROR)) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "llm: \"llm_cache_valid\" came out as \"%V\", which is "
                      "no time; the answer is not stored",
                      &text);
        seconds = 0;
    }
    policy.ttl_s = seconds;
    return NGX_OK;
}

// NGX_DECLINED from nginx means that a predicate holds.
ngx_int_t read_predicate(ngx_http_request_t* r, ngx_array_t* predicates,
                         bool& out) {
    if (predicates == nullptr) {
        return NGX_OK;
    }
    ngx_int_t rc = ngx_http_test_predicates(r, predicates);
    out = rc == NGX_DECLINED;
    return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
}

void read_headers(ngx_http_request_t* r, const CacheLoc& conf,
                  exchange::Policy& policy) {
    each_header(r->headers_in.headers, [&](ngx_table_elt_t& header) {
        Bytes name = view(header.key);
        Bytes value = view(header.value);
        // Cheap first: few headers begin with one of these letters.
        char first = name.empty() ? '\0' : ascii_lower(name[0]);
        if (first == 'c' && conf.client_control
            && equals_ignore_case(name, "cache-control")) {
            policy.control.read(value);
        } else if (first == 'a'
                   && equals_ignore_case(name, "anthropic-version")) {
            policy.anthropic_version = value;
        } else if (first == 'a'
                   && equals_ignore_case(name, "anthropic-beta")) {
            policy.anthropic_beta = value;
        } else if (first == 'o'
                   && equals_ignore_case(name, "openai-organization")) {
            policy.openai_organization = value;
        } else if (first == 'o'
                   && equals_ignore_case(name, "openai-project")) {
            policy.openai_project = value;
        } else if (first == 'o' && equals_ignore_case(name, "openai-beta")) {
            policy.openai_beta = value;
        }
    });
}

}  // namespace

ngx_int_t read_policy(ngx_http_request_t* r, Context& ctx,
                      exchange::Policy& policy) {
    const CacheLoc& conf = loc_conf(r).cache;
    identify(r, ctx);
    policy.cache = conf.zone.len > 0;
    policy.tenant = ctx.tenant;
    policy.other_identity = ctx.other_identity && conf.scope == nullptr;
    if (!policy.cache) {
        return NGX_OK;
    }
    policy.max_size = conf.max_size;
    if (conf.max_temperature != NGX_MAX_INT_T_VALUE) {
        policy.max_temperature = conf.max_temperature;
    }
    read_headers(r, conf, policy);
    if (read_scope(r, conf, ctx, policy) != NGX_OK
        || read_valid(r, conf, policy) != NGX_OK
        || read_predicate(r, conf.bypass, policy.bypass) != NGX_OK
        || read_predicate(r, conf.no_cache, policy.no_store) != NGX_OK) {
        return NGX_ERROR;
    }
    if (conf.version != nullptr) {
        ngx_str_t text;
        if (ngx_http_complex_value(r, conf.version, &text) != NGX_OK) {
            return NGX_ERROR;
        }
        policy.version = view(text);
    }
    if (conf.tags != nullptr
        && evaluate(r, conf.tags, policy.tags) != NGX_OK) {
        return NGX_ERROR;
    }
    ctx.tenant_scoped = policy.tenant_scoped;
    return NGX_OK;
}

}  // namespace llm::door
