// Directives of the module as a whole: the zone, the secret, where requests
// are handled.
#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/conf.hpp"
#include "ngx_llm_module/vars.hpp"
#include "ngx_llm_module/zone.hpp"
#include "src/base/digest.hpp"

namespace llm::door {
namespace {

constexpr size_t kDefaultEventMax = 8 * 1024 * 1024;
constexpr size_t kSecretMin = 16;
constexpr size_t kSecretMax = 4096;

ngx_conf_enum_t modes[] = {
    {ngx_string("off"), kModeOff},
    {ngx_string("on"), kModeOn},
    {ngx_string("observe"), kModeObserve},
    {ngx_null_string, 0},
};

ngx_conf_enum_t apis[] = {
    {ngx_string("auto"), kApiAuto},
    {ngx_string("openai"), kApiOpenai},
    {ngx_string("anthropic"), kApiAnthropic},
    {ngx_null_string, 0},
};

constexpr size_t kEventMaxMin = 1024;

char* check_event_max(ngx_conf_t*, void*, void* data) {
    return *static_cast<size_t*>(data) < kEventMaxMin
               ? conf_text("must be at least 1k")
               : NGX_CONF_OK;
}

ngx_conf_post_t event_max_post = {check_event_max};

char* read_secret(ngx_conf_t* cf, ngx_str_t* path, ngx_str_t& out) {
    ngx_fd_t fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN,
                                0);
    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"llm_secret\": opening \"%V\" failed", path);
        return conf_error();
    }
    u_char bytes[kSecretMax + 1];
    ssize_t n = ngx_read_fd(fd, bytes, sizeof(bytes));
    ngx_close_file(fd);
    while (n > 0 && (bytes[n - 1] == '\n' || bytes[n - 1] == '\r')) {
        n--;
    }
    if (n < static_cast<ssize_t>(kSecretMin)
        || n > static_cast<ssize_t>(kSecretMax)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"llm_secret\": \"%V\" must hold %uz to %uz "
                           "bytes, e.g. from \"openssl rand -hex 32\"",
                           path, kSecretMin, kSecretMax);
        return conf_error();
    }
    out = copy_to(cf->pool, Bytes(reinterpret_cast<char*>(bytes),
                                  static_cast<size_t>(n)));
    return out.data == nullptr ? conf_error() : NGX_CONF_OK;
}

char* set_secret(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    auto* main = static_cast<MainConf*>(conf);
    if (main->core.secret.data != nullptr) {
        return conf_text("is duplicate");
    }
    ngx_str_t path = static_cast<ngx_str_t*>(cf->args->elts)[1];
    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return conf_error();
    }
    return read_secret(cf, &path, main->core.secret);
}

// Without a zone to keep it in, the tenants' key is drawn here, before the
// workers are forked: all of them must name a tenant alike.
ngx_int_t draw_secret(ngx_conf_t* cf, MainConf& conf) {
    if (conf.core.zone != nullptr || conf.core.secret.len > 0) {
        return NGX_OK;
    }
    Digest random;
    if (!random_bytes(random.bytes.data(), random.bytes.size())) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "llm: the system has no random bytes");
        return NGX_ERROR;
    }
    conf.core.secret = copy_to(cf->pool, random.view());
    return conf.core.secret.data == nullptr ? NGX_ERROR : NGX_OK;
}

ngx_command_t commands[] = {
    {ngx_string("llm_zone"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, set_zone,
     NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_secret"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1,
     set_secret, NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm"), kEverywhere | NGX_CONF_TAKE1, set_word,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(LocConf, core.mode), modes},
    {ngx_string("llm_api"), kEverywhere | NGX_CONF_TAKE1, set_word,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(LocConf, core.api), apis},
    {ngx_string("llm_passthrough"), kEverywhere | NGX_CONF_FLAG,
     ngx_conf_set_flag_slot, NGX_HTTP_LOC_CONF_OFFSET,
     offsetof(LocConf, core.passthrough), nullptr},
    {ngx_string("llm_server_timing"), kEverywhere | NGX_CONF_FLAG,
     ngx_conf_set_flag_slot, NGX_HTTP_LOC_CONF_OFFSET,
     offsetof(LocConf, core.server_timing), nullptr},
    {ngx_string("llm_event_max_size"), kEverywhere | NGX_CONF_TAKE1,
     ngx_conf_set_size_slot, NGX_HTTP_LOC_CONF_OFFSET,
     offsetof(LocConf, core.event_max_size), &event_max_post},
};

void create_loc(LocConf& conf) {
    conf.core.mode = NGX_CONF_UNSET_UINT;
    conf.core.api = NGX_CONF_UNSET_UINT;
    conf.core.passthrough = NGX_CONF_UNSET;
    conf.core.server_timing = NGX_CONF_UNSET;
    conf.core.event_max_size = NGX_CONF_UNSET_SIZE;
}

char* merge_loc(ngx_conf_t* cf, LocConf& outer, LocConf& inner) {
    const CoreLoc& prev = outer.core;
    CoreLoc& conf = inner.core;
    ngx_conf_merge_uint_value(conf.mode, prev.mode, kModeOff);
    ngx_conf_merge_uint_value(conf.api, prev.api, kApiAuto);
    ngx_conf_merge_value(conf.passthrough, prev.passthrough, 0);
    ngx_conf_merge_value(conf.server_timing, prev.server_timing, 0);
    ngx_conf_merge_size_value(conf.event_max_size, prev.event_max_size,
                              kDefaultEventMax);
    return check_content_handler(cf, inner);
}

}  // namespace

constinit const Room core_room = {
    .commands = commands,
    .variables = core_variables,
    .create_main = nullptr,
    .create_loc = create_loc,
    .merge_loc = merge_loc,
    .postconfiguration = draw_secret,
    .init_process = nullptr,
    .exit_process = nullptr,
    .tick = nullptr,
};

}  // namespace llm::door
