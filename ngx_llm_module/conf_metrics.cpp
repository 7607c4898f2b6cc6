// Directives of metrics and status.
#include "ngx_llm_module/conf.hpp"
#include "ngx_llm_module/status.hpp"
#include "ngx_llm_module/vars.hpp"

namespace llm::door {
namespace {

char* set_models(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    auto** models = &static_cast<MainConf*>(conf)->metrics.models;
    if (*models == nullptr) {
        *models = ngx_array_create(cf->pool, 8, sizeof(ngx_str_t));
        if (*models == nullptr) {
            return conf_error();
        }
    }
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        auto* slot = static_cast<ngx_str_t*>(ngx_array_push(*models));
        if (slot == nullptr) {
            return conf_error();
        }
        *slot = args[i];
    }
    return NGX_CONF_OK;
}

ngx_command_t commands[] = {
    {ngx_string("llm_metrics"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
     set_metrics, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_status"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
     set_status, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_metrics_models"), NGX_HTTP_MAIN_CONF | NGX_CONF_1MORE,
     set_models, NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
};

}  // namespace

constinit const Room metrics_room = {
    .commands = commands,
    .variables = metrics_variables,
    .create_main = nullptr,
    .create_loc = nullptr,
    .merge_loc = nullptr,
    .postconfiguration = nullptr,
    .init_process = nullptr,
    .exit_process = nullptr,
    .tick = nullptr,
};

}  // namespace llm::door
