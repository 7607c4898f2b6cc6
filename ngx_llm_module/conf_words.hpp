// The words of a directive as its setter reads them: parameters of the form
// name=value, each at most once, and what is said of a wrong one.
#pragma once

#include "ngx_llm_module/ngx.hpp"
#include "src/base/bytes.hpp"
#include "src/base/result.hpp"

namespace llm::door {

// `"directive": "argument" why`, with file and line; an error of nginx -t.
char* wrong(ngx_conf_t* cf, const ngx_str_t& argument, const char* why);
char* wrong(ngx_conf_t* cf, const ngx_str_t& argument, const Error& why);

// "name=value" where the name is `name`: the value, a view of the argument.
bool take(Bytes argument, Bytes name, Bytes& value);
bool take(const ngx_str_t& argument, Bytes name, ngx_str_t& value);

// Of the arguments from that one on none has a name that stood there before:
// one of the two would be overlooked. NGX_CONF_OK, or an error that was told.
char* check_repeated(ngx_conf_t* cf, ngx_uint_t from);

}  // namespace llm::door
