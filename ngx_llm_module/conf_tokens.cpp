// Whose tokens are counted and not estimated: llm_tokens. Rank files are read
// with the configuration, before workers are forked, which share them.
#include "ngx_llm_module/conf_tokens.hpp"

#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/conf.hpp"
#include "ngx_llm_module/conf_words.hpp"
#include "ngx_llm_module/zone.hpp"
#include "src/route/provider.hpp"
#include "src/watch/file.hpp"

namespace llm::door {

// Deleted with the configuration.
struct TokensSetup {
    struct File {
        std::string path;
        std::shared_ptr<const tokens::RankTable> table;
    };

    std::vector<File> files;
    std::vector<exchange::CountRule> rules;
};

namespace {

using tokens::Encoding;
using tokens::RankTable;

template <typename... Args>
char* refuse(ngx_conf_t* cf, const char* format, const Args&... args) {
    std::string whole = std::string("\"llm_tokens\": ") + format;
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, whole.c_str(), args...);
    return conf_error();
}

char* add_models(ngx_conf_t* cf, Bytes list,
                 std::vector<std::string>& models) {
    for (;;) {
        size_t end = std::min(list.find(','), list.size());
        Bytes glob = list.substr(0, end);
        if (auto good = route::check_model_glob(glob); !good.ok()) {
            ngx_str_t shown = immortal(glob);
            return refuse(cf, "models: \"%V\" %s", &shown,
                          good.error().message.c_str());
        }
        models.emplace_back(glob);
        if (end == list.size()) {
            return NGX_CONF_OK;
        }
        list.remove_prefix(end + 1);
    }
}

// The file's own name tells, where nothing else does.
std::optional<Encoding> encoding_of(Bytes path) {
    Bytes name = path.substr(path.rfind('/') + 1);
    for (Bytes known : {"cl100k", "o200k"}) {
        if (name.find(known) != Bytes::npos) {
            return tokens::encoding_named(known);
        }
    }
    return std::nullopt;
}

// nullptr: it was said why.
std::shared_ptr<const RankTable> load(ngx_conf_t* cf, TokensSetup& setup,
                                      const ngx_str_t& path) {
    for (const TokensSetup::File& file : setup.files) {
        if (file.path == view(path)) {
            return file.table;
        }
    }
    std::string full(view(path));
    auto content = watch::read_file(full, RankTable::kMaxFile);
    if (!content.ok()) {
        refuse(cf, "%s", content.error().message.c_str());
        return nullptr;
    }
    auto parsed = RankTable::parse(content->bytes);
    if (!parsed.ok()) {
        refuse(cf, "\"%V\": %s", &path, parsed.error().message.c_str());
        return nullptr;
    }
    auto table = std::make_shared<const RankTable>(std::move(*parsed));
    setup.files.push_back({std::move(full), table});
    return table;
}

// llm_tokens file models=glob[,glob…] [encoding=cl100k|o200k]
char* read_rule(ngx_conf_t* cf, TokensSetup& setup) {
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    ngx_str_t path = args[1];
    std::optional<Encoding> encoding = encoding_of(view(path));
    std::vector<std::string> models;
    bool told = false;  // which encoding
    for (ngx_uint_t i = 2; i < cf->args->nelts; i++) {
        Bytes value;
        if (take(view(args[i]), "models", value)) {
            if (add_models(cf, value, models) != NGX_CONF_OK) {
                return conf_error();
            }
        } else if (take(view(args[i]), "encoding", value)) {
            if (std::exchange(told, true)) {
                return wrong(cf, args[i], "is a second encoding");
            }
            encoding = tokens::encoding_named(value);
            if (!encoding) {
                return refuse(cf, "\"%V\" must be \"encoding=cl100k\" or "
                                  "\"encoding=o200k\"", &args[i]);
            }
        } else {
            return refuse(cf, "there is no parameter \"%V\", only models= "
                              "and encoding=", &args[i]);
        }
    }
    if (models.empty()) {
        return refuse(cf, "needs \"models=\", the models that count with "
                          "\"%V\"", &path);
    }
    if (!encoding) {
        return refuse(cf, "the name of \"%V\" does not tell its encoding; "
                          "add \"encoding=cl100k\" or \"encoding=o200k\"",
                      &path);
    }
    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return conf_error();
    }
    std::shared_ptr<const RankTable> table = load(cf, setup, path);
    if (table == nullptr) {
        return conf_error();
    }
    setup.rules.push_back({std::move(models),
                           tokens::Counter(std::move(table), *encoding)});
    return NGX_CONF_OK;
}

char* set_tokens(ngx_conf_t* cf, ngx_command_t*, void* conf) noexcept {
    return guard(cf->log, conf_error(), [&] {
        TokensSetup*& setup = static_cast<MainConf*>(conf)->tokens.setup;
        if (setup == nullptr) {
            setup = pool_new<TokensSetup>(cf->pool);
        }
        return setup == nullptr ? conf_error() : read_rule(cf, *setup);
    });
}

ngx_int_t start(ngx_cycle_t*, MainConf& conf) {
    const TokensSetup* setup = conf.tokens.setup;
    std::span<const exchange::CountRule> rules;
    if (setup != nullptr) {
        rules = setup->rules;
    }
    worker_services().counting.use(rules);
    return NGX_OK;
}

ngx_command_t commands[] = {
    {ngx_string("llm_tokens"), NGX_HTTP_MAIN_CONF | NGX_CONF_2MORE,
     set_tokens, NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
};

}  // namespace

constinit const Room tokens_room = {
    .commands = commands,
    .variables = nullptr,
    .create_main = nullptr,
    .create_loc = nullptr,
    .merge_loc = nullptr,
    .postconfiguration = nullptr,
    .init_process = start,
    .exit_process = nullptr,
    .tick = nullptr,
};

}  // namespace llm::door
