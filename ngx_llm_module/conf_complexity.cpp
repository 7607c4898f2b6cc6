#include "ngx_llm_module/conf_complexity.hpp"

#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "ngx_llm_module/conf.hpp"
#include "ngx_llm_module/context.hpp"
#include "ngx_llm_module/vars.hpp"
#include "src/watch/file.hpp"

namespace llm::door {
namespace {

using route::ComplexityBuilder;

constexpr Bytes kVariables[] = {"llm_complexity", "llm_complexity_level",
                                "llm_task", "llm_critical"};

// An object that lives as long as the configuration; nullptr: no memory.
template <typename T>
T* keep(ngx_conf_t* cf, T object) {
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

Bytes directive_of(ngx_conf_t* cf) {
    return view(static_cast<ngx_str_t*>(cf->args->elts)[0]);
}

char* refuse(ngx_conf_t* cf, Bytes word, const std::string& why) {
    ngx_str_t directive = immortal(directive_of(cf));
    ngx_str_t argument = immortal(word);
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\": \"%V\": %s", &directive,
                       &argument, why.c_str());
    return conf_error();
}

// The rules of this level, made by its first directive.
ComplexityBuilder* rules_of(ngx_conf_t* cf, ComplexityLoc& loc) {
    if (loc.rules == nullptr) {
        loc.rules = keep(cf, ComplexityBuilder());
        loc.file = cf->conf_file->file.name;
        loc.line = cf->conf_file->line;
    }
    return loc.rules;
}

Result<std::string> read_words(ngx_conf_t* cf, Bytes name,
                               std::string& full) {
    ngx_str_t path = copy_to(cf->pool, name);
    if (path.data == nullptr
        || ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return Error{Errc::kNoSpace, "no memory"};
    }
    full = view(path);
    auto content = watch::read_file(full, ComplexityBuilder::kMaxFile);
    if (!content) {
        return content.error();
    }
    return std::move(content.value().bytes);
}

// key=value of an argument; no key for a pattern.
struct Word {
    Bytes key;
    Bytes value;
};

Word split(Bytes argument) {
    size_t letters = 0;
    while (letters < argument.size()
           && (argument[letters] == '_'
               || (argument[letters] >= 'a' && argument[letters] <= 'z'))) {
        letters++;
    }
    if (letters == 0 || letters == argument.size()
        || argument[letters] != '=') {
        bool path = !argument.empty() && argument[0] == '/';
        return {path ? Bytes("file") : Bytes("pattern"), argument};
    }
    return {argument.substr(0, letters), argument.substr(letters + 1)};
}

constexpr Bytes kUnknownWord = "not understood; known are ";

Result<void> set_signal_word(ngx_conf_t* cf, ComplexityBuilder& rules,
                             size_t signal, const Word& word) {
    if (word.key == "weight") {
        auto weight = route::parse_thousandths(word.value);
        if (!weight) {
            return Error{Errc::kInvalid, "a weight is a number from 0 to 1 "
                                         "with at most three decimals"};
        }
        return rules.set_weight(signal, *weight);
    }
    if (word.key == "pattern" && word.value == "replace") {
        return rules.replace_terms(signal);
    }
    if (word.key == "pattern") {
        return rules.add_pattern(signal, word.value);
    }
    if (word.key == "file") {
        std::string name;
        auto bytes = read_words(cf, word.value, name);
        return bytes ? rules.add_file(signal, name, *bytes) : bytes.error();
    }
    return Error{Errc::kInvalid, std::string(kUnknownWord)
                                     + "weight=, pattern=, file=, replace"};
}

// llm_complexity_signal name [weight=n] [replace] [pattern …] [file=path …]
char* set_signal(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    ComplexityLoc& loc = static_cast<LocConf*>(conf)->complexity;
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    ComplexityBuilder* rules = rules_of(cf, loc);
    if (rules == nullptr) {
        return conf_error();
    }
    loc.signals = 1;
    auto signal = rules->signal(view(args[1]));
    if (!signal) {
        return refuse(cf, view(args[1]), signal.error().message);
    }
    bool weighed = false;
    for (ngx_uint_t i = 2; i < cf->args->nelts; i++) {
        Bytes argument = view(args[i]);
        bool weight = argument.starts_with("weight=");
        if (weight && weighed) {
            return refuse(cf, argument, "the weight is there twice");
        }
        weighed = weighed || weight;
        auto done = set_signal_word(cf, *rules, *signal, split(argument));
        if (!done) {
            return refuse(cf, argument, done.error().message);
        }
    }
    return NGX_CONF_OK;
}

Result<void> set_critical_word(ngx_conf_t* cf, ComplexityBuilder& rules,
                               Bytes argument) {
    if (auto built_in = route::critical_of(argument)) {
        rules.add_critical(*built_in);
        return {};
    }
    if (argument == "on") {
        for (route::Critical built_in : route::kBuiltInCriticals) {
            rules.add_critical(built_in);
        }
        return {};
    }
    if (auto meant = route::critical_near(argument)) {
        return Error{Errc::kInvalid,
                     "unknown; \"" + std::string(route::name_of(*meant))
                         + "\" is near, pattern=… takes it as a pattern"};
    }
    Word word = split(argument);
    if (word.key == "pattern") {
        return rules.add_critical_pattern(word.value);
    }
    if (word.key == "file") {
        std::string name;
        auto bytes = read_words(cf, word.value, name);
        return bytes ? rules.add_critical_file(name, *bytes) : bytes.error();
    }
    return Error{Errc::kInvalid,
                 std::string(kUnknownWord)
                     + "on, legal, complaint, medical, money, pattern=, file="};
}

// llm_critical off | on|legal|complaint|medical|money|pattern|file=path …
char* set_critical(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    main_conf(cf).complexity.criticals = 1;
    ComplexityLoc& loc = static_cast<LocConf*>(conf)->complexity;
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    ComplexityBuilder* rules = rules_of(cf, loc);
    if (rules == nullptr) {
        return conf_error();
    }
    bool alone = cf->args->nelts == 2 && !loc.criticals;
    loc.criticals = 1;
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        if (view(args[i]) == "off") {
            return alone ? NGX_CONF_OK
                         : conf_text("says off beside other words");
        }
        auto done = set_critical_word(cf, *rules, view(args[i]));
        if (!done) {
            return refuse(cf, view(args[i]), done.error().message);
        }
    }
    return NGX_CONF_OK;
}

// llm_complexity_levels medium complex specialized
char* set_levels(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    ComplexityLoc& loc = static_cast<LocConf*>(conf)->complexity;
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    if (loc.levels) {
        return conf_text("is duplicate");
    }
    ComplexityBuilder* rules = rules_of(cf, loc);
    if (rules == nullptr) {
        return conf_error();
    }
    int values[3];
    for (ngx_uint_t i = 0; i < 3; i++) {
        auto value = route::parse_thousandths(view(args[i + 1]));
        if (!value) {
            return refuse(cf, view(args[i + 1]), value.error().message);
        }
        values[i] = *value;
    }
    loc.levels = 1;
    auto done = rules->set_thresholds({values[0], values[1], values[2]});
    return done ? NGX_CONF_OK
                : refuse(cf, view(args[1]), done.error().message);
}

const route::Complexity* build(ngx_conf_t* cf,
                               const ComplexityBuilder& rules,
                               const Place* place) {
    auto made = rules.build();
    if (!made) {
        ngx_str_t why = immortal(made.error().message);
        if (place != nullptr) {
            complain(cf, *place, "\"llm_complexity_signal\": %V", &why);
        } else {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "llm: %V", &why);
        }
        return nullptr;
    }
    auto* kept = keep(cf, std::move(made).value());
    return kept == nullptr ? nullptr : kept->get();
}

bool make(ngx_conf_t* cf, ComplexityLoc& loc) {
    if (loc.rules == nullptr || loc.made != nullptr) {
        return true;
    }
    Place place = {loc.file, loc.line};
    loc.made = build(cf, *loc.rules, &place);
    return loc.made != nullptr;
}

char* merge_loc(ngx_conf_t* cf, LocConf& outer, LocConf& inner) {
    ComplexityLoc& prev = outer.complexity;
    ComplexityLoc& conf = inner.complexity;
    if (!make(cf, prev)) {
        return conf_error();
    }
    if (conf.rules == nullptr) {
        conf = prev;
        return NGX_CONF_OK;
    }
    if (prev.rules != nullptr) {
        if (!conf.signals) {
            conf.rules->take_signals(*prev.rules);
        }
        if (!conf.criticals) {
            conf.rules->take_criticals(*prev.rules);
        }
        if (!conf.levels) {
            conf.rules->take_thresholds(*prev.rules);
        }
    }
    return make(cf, conf) ? NGX_CONF_OK : conf_error();
}

bool is_ours(Bytes name) {
    for (Bytes ours : kVariables) {
        if (name == ours) {
            return true;
        }
    }
    return false;
}

// Requests are only judged where somebody wants to know. Whoever does has
// asked for the variable's index while the configuration was read.
ngx_int_t postconfiguration(ngx_conf_t* cf, MainConf& conf) {
    auto* core = static_cast<ngx_http_core_main_conf_t*>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    auto* variable =
        static_cast<ngx_http_variable_t*>(core->variables.elts);
    for (ngx_uint_t i = 0; i < core->variables.nelts; i++) {
        if (is_ours(view(variable[i].name))) {
            conf.complexity.used = 1;
        }
    }
    if (conf.complexity.criticals && conf.semantic.embedders != nullptr) {
        conf.complexity.used = 1;  // near matches are stricter there
    }
    if (!conf.complexity.used) {
        return NGX_OK;
    }
    conf.complexity.built_in = build(cf, ComplexityBuilder(), nullptr);
    return conf.complexity.built_in != nullptr ? NGX_OK : NGX_ERROR;
}

// One thread a worker, and what is kept is memory alone.
route::Complexity::Scratch& scratch() {
    static route::Complexity::Scratch kept;
    return kept;
}

// "0.000" to "1.000".
bool get_complexity(ngx_http_request_t* r, Context& ctx,
                    ngx_http_variable_value_t* v) {
    if (!ctx.assessment) {
        return false;
    }
    std::string digits = std::to_string(1000 + ctx.assessment->score);
    std::string text = {static_cast<char>(digits[0] - 1), '.'};
    return give(r, v, text + digits.substr(1));
}

bool get_level(ngx_http_request_t* r, Context& ctx,
               ngx_http_variable_value_t* v) {
    return ctx.assessment
           && give(r, v, route::name_of(ctx.assessment->level));
}

bool get_task(ngx_http_request_t* r, Context& ctx,
              ngx_http_variable_value_t* v) {
    return ctx.assessment && give(r, v, route::name_of(ctx.assessment->task));
}

bool get_critical(ngx_http_request_t* r, Context& ctx,
                  ngx_http_variable_value_t* v) {
    return ctx.assessment && ctx.assessment->critical != route::Critical::kNone
           && give(r, v, route::name_of(ctx.assessment->critical));
}

constexpr Variable kTable[] = {
    {"llm_complexity", get_complexity},
    {"llm_complexity_level", get_level},
    {"llm_task", get_task},
    {"llm_critical", get_critical},
};

std::span<const Variable> variables() {
    return kTable;
}

ngx_command_t commands[] = {
    {ngx_string("llm_complexity_signal"), kEverywhere | NGX_CONF_2MORE,
     set_signal, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_critical"), kEverywhere | NGX_CONF_1MORE, set_critical,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_complexity_levels"), kEverywhere | NGX_CONF_TAKE3,
     set_levels, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
};

}  // namespace

void judge_complexity(ngx_http_request_t* r, Context& ctx) {
    const ComplexityMain& main = main_conf(r).complexity;
    if (!main.used || ctx.assessment || !ctx.exchange.has_document()) {
        return;
    }
    const route::Complexity* made = loc_conf(r).complexity.made;
    made = made != nullptr ? made : main.built_in;
    if (made != nullptr) {
        ctx.assessment = made->assess(ctx.exchange.request(),
                                      ctx.exchange.document(), scratch());
    }
}

constinit const Room complexity_room = {
    .commands = commands,
    .variables = variables,
    .create_main = nullptr,
    .create_loc = nullptr,
    .merge_loc = merge_loc,
    .postconfiguration = postconfiguration,
    .init_process = nullptr,
    .exit_process = nullptr,
    .tick = nullptr,
};

}  // namespace llm::door
