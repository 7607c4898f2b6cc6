#include "ngx_llm_module/policy.hpp"

#include <algorithm>

#include "ngx_llm_module/conf_proxy.hpp"
#include "ngx_llm_module/headers.hpp"
#include "ngx_llm_module/near.hpp"
#include "ngx_llm_module/zone.hpp"

namespace llm::door {
namespace {

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

// Does the configuration's text say $llm_tenant?
bool names_tenant(const ngx_array_t* values) {
    auto* value = static_cast<ngx_http_complex_value_t*>(values->elts);
    for (ngx_uint_t i = 0; i < values->nelts; i++) {
        if (view(value[i].value).find("llm_tenant") != Bytes::npos) {
            return true;
        }
    }
    return false;
}

ngx_int_t read_scope(ngx_http_request_t* r, const CacheLoc& conf,
                     Context& ctx, exchange::Policy& policy) {
    bool by_tenant = conf.scope == nullptr || names_tenant(conf.scope);
    if (conf.scope == nullptr) {
        policy.scope.push_back(ctx.tenant);
    } else if (evaluate(r, conf.scope, policy.scope) != NGX_OK) {
        return NGX_ERROR;
    }
    policy.tenant_scoped = by_tenant;
    bool anonymous = by_tenant;
    for (Bytes value : policy.scope) {
        bool holds = !ctx.tenant.empty()
                     && value.find(ctx.tenant) != Bytes::npos;
        policy.tenant_scoped = policy.tenant_scoped || holds;
        anonymous = anonymous && value.empty();
    }
    policy.other_identity = ctx.other_identity && anonymous;
    if (by_tenant && !policy.further_identity.empty()) {
        policy.scope.push_back(policy.further_identity);
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

void append_value(std::string& values, Bytes value) {
    if (!values.empty()) {
        values += ',';
    }
    values += value;
}

void read_headers(ngx_http_request_t* r, const CacheLoc& conf,
                  exchange::Policy& policy) {
    const struct {
        Bytes name;
        std::string& values;
    } in_key[] = {
        {"anthropic-version", policy.anthropic_version},
        {"anthropic-beta", policy.anthropic_beta},
        {"openai-organization", policy.openai_organization},
        {"openai-project", policy.openai_project},
        {"openai-beta", policy.openai_beta},
    };
    each_header(r->headers_in.headers, [&](ngx_table_elt_t& header) {
        Bytes name = view(header.key);
        // Cheap first: few headers begin with one of these letters.
        char first = name.empty() ? '\0' : ascii_lower(name[0]);
        if (first == 'c' && conf.client_control
            && equals_ignore_case(name, "cache-control")) {
            policy.control.read(view(header.value));
        }
        if (first != 'a' && first != 'o') {
            return;
        }
        for (const auto& known : in_key) {
            if (equals_ignore_case(name, known.name)) {
                append_value(known.values, view(header.value));
            }
        }
    });
}

// The address that a server listens on, as it is configured: the one by which
// the request came. Addresses of one port may share a socket.
void append_address(ngx_http_request_t* r, std::string& out) {
    const ngx_listening_t* listening = r->connection->listening;
    if (listening == nullptr || r->http_connection == nullptr) {
        return;
    }
    out += view(listening->addr_text);
    const ngx_http_addr_conf_t* conf = r->http_connection->addr_conf;
    auto* port = static_cast<ngx_http_port_t*>(listening->servers);
    if (port == nullptr || port->naddrs < 2) {
        return;
    }
    auto find = [&](const auto* addrs, auto address) {
        for (ngx_uint_t i = 0; i < port->naddrs; i++) {
            if (&addrs[i].conf == conf) {
                Bytes bytes(reinterpret_cast<const char*>(&(addrs[i].*address)),
                            sizeof(addrs[i].*address));
                out += ' ' + to_hex(bytes);
            }
        }
    };
    switch (listening->sockaddr->sa_family) {
#if (NGX_HAVE_INET6)
    case AF_INET6:
        find(static_cast<ngx_http_in6_addr_t*>(port->addrs),
             &ngx_http_in6_addr_t::addr6);
        break;
#endif
    default:
        find(static_cast<ngx_http_in_addr_t*>(port->addrs),
             &ngx_http_in_addr_t::addr);
    }
}

// As $proxy_host names it, for proxy_pass and its kin: in an "if" one of them
// may stand beside another's of the location around it. Where a variable says
// who is asked, the place in the configuration has to stand for it.
std::string upstream_of(ngx_http_request_t* r) {
    std::string name;
    for (ngx_module_t* module :
         {&ngx_http_proxy_module, &ngx_http_grpc_module,
          &ngx_http_fastcgi_module, &ngx_http_uwsgi_module,
          &ngx_http_scgi_module}) {
        if (module == nullptr) {
            continue;
        }
        // The first member of each of these modules' configuration.
        auto* conf = static_cast<ngx_http_upstream_conf_t*>(
            r->loc_conf[module->ctx_index]);
        if (conf->upstream != nullptr) {
            name += view(conf->upstream->host);
            name += ':';
            append_number(name, conf->upstream->port);
        }
        name += ' ';
    }
    if (name.find_first_not_of(' ') != std::string::npos) {
        return name;
    }
    auto* server = static_cast<ngx_http_core_srv_conf_t*>(
        ngx_http_get_module_srv_conf(r, ngx_http_core_module));
    auto* location = static_cast<ngx_http_core_loc_conf_t*>(
        ngx_http_get_module_loc_conf(r, ngx_http_core_module));
    append_address(r, name);
    name += ' ';
    name += view(server->server_name);
    name += ' ';
    name += view(location->name);
    return name;
}

// What the upstream will be asked for: as the client wrote it, unless it was
// rewritten, or proxy_pass has a path of its own.
void read_target(ngx_http_request_t* r, const ProxyPath& proxy,
                 exchange::Policy& policy) {
    bool replaced = r->valid_location && proxy.path.len > 0;
    if (r->valid_unparsed_uri && !replaced) {
        policy.target = view(r->unparsed_uri);
        return;
    }
    Bytes path = view(r->uri);
    std::string& target = policy.rewritten_target;
    if (replaced) {
        target = view(proxy.path);
        path.remove_prefix(std::min(proxy.location.len, path.size()));
    }
    target += path;
    if (r->args.len > 0) {
        target += '?';
        target += view(r->args);
    }
    policy.target = target;
}

}  // namespace

ngx_int_t read_policy(ngx_http_request_t* r, Context& ctx,
                      exchange::Policy& policy) {
    const CacheLoc& conf = loc_conf(r).cache;
    policy.further_identity = ctx.further_identity;
    policy.cache = conf.zone.len > 0;
    policy.tenant = ctx.tenant;
    if (!policy.cache) {
        return NGX_OK;
    }
    policy.max_size = conf.max_size;
    if (conf.max_temperature != NGX_MAX_INT_T_VALUE) {
        policy.max_temperature = conf.max_temperature;
    }
    policy.upstream = upstream_of(r);
    read_target(r, conf.proxy, policy);
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
    return read_near(r, ctx, policy);
}

}  // namespace llm::door
