// key= of llm_limit and llm_budget: what of it can be known when the
// configuration is read.
#include <algorithm>

#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/conf_limit.hpp"

namespace llm::door {
namespace {

// Variables that are not known before the body is.
constexpr Bytes kOfBody[] = {
    "llm_api",        "llm_operation",  "llm_stream",
    "llm_model",      "llm_task",       "llm_complexity",
    "llm_upstream_model", "llm_prefix", "llm_cache_key",
    "llm_critical",   "llm_provider",   "request_body",
};

bool names_body(Bytes text) {
    return std::any_of(std::begin(kOfBody), std::end(kOfBody),
                       [text](Bytes name) {
                           return text.find(name) != Bytes::npos;
                       });
}

bool is_name(Bytes text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        char lower = ascii_lower(c);
        return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9')
               || c == '_';
    });
}

// The variable that is all of the text: $name, ${name}; "" when it is more,
// or a capture.
Bytes only_variable(Bytes text) {
    if (!text.starts_with('$')) {
        return {};
    }
    text.remove_prefix(1);
    if (text.starts_with('{') && text.ends_with('}')) {
        text = text.substr(1, text.size() - 2);
    }
    bool capture = !text.empty() && text[0] >= '0' && text[0] <= '9';
    return is_name(text) && !capture ? text : Bytes{};
}

}  // namespace

LimitKey limit_key(ngx_conf_t* cf, ngx_http_complex_value_t* text) {
    LimitKey key = {text, -1, false, false, false};
    if (text->lengths == nullptr) {
        return key;
    }
    key.of_body = names_body(view(text->value));
    Bytes name = only_variable(view(text->value));
    key.is_key = equals_ignore_case(name, "llm_key");
    key.is_tenant = equals_ignore_case(name, "llm_tenant");
    if (!name.empty()) {
        ngx_str_t copy = copy_to(cf->pool, name);
        key.variable = copy.data == nullptr
                           ? -1
                           : ngx_http_get_variable_index(cf, &copy);
    }
    return key;
}

}  // namespace llm::door
