#include "ngx_llm_module/provider_block.hpp"

#include <string>

#include "ngx_llm_module/boundary.hpp"

namespace llm::door {
namespace {

constexpr Bytes kUpstreamPrefix = "llm_provider_";

struct Block {
    route::Provider provider;
    std::string url;       // as it was written, for errors
    bool api_set = false;
    bool weight_set = false;
    bool context_set = false;
    bool key_set = false;
    bool resolve_set = false;
    bool resolve = false;  // while requests run, by nginx's resolver
    std::string key_path;
};

std::span<ngx_str_t> words_of(ngx_conf_t* cf) {
    return {static_cast<ngx_str_t*>(cf->args->elts), cf->args->nelts};
}

char* refuse(ngx_conf_t* cf, Bytes what, Bytes why) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%*s\" of \"llm_provider\": %*s", what.size(),
                       what.data(), why.size(), why.data());
    return conf_error();
}

char* duplicate(ngx_conf_t* cf, Bytes what) {
    return refuse(cf, what, "is there twice");
}

char* set_api(ngx_conf_t* cf, Block& block, std::span<ngx_str_t> words) {
    if (block.api_set) {
        return duplicate(cf, "api");
    }
    Bytes name = view(words[1]);
    block.api_set = true;
    for (api::Family family :
         {api::Family::kOpenai, api::Family::kAnthropic}) {
        if (name == api::name_of(family)) {
            block.provider.api = family;
            return NGX_CONF_OK;
        }
    }
    return refuse(cf, "api", "must be \"openai\" or \"anthropic\"");
}

char* take_origin(ngx_conf_t* cf, Block& block, Bytes what,
                  Result<route::Origin> origin) {
    if (!block.url.empty()) {
        return refuse(cf, what, "a provider has one \"url\" or \"upstream\"");
    }
    if (!origin.ok()) {
        return refuse(cf, what, origin.error().message);
    }
    block.provider.origin = *origin;
    block.url = std::string(what);
    return NGX_CONF_OK;
}

char* set_url(ngx_conf_t* cf, Block& block, std::span<ngx_str_t> words) {
    return take_origin(cf, block, "url", route::parse_origin(view(words[1])));
}

// upstream name [scheme=http|https] [base=/v1] [host=name]
char* set_upstream(ngx_conf_t* cf, Block& block, std::span<ngx_str_t> words) {
    Bytes scheme = "http";
    Bytes base = "/v1";
    Bytes host;
    for (const ngx_str_t& word : words.subspan(2)) {
        Bytes text = view(word);
        size_t equals = text.find('=');
        Bytes name = text.substr(0, equals);
        Bytes value =
            equals == Bytes::npos ? Bytes() : text.substr(equals + 1);
        if (equals != Bytes::npos && name == "scheme") {
            scheme = value;
        } else if (equals != Bytes::npos && name == "base") {
            base = value;
        } else if (equals != Bytes::npos && name == "host") {
            host = value;
        } else {
            return refuse(cf, "upstream",
                          "takes a name, then scheme=, base= and host=");
        }
    }
    return take_origin(
        cf, block, "upstream",
        route::upstream_origin(view(words[1]), scheme, base, host));
}

// key file | client
char* set_key(ngx_conf_t* cf, Block& block, std::span<ngx_str_t> words) {
    if (block.key_set) {
        return duplicate(cf, "key");
    }
    block.key_set = true;
    if (view(words[1]) == "client") {
        block.provider.pass_credential = true;
        return NGX_CONF_OK;
    }
    ngx_str_t path = words[1];
    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return conf_error();
    }
    block.key_path = std::string(view(path));
    block.provider.key_file = block.key_path;
    return NGX_CONF_OK;
}

char* set_models(ngx_conf_t* cf, Block& block, std::span<ngx_str_t> words) {
    for (const ngx_str_t& word : words.subspan(1)) {
        if (auto good = route::check_model_glob(view(word)); !good.ok()) {
            return refuse(cf, "models", good.error().message);
        }
        block.provider.models.emplace_back(view(word));
    }
    return NGX_CONF_OK;
}

char* set_header(ngx_conf_t* cf, Block& block, std::span<ngx_str_t> words) {
    auto good = route::check_provider_header(view(words[1]), view(words[2]));
    if (!good.ok()) {
        return refuse(cf, "header", good.error().message);
    }
    block.provider.headers.emplace_back(view(words[1]), view(words[2]));
    return NGX_CONF_OK;
}

char* set_weight(ngx_conf_t* cf, Block& block, std::span<ngx_str_t> words) {
    if (block.weight_set) {
        return duplicate(cf, "weight");
    }
    block.weight_set = true;
    uint64_t weight = 0;
    if (!parse_decimal(view(words[1]), weight)
        || weight > route::Provider::kMaxWeight) {
        return refuse(cf, "weight", "must be a number from 0 to 65535");
    }
    block.provider.weight = static_cast<uint32_t>(weight);
    return NGX_CONF_OK;
}

char* set_max_context(ngx_conf_t* cf, Block& block,
                      std::span<ngx_str_t> words) {
    if (block.context_set) {
        return duplicate(cf, "max_context");
    }
    block.context_set = true;
    off_t tokens = ngx_parse_offset(&words[1]);
    if (tokens == NGX_ERROR || tokens < 1) {
        return refuse(cf, "max_context",
                      "must be a number of tokens, e.g. 128k");
    }
    block.provider.max_context = tokens;
    return NGX_CONF_OK;
}

char* set_resolve(ngx_conf_t* cf, Block& block, std::span<ngx_str_t> words) {
    if (block.resolve_set) {
        return duplicate(cf, "resolve");
    }
    block.resolve_set = true;
    Bytes value = view(words[1]);
    if (value != "on" && value != "off") {
        return refuse(cf, "resolve", "must be \"on\" or \"off\"");
    }
    block.resolve = value == "on";
    return NGX_CONF_OK;
}

struct Setter {
    Bytes name;
    size_t least;  // arguments
    size_t most;
    char* (*set)(ngx_conf_t* cf, Block& block, std::span<ngx_str_t> words);
};

constexpr Setter kSetters[] = {
    {"api", 1, 1, set_api},
    {"url", 1, 1, set_url},
    {"upstream", 1, 4, set_upstream},
    {"key", 1, 1, set_key},
    {"models", 1, 256, set_models},
    {"header", 2, 2, set_header},
    {"weight", 1, 1, set_weight},
    {"max_context", 1, 1, set_max_context},
    {"resolve", 1, 1, set_resolve},
};

char* set_line(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) noexcept {
    return guard(cf->log, conf_error(), [cf, cmd, conf] {
        std::span<ngx_str_t> words = words_of(cf);
        Bytes name = view(words[0]);
        if (name == "include" && words.size() == 2) {
            return ngx_conf_include(cf, cmd, conf);  // as map and types do
        }
        for (const Setter& setter : kSetters) {
            if (setter.name != name) {
                continue;
            }
            size_t arguments = words.size() - 1;
            if (arguments < setter.least || arguments > setter.most) {
                return refuse(cf, name, "invalid number of arguments");
            }
            return setter.set(cf, *static_cast<Block*>(conf), words);
        }
        return refuse(cf, name,
                      "is none of api, url, upstream, key, models, header, "
                      "weight, max_context, resolve");
    });
}

bool has_module(ngx_conf_t* cf, Bytes name) {
    for (ngx_uint_t i = 0; cf->cycle->modules[i] != nullptr; i++) {
        if (name == cf->cycle->modules[i]->name) {
            return true;
        }
    }
    return false;
}

// Has nginx read a text as if it stood here in the file, as nginx itself
// does with "-g". The brace at its end closes the block that ngx_conf_parse
// takes it for.
char* parse_text(ngx_conf_t* cf, std::string text) {
    text += " }";
    ngx_buf_t buffer{};
    buffer.start = reinterpret_cast<u_char*>(text.data());
    buffer.pos = buffer.start;
    buffer.last = buffer.start + text.size();
    buffer.end = buffer.last;
    buffer.temporary = 1;
    ngx_conf_file_t file = *cf->conf_file;  // for the place in errors
    file.buffer = &buffer;
    file.dump = nullptr;
    file.file.offset = 0;
    ngx_memzero(&file.file.info, sizeof(file.file.info));
    ngx_conf_t inner = *cf;
    inner.conf_file = &file;
    inner.args = ngx_array_create(cf->pool, 10, sizeof(ngx_str_t));
    inner.handler = nullptr;
    inner.handler_conf = nullptr;
    return inner.args == nullptr ? conf_error()
                                 : ngx_conf_parse(&inner, nullptr);
}

char* add_upstream(ngx_conf_t* cf, route::Provider& provider) {
    const route::Origin& origin = provider.origin;
    std::string name = std::string(kUpstreamPrefix) + provider.name;
    std::string text = "upstream " + name + " { server " + origin.host + ":"
                       + std::to_string(origin.port) + ";";
    if (has_module(cf, "ngx_http_upstream_keepalive_module")) {
        text += " keepalive 64;";
    }
    char* rc = parse_text(cf, text + " }");
    if (rc == NGX_CONF_OK) {
        provider.origin = route::behind_upstream(origin, name);
    }
    return rc;
}

char* open_key(ngx_conf_t* cf, Block& block, ProviderSetup& setup) {
    setup.keys.emplace_back();
    if (block.key_path.empty()) {
        return NGX_CONF_OK;
    }
    auto file = std::make_unique<route::ProviderKeyFile>(
        watch::WatchOptions{block.key_path, route::kMaxProviderKeyFile,
                            watch::WatchOptions{}.interval_ns},
        route::parse_provider_key);
    if (auto opened = file->open(now()); !opened.ok()) {
        std::string why = opened.error().message;
        if (!why.starts_with(block.key_path)) {
            why = block.key_path + ": " + why;
        }
        return refuse(cf, "key", why);
    }
    if (auto warning = route::key_file_warning(block.key_path)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"key\" of \"llm_provider\": %s",
                           warning->c_str());
    }
    setup.keys.back() = std::move(file);
    return NGX_CONF_OK;
}

char* finish_block(ngx_conf_t* cf, Block& block, const Place& place,
                   ProviderSetup& setup) {
    const std::string& name = block.provider.name;
    auto good = route::check_provider(block.provider);
    if (good.ok() && !block.api_set) {
        good = Error{Errc::kInvalid,
                     "provider \"" + name
                         + "\" needs \"api openai\" or \"api anthropic\""};
    }
    for (const route::Provider& other : setup.providers) {
        // As nginx takes the names of upstreams, which these become.
        if (good.ok() && equals_ignore_case(other.name, name)) {
            good = Error{Errc::kInvalid,
                         "provider \"" + name + "\" is there twice"};
        }
    }
    if (!good.ok()) {
        complain(cf, place, "\"llm_provider\": %s",
                 good.error().message.c_str());
        return conf_error();
    }
    bool literal = block.provider.origin.port != 0;
    if (literal && !block.resolve) {
        if (char* rc = add_upstream(cf, block.provider);
            rc != NGX_CONF_OK) {
            return rc;
        }
    }
    if (char* rc = open_key(cf, block, setup); rc != NGX_CONF_OK) {
        return rc;
    }
    setup.providers.push_back(std::move(block.provider));
    setup.places.push_back(place);
    return NGX_CONF_OK;
}

}  // namespace

char* read_provider_block(ngx_conf_t* cf, ProviderSetup& setup) {
    Block block;
    Place place = place_of(cf);
    block.provider.name = std::string(view(words_of(cf)[1]));
    auto named = route::check_provider_name(block.provider.name);
    if (!named.ok()) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"llm_provider\": %s",
                           named.error().message.c_str());
        return conf_error();
    }
    ngx_conf_t inner = *cf;
    inner.handler = set_line;
    inner.handler_conf = reinterpret_cast<char*>(&block);
    char* rc = ngx_conf_parse(&inner, nullptr);
    return rc == NGX_CONF_OK ? finish_block(cf, block, place, setup) : rc;
}

}  // namespace llm::door
