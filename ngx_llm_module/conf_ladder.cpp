// Who is asked when the first one fails: llm_fallback and the clocks.
#include "ngx_llm_module/conf_ladder.hpp"

#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/conf.hpp"
#include "src/api/request.hpp"
#include "src/route/ladder_policy.hpp"
#include "src/route/model_name.hpp"
#include "src/route/registry.hpp"

namespace llm::door {
namespace {

constexpr Bytes kOn = "on=";
constexpr ngx_uint_t kMaxModels = 16;

bool is_literal(const ngx_http_complex_value_t& value) {
    return value.lengths == nullptr;
}

// A second on= would leave the reader in doubt which one counts.
char* read_on(ngx_conf_t* cf, Bytes words, LadderLoc& ladder, bool& seen) {
    std::optional<route::FallbackOn> on = route::parse_fallback_on(words);
    if (seen || !on) {
        ngx_conf_log_error(
            NGX_LOG_EMERG, cf, 0,
            "\"llm_fallback\": \"on=%*s\" must stand once and be a "
            "comma-separated list of error, timeout, invalid_header, "
            "http_NNN, http_5xx, error_in_200, or off alone",
            words.size(), words.data());
        return conf_error();
    }
    seen = true;
    ladder.on = *on;
    return NGX_CONF_OK;
}

char* add_model(ngx_conf_t* cf, ngx_str_t* name, LadderLoc& ladder) {
    auto* slot = static_cast<ngx_http_complex_value_t*>(
        ngx_array_push(ladder.models));
    ngx_http_complex_value_t* compiled = compile(cf, name);
    if (slot == nullptr || compiled == nullptr) {
        return conf_error();
    }
    *slot = *compiled;
    if (!is_literal(*slot)) {
        return NGX_CONF_OK;
    }
    if (!route::is_model_name(view(*name))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"llm_fallback\": \"%V\" is no model's name: 1 to "
                           "%uz bytes of UTF-8 without control characters",
                           name, api::Request::kMaxModel);
        return conf_error();
    }
    auto* all = static_cast<ngx_http_complex_value_t*>(ladder.models->elts);
    for (ngx_uint_t i = 0; i + 1 < ladder.models->nelts; i++) {
        if (is_literal(all[i]) && view(all[i].value) == view(*name)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"llm_fallback\" names \"%V\" twice: a model "
                               "that has failed is not asked again",
                               name);
            return conf_error();
        }
    }
    return NGX_CONF_OK;
}

// llm_fallback off | [model …] [on=word,…]
char* set_fallback(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    auto& ladder = static_cast<LocConf*>(conf)->ladder;
    if (ladder.models != NGX_CONF_UNSET_PTR) {
        return conf_text("is duplicate");
    }
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    ladder.place = place_of(cf);
    ladder.on = route::default_fallback_on();
    ladder.models = ngx_array_create(cf->pool, cf->args->nelts,
                                     sizeof(ngx_http_complex_value_t));
    if (ladder.models == nullptr) {
        return conf_error();
    }
    if (cf->args->nelts == 2 && view(args[1]) == "off") {
        return NGX_CONF_OK;
    }
    bool seen = false;
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        Bytes text = view(args[i]);
        if (text == "off") {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"llm_fallback\": off stands alone");
            return conf_error();
        }
        char* rc = text.starts_with(kOn)
                       ? read_on(cf, text.substr(kOn.size()), ladder, seen)
                       : add_model(cf, &args[i], ladder);
        if (rc != NGX_CONF_OK) {
            return rc;
        }
    }
    if (ladder.models->nelts > kMaxModels) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"llm_fallback\" takes at most %ui models",
                           kMaxModels);
        return conf_error();
    }
    return NGX_CONF_OK;
}

ngx_command_t commands[] = {
    {ngx_string("llm_fallback"), kEverywhere | NGX_CONF_1MORE, set_fallback,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_deadline"), kEverywhere | NGX_CONF_TAKE1,
     ngx_conf_set_msec_slot, NGX_HTTP_LOC_CONF_OFFSET,
     offsetof(LocConf, ladder.deadline), nullptr},
    {ngx_string("llm_first_byte_timeout"), kEverywhere | NGX_CONF_TAKE1,
     ngx_conf_set_msec_slot, NGX_HTTP_LOC_CONF_OFFSET,
     offsetof(LocConf, ladder.first_byte), nullptr},
    {ngx_string("llm_idle_timeout"), kEverywhere | NGX_CONF_TAKE1,
     ngx_conf_set_msec_slot, NGX_HTTP_LOC_CONF_OFFSET,
     offsetof(LocConf, ladder.idle), nullptr},
    {ngx_string("llm_cache_fallback"), kEverywhere | NGX_CONF_FLAG,
     ngx_conf_set_flag_slot, NGX_HTTP_LOC_CONF_OFFSET,
     offsetof(LocConf, ladder.cache), nullptr},
};

void create_loc(LocConf& conf) {
    conf.ladder.models =
        static_cast<ngx_array_t*>(NGX_CONF_UNSET_PTR);
    conf.ladder.deadline = NGX_CONF_UNSET_MSEC;
    conf.ladder.first_byte = NGX_CONF_UNSET_MSEC;
    conf.ladder.idle = NGX_CONF_UNSET_MSEC;
    conf.ladder.cache = NGX_CONF_UNSET;
}

// A ladder stays within one protocol: another one's provider cannot be asked
// with the client's body. What one request can be asked of all literal rungs
// so far, and the rung that has narrowed it.
struct Spoken {
    bool openai;
    bool anthropic;
    Bytes by;  // "": llm_api

    // False: nobody who asks for the others can ask for this one.
    bool narrow(const route::Registry& registry, Bytes model) {
        bool has_openai = registry.can_serve(model, api::Family::kOpenai);
        bool has_anthropic =
            registry.can_serve(model, api::Family::kAnthropic);
        if (has_openai == has_anthropic) {
            return true;  // both, or where it lives is not known
        }
        bool fits = has_openai ? openai : anthropic;
        if (openai && anthropic) {
            *this = {has_openai, has_anthropic, model};
        }
        return fits;
    }
};

char* refuse_protocol(ngx_conf_t* cf, const Place& place, Bytes model,
                      Bytes by) {
    if (by.empty()) {
        complain(cf, place,
                 "\"llm_fallback\": the llm_provider of \"%*s\" speaks "
                 "another protocol than \"llm_api\" says: a ladder stays "
                 "within one",
                 model.size(), model.data());
    } else {
        complain(cf, place,
                 "\"llm_fallback\": the llm_provider of \"%*s\" speaks "
                 "another protocol than that of \"%*s\": a ladder stays "
                 "within one",
                 model.size(), model.data(), by.size(), by.data());
    }
    return conf_error();
}

// A literal model against what else is literal.
char* check_model(ngx_conf_t* cf, const LocConf& conf, Bytes model,
                  Spoken& spoken) {
    const Place& place = conf.ladder.place;
    const ngx_http_complex_value_t* own = conf.route.model;
    if (own != nullptr && is_literal(*own) && view(own->value) == model) {
        complain(cf, place,
                 "\"llm_fallback\" names \"%*s\", which \"llm_model\" asks "
                 "first: a model that has failed is not asked again",
                 model.size(), model.data());
        return conf_error();
    }
    const route::Registry* registry = registry_of(main_conf(cf));
    if (registry != nullptr && !spoken.narrow(*registry, model)) {
        return refuse_protocol(cf, place, model, spoken.by);
    }
    // Where every model needs a provider, one that has none is wrong.
    bool known = conf.provider.required != 1
                 || check_literal_model(cf, main_conf(cf), place,
                                        "llm_fallback", model)
                        == NGX_OK;
    return known ? NGX_CONF_OK : conf_error();
}

char* check_models(ngx_conf_t* cf, const LocConf& conf) {
    const ngx_array_t* models = conf.ladder.models;
    if (models == nullptr) {
        return NGX_CONF_OK;
    }
    Spoken spoken = {conf.core.api != kApiAnthropic,
                     conf.core.api != kApiOpenai, {}};
    const ngx_http_complex_value_t* own = conf.route.model;
    const route::Registry* registry = registry_of(main_conf(cf));
    if (registry != nullptr && own != nullptr && is_literal(*own)) {
        (void) spoken.narrow(*registry, view(own->value));
    }
    auto* all = static_cast<ngx_http_complex_value_t*>(models->elts);
    for (ngx_uint_t i = 0; i < models->nelts; i++) {
        char* rc = is_literal(all[i])
                       ? check_model(cf, conf, view(all[i].value), spoken)
                       : NGX_CONF_OK;
        if (rc != NGX_CONF_OK) {
            return rc;
        }
    }
    return NGX_CONF_OK;
}

char* merge_loc(ngx_conf_t* cf, LocConf& outer, LocConf& inner) {
    const LadderLoc& prev = outer.ladder;
    LadderLoc& conf = inner.ladder;
    if (conf.models == NGX_CONF_UNSET_PTR) {
        bool set = prev.models != NGX_CONF_UNSET_PTR;
        conf.models = set ? prev.models : nullptr;
        conf.on = set ? prev.on : route::default_fallback_on();
        conf.place = prev.place;
    }
    ngx_conf_merge_msec_value(conf.deadline, prev.deadline, 0);
    ngx_conf_merge_msec_value(conf.first_byte, prev.first_byte, 0);
    ngx_conf_merge_msec_value(conf.idle, prev.idle, 0);
    ngx_conf_merge_value(conf.cache, prev.cache, 0);
    return check_models(cf, inner);
}

}  // namespace

constinit const Room ladder_room = {
    .commands = commands,
    .variables = nullptr,
    .create_main = nullptr,
    .create_loc = create_loc,
    .merge_loc = merge_loc,
    .postconfiguration = nullptr,
    .init_process = nullptr,
    .exit_process = nullptr,
    .tick = nullptr,
};

}  // namespace llm::door
