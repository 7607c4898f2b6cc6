// Whom to tell: llm_alert, llm_alert_test.
#include "ngx_llm_module/alert.hpp"
#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/conf.hpp"
#include "ngx_llm_module/curl.hpp"
#include "ngx_llm_module/version.hpp"
#include "src/watch/file.hpp"

namespace llm::door {
namespace {

constexpr size_t kSecretShort = 8;
constexpr size_t kSecretMax = 4096;
constexpr ngx_msec_t kTimeout = 5000;
constexpr ngx_msec_t kTimeoutMin = 100;
constexpr ngx_msec_t kTimeoutMax = 60000;

template <typename... Args>
char* refuse(ngx_conf_t* cf, const char* format, Args... args) {
    std::string whole = std::string("\"llm_alert\": ") + format;
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, whole.c_str(), args...);
    return conf_error();
}

bool keep(ngx_conf_t* cf, Bytes text, ngx_str_t& out) {
    out = copy_to(cf->pool, text);
    return out.data != nullptr;
}

// A URL often is a secret by itself, so that no message repeats it.
char* set_url(ngx_conf_t* cf, Bytes value, AlertEndpoint& endpoint) {
    std::string url(value);
    Result<std::string> host = check_url(url);
    if (!host) {
        return refuse(cf, "url= is wrong: %s", host.error().message.c_str());
    }
    return keep(cf, url, endpoint.url) && keep(cf, *host, endpoint.host)
               ? NGX_CONF_OK
               : conf_error();
}

char* full_name(ngx_conf_t* cf, Bytes value, ngx_str_t& path) {
    return keep(cf, value, path)
                   && ngx_conf_full_name(cf->cycle, &path, 1) == NGX_OK
               ? NGX_CONF_OK
               : conf_error();
}

char* read_secret(ngx_conf_t* cf, Bytes value, std::string& secret) {
    ngx_str_t path;
    if (full_name(cf, value, path) != NGX_CONF_OK) {
        return conf_error();
    }
    auto content = watch::read_file(std::string(view(path)), kSecretMax + 2);
    if (!content) {
        return refuse(cf, "secret=: %s", content.error().message.c_str());
    }
    secret = std::move(content->bytes);
    while (!secret.empty()
           && (secret.back() == '\n' || secret.back() == '\r')) {
        secret.pop_back();
    }
    return NGX_CONF_OK;
}

// With a slash it is a file's path, else the secret itself. A path that lost
// its "./" must not become a secret that everybody can guess.
char* set_secret(ngx_conf_t* cf, Bytes value, AlertEndpoint& endpoint) {
    std::string secret(value);
    if (value.find('/') != Bytes::npos) {
        if (char* rc = read_secret(cf, value, secret); rc != NGX_CONF_OK) {
            return rc;
        }
    } else if (!value.empty()) {
        ngx_str_t path;
        if (full_name(cf, value, path) != NGX_CONF_OK) {
            return conf_error();
        }
        if (watch::FileStamp::of(std::string(view(path))).error == 0) {
            return refuse(cf, "secret= names a file: write secret=./…, or "
                              "choose another secret");
        }
    }
    if (secret.empty() || secret.size() > kSecretMax) {
        return refuse(cf, "secret= must have 1 to %uz bytes, e.g. from "
                          "\"openssl rand -hex 32\"",
                      kSecretMax);
    }
    if (secret.size() < kSecretShort) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"llm_alert\": a secret= of less than %uz bytes "
                           "can be guessed; take one from \"openssl rand "
                           "-hex 32\"",
                           kSecretShort);
    }
    return keep(cf, secret, endpoint.secret) ? NGX_CONF_OK : conf_error();
}

char* set_events(ngx_conf_t* cf, Bytes value, AlertEndpoint& endpoint) {
    while (true) {
        size_t end = value.find(',');
        Bytes word = value.substr(0, end);
        AlertKind kind = alert_kind(word);
        if (kind == AlertKind::kCount || kind == AlertKind::kTest) {
            ngx_str_t shown = immortal(word);
            return refuse(cf,
                          "there is no event \"%V\", only start, soft, hard, "
                          "key_invalid, file_failed and provider",
                          &shown);
        }
        endpoint.events |= bit_of(kind);
        if (end == Bytes::npos) {
            return NGX_CONF_OK;
        }
        value.remove_prefix(end + 1);
    }
}

char* set_timeout(ngx_conf_t* cf, Bytes value, AlertEndpoint& endpoint) {
    ngx_str_t text = immortal(value);
    ngx_int_t time = ngx_parse_time(&text, 0);
    endpoint.timeout = static_cast<ngx_msec_t>(time);
    if (time == NGX_ERROR || endpoint.timeout < kTimeoutMin
        || endpoint.timeout > kTimeoutMax) {
        return refuse(cf, "timeout=%V is not between 100ms and 60s", &text);
    }
    return NGX_CONF_OK;
}

char* set_ca(ngx_conf_t* cf, Bytes value, AlertEndpoint& endpoint) {
    if (full_name(cf, value, endpoint.ca) != NGX_CONF_OK) {
        return conf_error();
    }
    auto content =
        watch::read_file(std::string(view(endpoint.ca)), size_t{16} << 20);
    if (!content) {
        return refuse(cf, "ca=: %s", content.error().message.c_str());
    }
    if (content->bytes.find("-----BEGIN") == std::string::npos) {
        return refuse(cf, "ca=\"%V\" holds no certificate in PEM form",
                      &endpoint.ca);
    }
    return NGX_CONF_OK;
}

struct Parameter {
    Bytes name;
    char* (*set)(ngx_conf_t* cf, Bytes value, AlertEndpoint& endpoint);
};

constexpr Parameter kParameters[] = {
    {"url=", set_url},         {"secret=", set_secret},
    {"events=", set_events},   {"timeout=", set_timeout},
    {"ca=", set_ca},
};

char* set_parameter(ngx_conf_t* cf, Bytes text, unsigned& seen,
                    AlertEndpoint& endpoint) {
    for (size_t i = 0; i < std::size(kParameters); i++) {
        const Parameter& parameter = kParameters[i];
        if (!text.starts_with(parameter.name)) {
            continue;
        }
        ngx_str_t name = immortal(parameter.name);
        if ((seen & (1u << i)) != 0) {
            return refuse(cf, "%V stands twice", &name);
        }
        seen |= 1u << i;
        return parameter.set(cf, text.substr(parameter.name.size()),
                             endpoint);
    }
    // Only what stands before "=": the rest may be a secret.
    size_t end = text.find('=');
    ngx_str_t shown = immortal(end == Bytes::npos ? "" : text.substr(0, end));
    return refuse(cf, "unknown parameter \"%V\", only url=, secret=, events=, "
                      "timeout= and ca= are known", &shown);
}

char* add_endpoint(ngx_conf_t* cf, AlertMain& conf) {
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    AlertEndpoint endpoint{};
    endpoint.timeout = kTimeout;
    unsigned seen = 0;
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        char* rc = set_parameter(cf, view(args[i]), seen, endpoint);
        if (rc != NGX_CONF_OK) {
            return rc;
        }
    }
    if (endpoint.url.data == nullptr) {
        return refuse(cf, "url= is missing");
    }
    if (endpoint.events == 0) {
        endpoint.events = bit_of(AlertKind::kSoft) | bit_of(AlertKind::kHard);
    }
    if (conf.endpoints == nullptr) {
        conf.endpoints =
            ngx_array_create(cf->pool, 2, sizeof(AlertEndpoint));
    }
    void* slot = conf.endpoints == nullptr ? nullptr
                                           : ngx_array_push(conf.endpoints);
    if (slot == nullptr) {
        return conf_error();
    }
    *static_cast<AlertEndpoint*>(slot) = endpoint;
    return NGX_CONF_OK;
}

char* set_alert(ngx_conf_t* cf, ngx_command_t*, void* conf) noexcept {
    return guard(cf->log, conf_error(), [&] {
        return add_endpoint(cf, static_cast<MainConf*>(conf)->alert);
    });
}

char* set_alert_test(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    main_conf(cf).alert.test_place = place_of(cf);
    return set_content_handler(cf, conf, send_test_alert);
}

ngx_int_t postconfiguration(ngx_conf_t* cf, MainConf& conf) {
    AlertMain& own = conf.alert;
    if (own.endpoints == nullptr) {
        if (own.test_place.file.data != nullptr) {
            complain(cf, own.test_place,
                     "\"llm_alert_test\" needs an \"llm_alert url=…\"");
            return NGX_ERROR;
        }
        return NGX_OK;
    }
    if (!make_alert_gate(cf, own)) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "llm_alert: no memory");
        return NGX_ERROR;
    }
    return NGX_OK;
}

ngx_int_t init_process(ngx_cycle_t* cycle, MainConf& conf) {
    if (conf.alert.endpoints == nullptr) {
        return NGX_OK;
    }
    open_alerts(conf.alert);
    if (wants_alert(AlertKind::kStart)) {
        auto* core = reinterpret_cast<ngx_core_conf_t*>(
            ngx_get_conf(cycle->conf_ctx, ngx_core_module));
        alert(AlertKind::kStart,
              AlertFields()
                  .add("version", kVersion)
                  .add("nginx", Bytes(NGINX_VERSION))
                  .add("workers",
                       static_cast<int64_t>(core->worker_processes)));
    }
    return NGX_OK;
}

void exit_process(ngx_cycle_t*) {
    close_alerts();
    close_fetches();
}

ngx_command_t commands[] = {
    {ngx_string("llm_alert"), NGX_HTTP_MAIN_CONF | NGX_CONF_1MORE, set_alert,
     NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_alert_test"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
     set_alert_test, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
};

}  // namespace

constinit const Room alert_room = {
    .commands = commands,
    .variables = nullptr,
    .create_main = nullptr,
    .create_loc = nullptr,
    .merge_loc = nullptr,
    .postconfiguration = postconfiguration,
    .init_process = init_process,
    .exit_process = exit_process,
    .tick = nullptr,
};

}  // namespace llm::door
