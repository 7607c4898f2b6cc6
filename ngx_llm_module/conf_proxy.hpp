// The path that a proxy_pass without variables puts in the place of the
// location's own. nginx's module keeps it to itself, and the cache's key needs
// it: so while a configuration is read, the directive is run by us, who call
// nginx's own and note its argument.
#pragma once

#include "ngx_llm_module/ngx.hpp"

namespace llm::door {

struct ProxyPath {
    ngx_str_t location;  // what is replaced: the name of the location
    ngx_str_t path;      // by what; data nullptr: no proxy_pass here; len 0:
                         // nothing is replaced
};

// Before http {} is read; ends with watch_no_proxy_pass(), or with the
// configuration if that is refused.
ngx_int_t watch_proxy_pass(ngx_conf_t* cf);
void watch_no_proxy_pass();

}  // namespace llm::door
