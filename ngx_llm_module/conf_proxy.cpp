#include "ngx_llm_module/conf_proxy.hpp"

#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/conf.hpp"

namespace llm::door {
namespace {

using Setter = char* (*)(ngx_conf_t*, ngx_command_t*, void*);

Setter nginx_setter = nullptr;  // nullptr: it is in place

ngx_command_t* find_proxy_pass() {
    if (&ngx_http_proxy_module == nullptr) {
        return nullptr;
    }
    ngx_command_t* command = ngx_http_proxy_module.commands;
    for (; command->name.len > 0; command++) {
        if (view(command->name) == "proxy_pass") {
            return command;
        }
    }
    return nullptr;
}

// As ngx_parse_url() takes it from an address without variables.
Bytes path_of(Bytes url) {
    constexpr Bytes kUnix = "unix:";
    size_t mark = url.find("://");
    if (mark == Bytes::npos || url.find('$') != Bytes::npos) {
        return "";
    }
    url.remove_prefix(mark + 3);
    if (url.starts_with(kUnix)) {
        size_t colon = url.find(':', kUnix.size());
        return colon == Bytes::npos ? Bytes("") : url.substr(colon + 1);
    }
    size_t begin = url.find_first_of("/?");
    return begin == Bytes::npos ? Bytes("") : url.substr(begin);
}

char* set_proxy_pass(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) {
    Bytes url = view(static_cast<ngx_str_t*>(cf->args->elts)[1]);
    char* rc = nginx_setter(cf, cmd, conf);
    if (rc != NGX_CONF_OK) {
        return rc;
    }
    auto* ours = static_cast<LocConf*>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_llm_module));
    auto* core = static_cast<ngx_http_core_loc_conf_t*>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    ours->cache.proxy = {core->name, immortal(path_of(url))};
    if (url.find("llm_provider_url") != Bytes::npos) {
        ours->provider.asked_place = place_of(cf);
    }
    return NGX_CONF_OK;
}

}  // namespace

ngx_int_t wrap_proxy_pass(ngx_conf_t* cf) {
    ngx_command_t* command = find_proxy_pass();
    if (command == nullptr || nginx_setter != nullptr) {
        return NGX_OK;
    }
    ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    if (cleanup == nullptr) {
        return NGX_ERROR;
    }
    cleanup->handler = [](void*) { unwrap_proxy_pass(); };
    nginx_setter = command->set;
    command->set = set_proxy_pass;
    return NGX_OK;
}

void unwrap_proxy_pass() {
    if (nginx_setter != nullptr) {
        find_proxy_pass()->set = nginx_setter;
        nginx_setter = nullptr;
    }
}

}  // namespace llm::door
