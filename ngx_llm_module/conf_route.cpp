#include "ngx_llm_module/conf_route.hpp"

#include <new>
#include <utility>

#include "ngx_llm_module/conf.hpp"
#include "ngx_llm_module/route.hpp"
#include "src/metrics/label.hpp"
#include "src/route/model_name.hpp"

namespace llm::door {
namespace {

ngx_str_t* arguments(ngx_conf_t* cf) {
    return static_cast<ngx_str_t*>(cf->args->elts);
}

// An object that lives as long as the configuration; nullptr: no memory.
template <typename T>
const T* keep(ngx_conf_t* cf, T object) {
    void* memory = ngx_palloc(cf->pool, sizeof(T));
    ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    if (memory == nullptr || cleanup == nullptr) {
        return nullptr;
    }
    auto* kept = new (memory) T(std::move(object));
    cleanup->data = kept;
    cleanup->handler = [](void* data) { static_cast<T*>(data)->~T(); };
    return kept;
}

template <typename T>
T* add_to(ngx_conf_t* cf, ngx_array_t*& list) {
    if (list == NGX_CONF_UNSET_PTR) {
        list = ngx_array_create(cf->pool, 4, sizeof(T));
    }
    return list == nullptr ? nullptr
                           : static_cast<T*>(ngx_array_push(list));
}

template <typename T>
std::span<T> elements(ngx_array_t* list) {
    if (list == nullptr || list == NGX_CONF_UNSET_PTR) {
        return {};
    }
    return {static_cast<T*>(list->elts), list->nelts};
}

bool has_variables(ngx_str_t* text) {
    return ngx_http_script_variables_count(text) > 0;
}

// llm_model value
char* set_model(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    RouteLoc& loc = static_cast<LocConf*>(conf)->route;
    if (loc.model != NGX_CONF_UNSET_PTR) {
        return conf_text("is duplicate");
    }
    ngx_str_t* value = &arguments(cf)[1];
    loc.place = place_of(cf);
    if (value->len == 0) {
        loc.model = nullptr;
        return NGX_CONF_OK;
    }
    if (!has_variables(value) && !route::is_model_name(view(*value))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"llm_model\": \"%V\" is no model's name: up to "
                           "%uz bytes of UTF-8 without control characters",
                           value, api::Request::kMaxModel);
        return conf_error();
    }
    loc.model = compile(cf, value);
    return loc.model == nullptr ? conf_error() : NGX_CONF_OK;
}

char* refuse_parameter(ngx_conf_t* cf, ngx_str_t* text, const Error& why) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"llm_set\": \"%V\": %s", text,
                       why.message.c_str());
    return conf_error();
}

// Some parameters have several words.
bool is_same(const route::ParameterPath& a, const route::ParameterPath& b) {
    return a.names == b.names || (a.is_limit() && b.is_limit())
           || (a.is_effort() && b.is_effort());
}

char* check_beside(ngx_conf_t* cf, const RouteLoc& loc,
                   const route::ParameterPath& path, route::SetMode mode,
                   ngx_str_t* name) {
    for (const RouteParameter& other :
         elements<RouteParameter>(loc.parameters)) {
        if (route::nested(*other.path, path)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"llm_set\": of \"%V\" and \"%V\" one lies "
                               "in the other, set one of them",
                               &other.name, name);
            return conf_error();
        }
        if (other.mode == mode && is_same(*other.path, path)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"llm_set\": \"%V\" is set twice in this way, "
                               "as \"%V\" before",
                               name, &other.name);
            return conf_error();
        }
    }
    return NGX_CONF_OK;
}

// The literal is judged here, a value with variables when it is known.
char* set_parameter_value(ngx_conf_t* cf, ngx_str_t* text,
                          const route::ParameterPath& path,
                          RouteParameter& parameter) {
    if (has_variables(text)) {
        parameter.value = compile(cf, text);
        return parameter.value == nullptr ? conf_error() : NGX_CONF_OK;
    }
    auto value = route::parameter_value(view(*text), parameter.mode);
    if (!value.ok()) {
        return refuse_parameter(cf, text, value.error());
    }
    auto fits = route::check_value(path, *value, parameter.mode);
    if (!fits.ok()) {
        return refuse_parameter(cf, text, fits.error());
    }
    parameter.literal = copy_to(cf->pool, *value);
    return parameter.literal.data == nullptr ? conf_error() : NGX_CONF_OK;
}

// llm_set parameter value [default|cap|force]
char* set_parameter(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    RouteLoc& loc = static_cast<LocConf*>(conf)->route;
    ngx_str_t* args = arguments(cf);
    auto path = route::parameter_path(view(args[1]));
    if (!path.ok()) {
        return refuse_parameter(cf, &args[1], path.error());
    }
    auto mode = route::SetMode::kForce;
    if (cf->args->nelts == 4) {
        auto named = route::set_mode_of(view(args[3]));
        if (!named) {
            return refuse_parameter(
                cf, &args[3],
                {Errc::kInvalid, "one of default, cap, force is needed"});
        }
        mode = *named;
    }
    RouteParameter parameter{};
    parameter.name = args[1];
    parameter.mode = mode;
    char* rc = check_beside(cf, loc, *path, mode, &args[1]);
    if (rc == NGX_CONF_OK) {
        rc = set_parameter_value(cf, &args[2], *path, parameter);
    }
    if (rc != NGX_CONF_OK) {
        return rc;
    }
    parameter.path = keep(cf, std::move(path).value());
    auto* slot = add_to<RouteParameter>(cf, loc.parameters);
    if (parameter.path == nullptr || slot == nullptr) {
        return conf_error();
    }
    *slot = parameter;
    return NGX_CONF_OK;
}

// A whole file of at most kMaxSize bytes, and one more to tell.
bool read_text(ngx_conf_t* cf, ngx_str_t* path, std::string& out) {
    ngx_fd_t fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"llm_system\": opening \"%V\" failed", path);
        return false;
    }
    out.resize(route::SystemText::kMaxSize + 1);
    size_t size = 0;
    ssize_t n = 0;
    while (size < out.size()
           && (n = ngx_read_fd(fd, out.data() + size, out.size() - size))
                  > 0) {
        size += static_cast<size_t>(n);
    }
    ngx_err_t error = ngx_errno;
    ngx_close_file(fd);
    out.resize(size);
    if (n < 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, error,
                           "\"llm_system\": reading \"%V\" failed", path);
        return false;
    }
    return true;
}

char* wrong_system(ngx_conf_t* cf, ngx_str_t* word) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"llm_system\": \"%V\" is not understood; it is "
                       "prepend|append|replace file [if=condition], or off",
                       word);
    return conf_error();
}

// if=condition
char* set_condition(ngx_conf_t* cf, ngx_str_t* word, RouteSystem& system) {
    constexpr Bytes kIf = "if=";
    if (!view(*word).starts_with(kIf) || word->len == kIf.size()) {
        return wrong_system(cf, word);
    }
    ngx_str_t condition = {word->len - kIf.size(), word->data + kIf.size()};
    system.when = compile(cf, &condition);
    return system.when == nullptr ? conf_error() : NGX_CONF_OK;
}

// llm_system prepend|append|replace file [if=condition]; llm_system off
char* set_system(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    RouteLoc& loc = static_cast<LocConf*>(conf)->route;
    ngx_str_t* args = arguments(cf);
    if (cf->args->nelts == 2) {
        if (view(args[1]) != "off") {
            return wrong_system(cf, &args[1]);
        }
        if (loc.system != NGX_CONF_UNSET_PTR) {
            return conf_text("says off beside a text");
        }
        loc.system = nullptr;
        return NGX_CONF_OK;
    }
    auto mode = route::system_mode_of(view(args[1]));
    if (!mode) {
        return wrong_system(cf, &args[1]);
    }
    if (loc.system == nullptr) {
        return conf_text("says off beside a text");
    }
    RouteSystem system{};
    if (cf->args->nelts == 4) {
        char* rc = set_condition(cf, &args[3], system);
        if (rc != NGX_CONF_OK) {
            return rc;
        }
    }
    if (has_variables(&args[2])) {
        return conf_text("takes a file's name without variables; choose by "
                         "if=condition");
    }
    ngx_str_t path = args[2];
    std::string file;
    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK
        || !read_text(cf, &path, file)) {
        return conf_error();
    }
    auto text = route::system_text(*mode, file);
    if (!text.ok()) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"llm_system\": \"%V\": %s",
                           &path, text.error().message.c_str());
        return conf_error();
    }
    system.text = keep(cf, std::move(text).value());
    auto* slot = add_to<RouteSystem>(cf, loc.system);
    if (system.text == nullptr || slot == nullptr) {
        return conf_error();
    }
    *slot = system;
    return NGX_CONF_OK;
}

// How a name stands that is a label, or a place in a list.
bool is_name(Bytes name, size_t max_size) {
    return !name.empty() && name.size() <= max_size
           && metrics::is_clean_value(name);
}

char* refuse_name(ngx_conf_t* cf, ngx_str_t* name, const char* why) {
    auto* directive = static_cast<ngx_str_t*>(cf->args->elts);
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\": \"%V\" %s", directive,
                       name, why);
    return conf_error();
}

// The arguments from `first` on, each a name and there once.
char* add_names(ngx_conf_t* cf, ngx_uint_t first, size_t max_size,
                ngx_array_t*& list) {
    ngx_str_t* args = arguments(cf);
    list = ngx_array_create(cf->pool, cf->args->nelts, sizeof(ngx_str_t));
    for (ngx_uint_t i = first; list != nullptr && i < cf->args->nelts; i++) {
        if (!is_name(view(args[i]), max_size)) {
            return refuse_name(cf, &args[i], "is no name");
        }
        for (const ngx_str_t& other : elements<ngx_str_t>(list)) {
            if (view(other) == view(args[i])) {
                return refuse_name(cf, &args[i], "is named twice");
            }
        }
        *static_cast<ngx_str_t*>(ngx_array_push(list)) = args[i];
    }
    return list == nullptr ? conf_error() : NGX_CONF_OK;
}

// llm_variant value [name ...]
char* set_variant(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    constexpr size_t kMaxNames = 16;
    constexpr size_t kMaxSize = 64;
    RouteVariant& variant = static_cast<LocConf*>(conf)->route.variant;
    ngx_str_t* value = &arguments(cf)[1];
    if (variant.value != NGX_CONF_UNSET_PTR) {
        return conf_text("is duplicate");
    }
    ngx_uint_t names = cf->args->nelts - 2;
    variant.value = nullptr;
    if (value->len == 0 && names == 0) {
        return NGX_CONF_OK;
    }
    bool varies = has_variables(value);
    if (varies && names == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"llm_variant\": the names that \"%V\" may come "
                           "to are missing: they are labels of metrics",
                           value);
        return conf_error();
    }
    if (!varies && !is_name(view(*value), kMaxSize)) {
        return refuse_name(cf, value, "is no name");
    }
    if (!varies && names > 0) {
        return refuse_name(cf, value, "is one name already, no more are "
                                      "needed");
    }
    if (names > kMaxNames) {
        return conf_text("takes 16 names at the most");
    }
    variant.value = compile(cf, value);
    if (variant.value == nullptr) {
        return conf_error();
    }
    return varies ? add_names(cf, 2, kMaxSize, variant.names) : NGX_CONF_OK;
}

// llm_model_list name ...; llm_model_list off
char* set_model_list(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    RouteLoc& loc = static_cast<LocConf*>(conf)->route;
    if (loc.listed != NGX_CONF_UNSET_PTR) {
        return conf_text("is duplicate");
    }
    loc.listed_place = place_of(cf);
    if (view(arguments(cf)[1]) == "off") {
        loc.listed = nullptr;
        return cf->args->nelts == 2 ? NGX_CONF_OK
                                    : conf_text("says off beside names");
    }
    return add_names(cf, 1, api::Request::kMaxModel, loc.listed);
}

using Setter = char*(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);

template <Setter set>
char* guarded(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) noexcept {
    return guard(cf->log, conf_error(),
                 [&] { return set(cf, cmd, conf); });
}

ngx_conf_enum_t model_responses[] = {
    {ngx_string("served"), kModelServed},
    {ngx_string("requested"), kModelRequested},
    {ngx_null_string, 0},
};

ngx_command_t commands[] = {
    {ngx_string("llm_model"), kEverywhere | NGX_CONF_TAKE1, guarded<set_model>,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_set"), kEverywhere | NGX_CONF_TAKE23,
     guarded<set_parameter>, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_system"), kEverywhere | NGX_CONF_TAKE123,
     guarded<set_system>, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_model_response"), kEverywhere | NGX_CONF_TAKE1, set_word,
     NGX_HTTP_LOC_CONF_OFFSET,
     offsetof(LocConf, route.model_response), model_responses},
    {ngx_string("llm_variant"), kEverywhere | NGX_CONF_1MORE,
     guarded<set_variant>, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_model_list"), kEverywhere | NGX_CONF_1MORE,
     guarded<set_model_list>, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_provider_cache"), kEverywhere | NGX_CONF_FLAG,
     ngx_conf_set_flag_slot, NGX_HTTP_LOC_CONF_OFFSET,
     offsetof(LocConf, route.provider_cache), nullptr},
};

void create_loc(LocConf& conf) {
    RouteLoc& loc = conf.route;
    loc.model = static_cast<ngx_http_complex_value_t*>(NGX_CONF_UNSET_PTR);
    loc.parameters = static_cast<ngx_array_t*>(NGX_CONF_UNSET_PTR);
    loc.system = static_cast<ngx_array_t*>(NGX_CONF_UNSET_PTR);
    loc.model_response = NGX_CONF_UNSET_UINT;
    loc.provider_cache = NGX_CONF_UNSET;
    loc.variant.value =
        static_cast<ngx_http_complex_value_t*>(NGX_CONF_UNSET_PTR);
    loc.listed = static_cast<ngx_array_t*>(NGX_CONF_UNSET_PTR);
}

char* merge_loc(ngx_conf_t*, LocConf& outer, LocConf& inner) {
    const RouteLoc& prev = outer.route;
    RouteLoc& conf = inner.route;
    if (conf.model == NGX_CONF_UNSET_PTR) {
        conf.place = prev.place;
    }
    ngx_conf_merge_ptr_value(conf.model, prev.model, nullptr);
    ngx_conf_merge_ptr_value(conf.parameters, prev.parameters, nullptr);
    ngx_conf_merge_ptr_value(conf.system, prev.system, nullptr);
    ngx_conf_merge_uint_value(conf.model_response, prev.model_response,
                              kModelServed);
    ngx_conf_merge_value(conf.provider_cache, prev.provider_cache, 0);
    if (conf.variant.value == NGX_CONF_UNSET_PTR) {
        conf.variant = prev.variant;
    }
    if (conf.variant.value == NGX_CONF_UNSET_PTR) {
        conf.variant.value = nullptr;
    }
    if (conf.listed == NGX_CONF_UNSET_PTR) {
        conf.listed_place = prev.listed_place;
    }
    ngx_conf_merge_ptr_value(conf.listed, prev.listed, nullptr);
    return NGX_CONF_OK;
}

// An edited body is another one to those who ask later.
bool index_body_variables(ngx_conf_t* cf, RouteMain& conf) {
    ngx_str_t names[kBodyVariables] = {
        ngx_string("content_length"), ngx_string("http_content_length"),
        ngx_string("request_body"), ngx_string("request_body_file")};
    for (size_t i = 0; i < kBodyVariables; i++) {
        conf.body_variables[i] = ngx_http_get_variable_index(cf, &names[i]);
        if (conf.body_variables[i] == NGX_ERROR) {
            return false;
        }
    }
    return true;
}

// A prefix is only taken where somebody reads it. Whoever does has asked for
// the variable's index while the configuration was read.
ngx_int_t postconfiguration(ngx_conf_t* cf, MainConf& conf) {
    if (!index_body_variables(cf, conf.route)) {
        return NGX_ERROR;
    }
    auto* core = static_cast<ngx_http_core_main_conf_t*>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    auto* variable =
        static_cast<ngx_http_variable_t*>(core->variables.elts);
    for (ngx_uint_t i = 0; i < core->variables.nelts; i++) {
        if (view(variable[i].name) == "llm_prefix") {
            conf.route.prefix_used = 1;
        }
    }
    return NGX_OK;
}

}  // namespace

constinit const Room route_room = {
    .commands = commands,
    .variables = route_variables,
    .create_main = nullptr,
    .create_loc = create_loc,
    .merge_loc = merge_loc,
    .postconfiguration = postconfiguration,
    .init_process = nullptr,
    .exit_process = nullptr,
    .tick = nullptr,
};

}  // namespace llm::door
