#include "ngx_llm_module/vars.hpp"

#include "ngx_llm_module/context.hpp"
#include "src/route/model_name.hpp"

namespace llm::door {
bool give(ngx_http_request_t* r, ngx_http_variable_value_t* v, Bytes text) {
    ngx_str_t copy = copy_to(r->pool, text);
    if (copy.data == nullptr) {
        return false;
    }
    v->data = copy.data;
    v->len = static_cast<unsigned>(copy.len);
    return true;
}

bool give(ngx_http_request_t* r, ngx_http_variable_value_t* v,
          int64_t number) {
    std::string text;
    append_number(text, number);
    return give(r, v, text);
}

// Seconds with six decimals.
bool give_seconds(ngx_http_request_t* r, ngx_http_variable_value_t* v,
                  int64_t ns) {
    u_char text[NGX_INT64_LEN + 8];
    int64_t us = ns / 1000;
    u_char* end = ngx_sprintf(text, "%L.%06L", us / 1000000, us % 1000000);
    return give(r, v,
                Bytes(reinterpret_cast<char*>(text),
                      static_cast<size_t>(end - text)));
}

namespace {

// The index of the variable that is all of a value; -1: it is more, or none.
// A value is compiled into codes that tell how long each part is, and a zero
// behind the last one (ngx_http_compile_complex_value).
ngx_int_t only_variable(const ngx_http_complex_value_t& value) {
    if (value.lengths == nullptr) {
        return -1;
    }
    auto* code = static_cast<ngx_http_script_var_code_t*>(value.lengths);
    auto* next = reinterpret_cast<uintptr_t*>(code + 1);
    bool is_variable =
        reinterpret_cast<void*>(code->code)
        == reinterpret_cast<void*>(ngx_http_script_copy_var_len_code);
    return is_variable && *next == 0 ? static_cast<ngx_int_t>(code->index) : -1;
}

}  // namespace

ngx_int_t evaluate(ngx_http_request_t* r, ngx_http_complex_value_t* value,
                   ngx_str_t& text) {
    ngx_int_t index = only_variable(*value);
    if (index < 0) {
        return ngx_http_complex_value(r, value, &text);
    }
    ngx_http_variable_value_t* found =
        ngx_http_get_flushed_variable(r, static_cast<ngx_uint_t>(index));
    bool has_one = found != nullptr && !found->not_found;
    text = {has_one ? size_t{found->len} : 0,
            has_one ? found->data : nullptr};
    return NGX_OK;
}

namespace {

bool get_api(ngx_http_request_t* r, Context& ctx,
             ngx_http_variable_value_t* v) {
    return give(r, v, api::name_of(ctx.exchange.request().family));
}

bool get_operation(ngx_http_request_t* r, Context& ctx,
                   ngx_http_variable_value_t* v) {
    return give(r, v, api::name_of(ctx.exchange.endpoint()));
}

bool get_stream(ngx_http_request_t* r, Context& ctx,
                ngx_http_variable_value_t* v) {
    return give(r, v, ctx.exchange.request().stream ? "1" : "0");
}

bool get_model(ngx_http_request_t* r, Context& ctx,
               ngx_http_variable_value_t* v) {
    Bytes listed = ctx.route.listed;
    return give(r, v,
                listed.empty() ? Bytes(ctx.exchange.request().model) : listed);
}

// What an answer calls its model may come to stand in a header.
bool get_served_model(ngx_http_request_t* r, Context& ctx,
                      ngx_http_variable_value_t* v) {
    Bytes served = ctx.exchange.served_model();
    return give(r, v,
                route::is_model_name(served) ? served
                                             : ctx.exchange.upstream_model());
}

bool get_tenant(ngx_http_request_t* r, Context& ctx,
                ngx_http_variable_value_t* v) {
    return give(r, v, ctx.tenant);
}

bool get_finish_reason(ngx_http_request_t* r, Context& ctx,
                       ngx_http_variable_value_t* v) {
    return give(r, v, exchange::finish_word(ctx.exchange.finish_reason()));
}

bool get_overhead(ngx_http_request_t* r, Context& ctx,
                  ngx_http_variable_value_t* v) {
    return give_seconds(r, v, ctx.exchange.overhead_ns());
}

bool get_ttft(ngx_http_request_t* r, Context& ctx,
              ngx_http_variable_value_t* v) {
    return ctx.exchange.ttft_ns() >= 0
           && give_seconds(r, v, ctx.exchange.ttft_ns());
}

bool get_cache_status(ngx_http_request_t* r, Context& ctx,
                      ngx_http_variable_value_t* v) {
    Bytes name = exchange::name_of(ctx.exchange.cache_status());
    return !name.empty() && give(r, v, name);
}

bool get_cache_reason(ngx_http_request_t* r, Context& ctx,
                      ngx_http_variable_value_t* v) {
    return give(r, v, ctx.exchange.cache_reason());
}

bool get_cache_key(ngx_http_request_t* r, Context& ctx,
                   ngx_http_variable_value_t* v) {
    const auto& key = ctx.exchange.key();
    return key && give(r, v, key->hex());
}

bool get_prompt_tokens(ngx_http_request_t* r, Context& ctx,
                       ngx_http_variable_value_t* v) {
    int64_t tokens = ctx.exchange.usage().input;
    return tokens >= 0 && give(r, v, tokens);
}

bool get_completion_tokens(ngx_http_request_t* r, Context& ctx,
                           ngx_http_variable_value_t* v) {
    int64_t tokens = ctx.exchange.usage().output;
    return tokens >= 0 && give(r, v, tokens);
}

bool get_cached_tokens(ngx_http_request_t* r, Context& ctx,
                       ngx_http_variable_value_t* v) {
    return ctx.exchange.usage().known()
           && give(r, v, ctx.exchange.usage().cached_input);
}

bool get_usage_estimated(ngx_http_request_t* r, Context& ctx,
                         ngx_http_variable_value_t* v) {
    return give(r, v, ctx.exchange.usage().estimated ? "1" : "0");
}

constexpr Variable kCore[] = {
    {"llm_api", get_api},
    {"llm_operation", get_operation},
    {"llm_stream", get_stream},
    {"llm_model", get_model},
    {"llm_upstream_model", get_served_model},
    {"llm_tenant", get_tenant},
    {"llm_finish_reason", get_finish_reason},
    {"llm_overhead", get_overhead},
    {"llm_ttft", get_ttft},
};

constexpr Variable kCache[] = {
    {"llm_cache_status", get_cache_status},
    {"llm_cache_reason", get_cache_reason},
    {"llm_cache_key", get_cache_key},
};

constexpr Variable kMetrics[] = {
    {"llm_prompt_tokens", get_prompt_tokens},
    {"llm_completion_tokens", get_completion_tokens},
    {"llm_cached_tokens", get_cached_tokens},
    {"llm_usage_estimated", get_usage_estimated},
};

ngx_int_t get_variable(ngx_http_request_t* r, ngx_http_variable_value_t* v,
                       uintptr_t data) noexcept {
    auto* variable = reinterpret_cast<const Variable*>(data);
    return guard(r->connection->log, ngx_int_t{NGX_ERROR}, [&] {
        Context* ctx = Context::find(r->main);
        v->not_found = 1;
        if (ctx != nullptr && variable->get(r, *ctx, v)) {
            v->valid = 1;
            v->no_cacheable = 0;
            v->not_found = 0;
        }
        return ngx_int_t{NGX_OK};
    });
}

// $llm_key_tag_NAME: a tag of the caller's key.
ngx_int_t get_key_tag(ngx_http_request_t* r, ngx_http_variable_value_t* v,
                      uintptr_t data) noexcept {
    constexpr Bytes kPrefix = "llm_key_tag_";
    return guard(r->connection->log, ngx_int_t{NGX_ERROR}, [&] {
        Bytes name = view(*reinterpret_cast<ngx_str_t*>(data))
                         .substr(kPrefix.size());
        Context* ctx = Context::find(r->main);
        v->not_found = 1;
        if (ctx == nullptr || ctx->key == nullptr) {
            return ngx_int_t{NGX_OK};
        }
        for (const auto& [tag, value] : ctx->key->tags) {
            if (tag == name && give(r, v, value)) {
                v->valid = 1;
                v->no_cacheable = 0;
                v->not_found = 0;
            }
        }
        return ngx_int_t{NGX_OK};
    });
}

}  // namespace

std::span<const Variable> core_variables() {
    return kCore;
}

std::span<const Variable> cache_variables() {
    return kCache;
}

std::span<const Variable> metrics_variables() {
    return kMetrics;
}

void widen_variables_hash(ngx_conf_t* cf) {
    auto* core = static_cast<ngx_http_core_main_conf_t*>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    core->variables_hash_max_size *= 2;
}

ngx_int_t add_variables(ngx_conf_t* cf, std::span<const Room* const> rooms) {
    ngx_str_t prefix = ngx_string("llm_key_tag_");
    ngx_http_variable_t* tags = ngx_http_add_variable(
        cf, &prefix, NGX_HTTP_VAR_NOCACHEABLE | NGX_HTTP_VAR_PREFIX);
    if (tags == nullptr) {
        return NGX_ERROR;
    }
    tags->get_handler = get_key_tag;
    for (const Room* room : rooms) {
        if (room->variables == nullptr) {
            continue;
        }
        for (const Variable& variable : room->variables()) {
            ngx_str_t name = immortal(variable.name);
            ngx_http_variable_t* added = ngx_http_add_variable(
                cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
            if (added == nullptr) {
                return NGX_ERROR;
            }
            added->get_handler = get_variable;
            added->data = reinterpret_cast<uintptr_t>(&variable);
        }
    }
    return NGX_OK;
}

}  // namespace llm::door
