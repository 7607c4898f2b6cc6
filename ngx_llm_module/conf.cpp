#include "ngx_llm_module/conf.hpp"

#include <cstdarg>

#include "ngx_llm_module/boundary.hpp"

namespace llm::door {

Place place_of(ngx_conf_t* cf) {
    return {cf->conf_file->file.name, cf->conf_file->line};
}

namespace {

void tell(ngx_uint_t level, ngx_conf_t* cf, const Place& place,
          const char* format, va_list args) {
    u_char text[NGX_MAX_CONF_ERRSTR];
    u_char* end = ngx_vslprintf(text, text + sizeof(text), format, args);
    ngx_log_error(level, cf->log, 0, "%*s in %V:%ui",
                  static_cast<size_t>(end - text), text, &place.file,
                  place.line);
}

}  // namespace

void complain(ngx_conf_t* cf, const Place& place, const char* format, ...) {
    va_list args;
    va_start(args, format);
    tell(NGX_LOG_EMERG, cf, place, format, args);
    va_end(args);
}

void warn(ngx_conf_t* cf, const Place& place, const char* format, ...) {
    va_list args;
    va_start(args, format);
    tell(NGX_LOG_WARN, cf, place, format, args);
    va_end(args);
}

ngx_http_complex_value_t* compile(ngx_conf_t* cf, ngx_str_t* value) {
    auto* compiled = static_cast<ngx_http_complex_value_t*>(
        ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t)));
    if (compiled == nullptr) {
        return nullptr;
    }
    ngx_http_compile_complex_value_t ccv;
    ngx_memzero(&ccv, sizeof(ccv));
    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = compiled;
    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return nullptr;
    }
    return compiled;
}

namespace {

ngx_http_core_loc_conf_t* core_loc_conf(ngx_conf_t* cf) {
    return static_cast<ngx_http_core_loc_conf_t*>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
}

}  // namespace

char* set_content_handler(ngx_conf_t* cf, void* conf,
                          ngx_http_handler_pt handler) {
    auto* core = core_loc_conf(cf);
    if (core->handler != nullptr) {
        return conf_text("stands beside another content handler, such as "
                         "\"proxy_pass\": give it a location of its own");
    }
    core->handler = handler;
    auto& loc = static_cast<LocConf*>(conf)->core;
    loc.handler = handler;
    loc.handler_place = place_of(cf);
    loc.handler_name = static_cast<ngx_str_t*>(cf->args->elts)[0];
    return NGX_CONF_OK;
}

char* check_content_handler(ngx_conf_t* cf, const LocConf& conf) {
    if (conf.core.handler == nullptr
        || core_loc_conf(cf)->handler == conf.core.handler) {
        return NGX_CONF_OK;
    }
    complain(cf, conf.core.handler_place,
             "\"%V\" stands beside another content handler, such as "
             "\"proxy_pass\": give it a location of its own",
             &conf.core.handler_name);
    return conf_error();
}

char* set_word(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) noexcept {
    auto& value = *reinterpret_cast<ngx_uint_t*>(static_cast<char*>(conf)
                                                 + cmd->offset);
    if (value != NGX_CONF_UNSET_UINT) {
        return conf_text("is duplicate");
    }
    const ngx_str_t& given = static_cast<ngx_str_t*>(cf->args->elts)[1];
    u_char words[NGX_MAX_CONF_ERRSTR];
    u_char* end = words;
    auto* word = static_cast<ngx_conf_enum_t*>(cmd->post);
    for (; word->name.len > 0; word++) {
        if (equals_ignore_case(view(given), view(word->name))) {
            value = word->value;
            return NGX_CONF_OK;
        }
        end = ngx_slprintf(end, words + sizeof(words), "%s\"%V\"",
                           end == words ? "" : ", ", &word->name);
    }
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" in \"%V\" directive, it must "
                       "be one of %*s",
                       &given, &cmd->name,
                       static_cast<size_t>(end - words), words);
    return conf_error();
}

char* set_complex_values(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) {
    auto** values = reinterpret_cast<ngx_array_t**>(static_cast<char*>(conf)
                                                    + cmd->offset);
    if (*values != NGX_CONF_UNSET_PTR) {
        return conf_text("is duplicate");
    }
    *values = ngx_array_create(cf->pool, cf->args->nelts,
                               sizeof(ngx_http_complex_value_t));
    if (*values == nullptr) {
        return conf_error();
    }
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    bool only_empty = cf->args->nelts == 2 && args[1].len == 0;
    for (ngx_uint_t i = 1; i < cf->args->nelts && !only_empty; i++) {
        ngx_http_complex_value_t* compiled = compile(cf, &args[i]);
        auto* slot = static_cast<ngx_http_complex_value_t*>(
            ngx_array_push(*values));
        if (compiled == nullptr || slot == nullptr) {
            return conf_error();
        }
        *slot = *compiled;
    }
    return NGX_CONF_OK;
}

}  // namespace llm::door
