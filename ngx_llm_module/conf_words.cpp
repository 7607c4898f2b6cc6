#include "ngx_llm_module/conf_words.hpp"

#include <algorithm>

#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/conf.hpp"

namespace llm::door {
namespace {

Bytes name_of(const ngx_str_t& argument) {
    Bytes text = view(argument);
    return text.substr(0, std::min(text.find('='), text.size()));
}

}  // namespace

char* wrong(ngx_conf_t* cf, const ngx_str_t& argument, const char* why) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\": \"%V\" %s",
                       &static_cast<ngx_str_t*>(cf->args->elts)[0],
                       &argument, why);
    return conf_error();
}

char* wrong(ngx_conf_t* cf, const ngx_str_t& argument, const Error& why) {
    return wrong(cf, argument, why.message.c_str());
}

bool take(Bytes argument, Bytes name, Bytes& value) {
    if (!argument.starts_with(name) || argument.size() <= name.size()
        || argument[name.size()] != '=') {
        return false;
    }
    value = argument.substr(name.size() + 1);
    return true;
}

bool take(const ngx_str_t& argument, Bytes name, ngx_str_t& value) {
    Bytes text;
    if (!take(view(argument), name, text)) {
        return false;
    }
    value = immortal(text);
    return true;
}

char* check_repeated(ngx_conf_t* cf, ngx_uint_t from) {
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    for (ngx_uint_t i = from; i < cf->args->nelts; i++) {
        for (ngx_uint_t k = from; k < i; k++) {
            if (name_of(args[k]) == name_of(args[i])) {
                return wrong(cf, args[i], "is there twice");
            }
        }
    }
    return NGX_CONF_OK;
}

}  // namespace llm::door
