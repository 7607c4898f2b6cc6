// The path that a proxy_pass without variables puts in the place of the
// location's own. The cache's key needs it, and nginx's module keeps it to
// itself. So while http {} is read, the function that nginx calls for the
// directive (ngx_command_t::set) is one of ours, which calls nginx's and notes
// the argument.
#pragma once

#include "ngx_llm_module/ngx.hpp"

// proxy_pass and its kin. An nginx may have been built without any of them.
extern "C" {
extern ngx_module_t ngx_http_proxy_module __attribute__((weak));
extern ngx_module_t ngx_http_grpc_module __attribute__((weak));
extern ngx_module_t ngx_http_fastcgi_module __attribute__((weak));
extern ngx_module_t ngx_http_uwsgi_module __attribute__((weak));
extern ngx_module_t ngx_http_scgi_module __attribute__((weak));
}

namespace llm::door {

struct ProxyPath {
    ngx_str_t location;  // what is replaced: the name of the location
    ngx_str_t path;      // by what; data nullptr: no proxy_pass here; len 0:
                         // nothing is replaced
};

// Before http {} is read. nginx's function is put back by
// unwrap_proxy_pass(), or, if the configuration is refused, when its pool is
// destroyed.
ngx_int_t wrap_proxy_pass(ngx_conf_t* cf);
void unwrap_proxy_pass();

}  // namespace llm::door
