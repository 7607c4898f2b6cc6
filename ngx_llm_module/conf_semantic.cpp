// Near matches: llm_embedder, llm_semantic, llm_semantic_guard.
#include "ngx_llm_module/conf_semantic.hpp"

#include <algorithm>

#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/conf.hpp"
#include "ngx_llm_module/conf_words.hpp"
#include "ngx_llm_module/curl.hpp"
#include "ngx_llm_module/embedding.hpp"
#include "ngx_llm_module/regions.hpp"
#include "ngx_llm_module/semantic_vars.hpp"
#include "ngx_llm_module/threads.hpp"
#include "ngx_llm_module/zone.hpp"
#include "src/exchange/audit.hpp"
#include "src/route/word_list_fold.hpp"
#include "src/semantic/registry.hpp"
#include "src/semantic/remote_request.hpp"
#include "src/watch/file.hpp"

namespace llm::door {
namespace {

constexpr ngx_msec_t kDefaultTimeout = 100;
constexpr ngx_uint_t kDefaultMaxChars = 2000;
constexpr ngx_int_t kAnyTemperature = 2000;
constexpr ngx_uint_t kDefaultAudit = 10000;  // parts in a million: 1 %
constexpr ngx_uint_t kMaxDims = 4096;
// Vectors that are searched without threads at most: 0.1 to 0.3 ms of the
// event loop. Where the zone has room for more, there are threads.
constexpr uint64_t kSearchedHere = 100000;
constexpr size_t kLeastDims = 256;  // of an endpoint that does not tell
constexpr size_t kMaxTerms = 1 << 20;
constexpr size_t kMaxCa = size_t{16} << 20;
constexpr uint32_t kSweep = 512;  // slots of the index a second

std::span<Embedder*> embedders_of(const SemanticMain& conf) {
    if (conf.embedders == nullptr) {
        return {};
    }
    return {static_cast<Embedder**>(conf.embedders->elts),
            conf.embedders->nelts};
}

Embedder* find_embedder(const SemanticMain& conf, Bytes name) {
    for (Embedder* embedder : embedders_of(conf)) {
        if (view(embedder->name) == name) {
            return embedder;
        }
    }
    return nullptr;
}

// What the parameters of one llm_embedder say.
struct Said {
    ngx_str_t path = ngx_null_string;
    semantic::Precision precision = semantic::Precision::kInt8;
};

char* read_number(ngx_conf_t* cf, const ngx_str_t& argument, ngx_str_t value,
                  ngx_uint_t max, ngx_uint_t& out) {
    ngx_int_t number = ngx_atoi(value.data, value.len);
    if (number == NGX_ERROR || number < 1
        || static_cast<ngx_uint_t>(number) > max) {
        return wrong(cf, argument, "is out of range");
    }
    out = static_cast<ngx_uint_t>(number);
    return NGX_CONF_OK;
}

char* read_embedder(ngx_conf_t* cf, const ngx_str_t& argument,
                    Embedder& embedder, Said& said) {
    ngx_str_t value;
    if (take(argument, "path", said.path)
        || take(argument, "url", embedder.url)
        || take(argument, "model", embedder.model)
        || take(argument, "key", embedder.key_file)
        || take(argument, "ca", embedder.ca_file)) {
        return NGX_CONF_OK;
    }
    if (take(argument, "dims", value)) {
        return read_number(cf, argument, value, kMaxDims, embedder.dims);
    }
    if (take(argument, "timeout", value)) {
        ngx_int_t time = ngx_parse_time(&value, 0);
        if (time == NGX_ERROR || time < 1) {
            return wrong(cf, argument, "is no time");
        }
        embedder.timeout = static_cast<ngx_msec_t>(time);
        return NGX_CONF_OK;
    }
    if (take(argument, "precision", value)) {
        said.precision = view(value) == "fp32" ? semantic::Precision::kFloat
                                               : semantic::Precision::kInt8;
        return view(value) == "fp32" || view(value) == "int8"
                   ? NGX_CONF_OK
                   : wrong(cf, argument, "must be \"int8\" or \"fp32\"");
    }
    return wrong(cf, argument, "is no parameter of this directive");
}

// The weights are packed here, in the master: all workers share the pages.
char* open_encoder(ngx_conf_t* cf, Embedder& embedder, Bytes kind,
                   Said& said) {
    if (said.path.len > 0
        && ngx_conf_full_name(cf->cycle, &said.path, 1) != NGX_OK) {
        return conf_error();
    }
    auto opened = semantic::open_encoder(kind, std::string(view(said.path)),
                                         said.precision);
    if (!opened.ok()) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"llm_embedder %V\": %s",
                           &embedder.name, opened.error().message.c_str());
        return conf_error();
    }
    auto* held = pool_new<std::unique_ptr<semantic::Encoder>>(
        cf->pool, std::move(opened).value());
    if (held == nullptr) {
        return conf_error();
    }
    embedder.encoder = held->get();
    embedder.kind = semantic::encoder_kind(kind);
    embedder.immediate = semantic::traits_of(kind).immediate;
    embedder.id = embedder.encoder->id();
    return NGX_CONF_OK;
}

// Read as the user who starts nginx; the workers follow it if they may.
char* open_key(ngx_conf_t* cf, Embedder& embedder) {
    if (embedder.key_file.len == 0) {
        return NGX_CONF_OK;
    }
    std::string path(view(embedder.key_file));
    embedder.key = pool_new<route::ProviderKeyFile>(
        cf->pool,
        watch::WatchOptions{path, route::kMaxProviderKeyFile,
                            watch::WatchOptions{}.interval_ns},
        route::parse_provider_key);
    if (embedder.key == nullptr) {
        return conf_error();
    }
    if (auto opened = embedder.key->open(now()); !opened.ok()) {
        return wrong(cf, embedder.key_file, opened.error().message.c_str());
    }
    if (auto warning = route::key_file_warning(path)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0, "\"llm_embedder %V\": %s",
                           &embedder.name, warning->c_str());
    }
    return NGX_CONF_OK;
}

char* open_ca(ngx_conf_t* cf, const Embedder& embedder) {
    if (embedder.ca_file.len == 0) {
        return NGX_CONF_OK;
    }
    auto file = watch::read_file(std::string(view(embedder.ca_file)), kMaxCa);
    if (!file.ok()) {
        return wrong(cf, embedder.ca_file, file.error().message.c_str());
    }
    return file->bytes.find("-----BEGIN ") != std::string::npos
               ? NGX_CONF_OK
               : wrong(cf, embedder.ca_file,
                       "holds no certificate in PEM form");
}

char* open_endpoint(ngx_conf_t* cf, Embedder& embedder) {
    auto good = check_url(std::string(view(embedder.url)));
    if (!good.ok()) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"llm_embedder %V\": %s",
                           &embedder.name, good.error().message.c_str());
        return conf_error();
    }
    if (embedder.model.len == 0) {
        return wrong(cf, embedder.name, "with url= needs model= too");
    }
    for (ngx_str_t* file : {&embedder.key_file, &embedder.ca_file}) {
        if (file->len > 0
            && ngx_conf_full_name(cf->cycle, file, 1) != NGX_OK) {
            return conf_error();
        }
    }
    if (open_key(cf, embedder) != NGX_CONF_OK
        || open_ca(cf, embedder) != NGX_CONF_OK) {
        return conf_error();
    }
    embedder.kind = semantic::EncoderKind::kRemote;
    embedder.id = semantic::remote_id(
        {view(embedder.url), view(embedder.model), embedder.dims},
        embedder.dims);
    return NGX_CONF_OK;
}

char* set_embedder(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    auto& main = static_cast<MainConf*>(conf)->semantic;
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    if (find_embedder(main, view(args[1])) != nullptr) {
        return conf_text("is duplicate");
    }
    if (check_repeated(cf, 2) != NGX_CONF_OK) {
        return conf_error();
    }
    if (view(args[1]) == "off") {
        return wrong(cf, args[1], "cannot be a name");
    }
    if (main.embedders == nullptr) {
        main.embedders = ngx_array_create(cf->pool, 2, sizeof(Embedder*));
    }
    auto* embedder = pool_new<Embedder>(cf->pool);
    auto* slot = main.embedders == nullptr
                     ? nullptr
                     : static_cast<Embedder**>(ngx_array_push(main.embedders));
    if (embedder == nullptr || slot == nullptr) {
        return conf_error();
    }
    *slot = embedder;
    embedder->name = args[1];
    embedder->place = place_of(cf);
    embedder->timeout = kDefaultTimeout;
    embedder->index = main.embedders->nelts - 1;
    Said said;
    bool typed = view(args[2]).find('=') == Bytes::npos;
    for (ngx_uint_t i = typed ? 3 : 2; i < cf->args->nelts; i++) {
        if (read_embedder(cf, args[i], *embedder, said) != NGX_CONF_OK) {
            return conf_error();
        }
    }
    if (!typed && said.path.len > 0) {
        return wrong(cf, said.path, "is for encoders with files");
    }
    if (typed) {
        return embedder->url.len > 0
                   ? wrong(cf, args[2], "stands beside url=")
                   : open_encoder(cf, *embedder, view(args[2]), said);
    }
    return embedder->url.len > 0
               ? open_endpoint(cf, *embedder)
               : wrong(cf, args[1],
                       "needs a type (minilm, static, lexical) or url=");
}

char* set_share(ngx_conf_t* cf, const ngx_str_t& argument, ngx_str_t value,
                ngx_http_complex_value_t*& out) {
    out = compile(cf, &value);
    if (out == nullptr) {
        return conf_error();
    }
    ngx_int_t millionths = ngx_atofp(value.data, value.len, 6);
    bool literal = out->lengths == nullptr;
    if (literal && (millionths == NGX_ERROR || millionths > 1000000)) {
        return wrong(cf, argument, "must be a number from 0 to 1");
    }
    return NGX_CONF_OK;
}

char* set_audit(ngx_conf_t* cf, const ngx_str_t& argument, ngx_str_t value,
                SemanticLoc& loc) {
    bool percent = value.len > 1 && value.data[value.len - 1] == '%';
    ngx_int_t share = ngx_atofp(value.data, value.len - (percent ? 1 : 0), 4);
    if (!percent || share == NGX_ERROR || share > 1000000) {
        return wrong(cf, argument, "must be 0% to 100%");
    }
    loc.audit_ppm = static_cast<ngx_uint_t>(share);
    return NGX_CONF_OK;
}

char* set_switch(ngx_conf_t* cf, const ngx_str_t& argument, ngx_str_t value,
                 ngx_flag_t& out) {
    out = view(value) == "on";
    return out || view(value) == "off"
               ? NGX_CONF_OK
               : wrong(cf, argument, "must be \"on\" or \"off\"");
}

char* read_semantic(ngx_conf_t* cf, const ngx_str_t& argument,
                    SemanticLoc& loc) {
    ngx_str_t value;
    if (take(argument, "precision", value)) {
        return set_share(cf, argument, value, loc.precision);
    }
    if (take(argument, "threshold", value)) {
        return set_share(cf, argument, value, loc.threshold);
    }
    if (take(argument, "max_chars", value)) {
        return read_number(cf, argument, value, 65536, loc.max_chars);
    }
    if (take(argument, "max_temperature", value)) {
        loc.max_temperature = ngx_atofp(value.data, value.len, 3);
        return loc.max_temperature == NGX_ERROR
                   ? wrong(cf, argument, "is no number")
                   : NGX_CONF_OK;
    }
    if (take(argument, "normalize", value)) {
        return set_switch(cf, argument, value, loc.normalise);
    }
    if (take(argument, "critical", value)) {
        return set_switch(cf, argument, value, loc.critical);
    }
    if (take(argument, "audit", value)) {
        return set_audit(cf, argument, value, loc);
    }
    if (take(argument, "audit_url", loc.audit_url)) {
        auto good = check_url(std::string(view(loc.audit_url)));
        return good.ok() ? NGX_CONF_OK
                         : wrong(cf, argument, good.error().message.c_str());
    }
    return wrong(cf, argument, "is no parameter of this directive");
}

char* set_semantic(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    auto& loc = static_cast<LocConf*>(conf)->semantic;
    if (loc.embedder != nullptr || loc.off) {
        return conf_text("is duplicate");
    }
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    if (view(args[1]) == "off") {
        loc.off = true;
        return cf->args->nelts == 2
                   ? NGX_CONF_OK
                   : wrong(cf, args[2], "stands beside off");
    }
    if (check_repeated(cf, 2) != NGX_CONF_OK) {
        return conf_error();
    }
    SemanticMain& main = main_conf(cf).semantic;
    loc.embedder = find_embedder(main, view(args[1]));
    if (loc.embedder == nullptr) {
        return wrong(cf, args[1],
                     "is no \"llm_embedder\" of the lines above");
    }
    loc.use = pool_new<SemanticUse>(cf->pool);
    if (loc.use == nullptr) {
        return conf_error();
    }
    *loc.use = {place_of(cf), false, main.uses};
    main.uses = loc.use;
    for (ngx_uint_t i = 2; i < cf->args->nelts; i++) {
        if (read_semantic(cf, args[i], loc) != NGX_CONF_OK) {
            return conf_error();
        }
    }
    return NGX_CONF_OK;
}

const semantic::Judge* make_judge(ngx_conf_t* cf,
                                  const semantic::JudgeOptions& options) {
    auto judge = semantic::Judge::create(options);
    if (!judge.ok()) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "llm: %s",
                           judge.error().message.c_str());
        return nullptr;
    }
    return pool_new<semantic::Judge>(cf->pool, std::move(judge).value());
}

// llm_semantic_guard off | number|unit|… [terms=file] …: the named vetoes
// alone, all of them when none is named.
char* set_guard(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    auto& loc = static_cast<LocConf*>(conf)->semantic;
    if (loc.judge != nullptr) {
        return conf_text("is duplicate");
    }
    if (check_repeated(cf, 1) != NGX_CONF_OK) {
        return conf_error();
    }
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    semantic::JudgeOptions options;
    semantic::VetoSet named = 0;
    std::string terms;
    bool off = false;
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        ngx_str_t path;
        if (view(args[i]) == "off" && cf->args->nelts == 2) {
            off = true;
        } else if (take(args[i], "terms", path)) {
            if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
                return conf_error();
            }
            options.terms_name = view(path);
            auto file = watch::read_file(options.terms_name, kMaxTerms);
            if (!file.ok()) {
                return wrong(cf, args[i], file.error().message.c_str());
            }
            size_t bad = 0;
            if (!route::is_utf8(file->bytes, bad)) {
                auto line = std::count(file->bytes.begin(),
                                       file->bytes.begin() + bad, '\n');
                std::string why = std::string(options.terms_name) + ":"
                                  + std::to_string(line + 1) + ": not UTF-8";
                return wrong(cf, args[i], why.c_str());
            }
            terms = std::move(file->bytes);
            options.terms = terms;
        } else if (auto veto = semantic::veto_of(view(args[i]));
                   veto != semantic::Veto::kNone) {
            named |= semantic::bit(veto);
        } else {
            return wrong(cf, args[i],
                         "is no guard: number, unit, date, identifier, "
                         "negation, antonym, order, name, rare_word, term");
        }
    }
    if (off || named != 0) {
        options.vetoes = named;
    }
    loc.judge = make_judge(cf, options);
    return loc.judge == nullptr ? conf_error() : NGX_CONF_OK;
}

ngx_command_t commands[] = {
    {ngx_string("llm_embedder"), NGX_HTTP_MAIN_CONF | NGX_CONF_2MORE,
     set_embedder, NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_semantic"), kEverywhere | NGX_CONF_1MORE, set_semantic,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_semantic_guard"), kEverywhere | NGX_CONF_1MORE,
     set_guard, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
};

void create_loc(LocConf& conf) {
    SemanticLoc& loc = conf.semantic;
    loc.max_chars = kDefaultMaxChars;
    loc.normalise = 1;
    loc.max_temperature = kAnyTemperature;
    loc.audit_ppm = kDefaultAudit;
}

char* merge_loc(ngx_conf_t* cf, LocConf& outer, LocConf& inner) {
    SemanticLoc& conf = inner.semantic;
    const SemanticLoc& prev = outer.semantic;
    const semantic::Judge* own = conf.judge;
    if (conf.embedder == nullptr && !conf.off) {
        conf = prev;
    }
    conf.judge = own != nullptr ? own : prev.judge;
    if (conf.embedder == nullptr) {
        return NGX_CONF_OK;
    }
    conf.use->cached = conf.use->cached || inner.cache.zone.len > 0;
    SemanticMain& main = main_conf(cf).semantic;
    if (main.facts == nullptr) {
        semantic::JudgeOptions options;
        options.vetoes = exchange::kAuditVetoes;
        main.facts = make_judge(cf, options);
    }
    if (main.facts == nullptr) {
        return conf_error();
    }
    if (conf.judge != nullptr) {
        return NGX_CONF_OK;
    }
    if (main.judge == nullptr) {
        main.judge = make_judge(cf, {});
    }
    conf.judge = main.judge;
    return conf.judge == nullptr ? conf_error() : NGX_CONF_OK;
}

// Whether it computes for long, or a search among its vectors may.
bool needs_threads(const Embedder& embedder, size_t zone_size) {
    if (embedder.encoder != nullptr && !embedder.immediate) {
        return true;
    }
    size_t dims = embedder.encoder != nullptr ? embedder.encoder->dims()
                  : embedder.dims > 0         ? embedder.dims
                                              : kLeastDims;
    return vectors_region_size(zone_size)
           > semantic::Index::size_for(kSearchedHere,
                                       static_cast<uint32_t>(dims));
}

// Who turns the cache off for a while is not to be refused for it.
void check_uses(ngx_conf_t* cf, const SemanticMain& conf) {
    for (const SemanticUse* use = conf.uses; use != nullptr;
         use = use->next) {
        if (!use->cached) {
            warn(cf, use->place,
                 "\"llm_semantic\" has no effect where no \"llm_cache\" is "
                 "on");
        }
    }
}

ngx_int_t check(ngx_conf_t* cf, MainConf& conf) {
    check_uses(cf, conf.semantic);
    if (conf.semantic.embedders != nullptr && conf.semantic.judge == nullptr) {
        conf.semantic.judge = make_judge(cf, {});
        if (conf.semantic.judge == nullptr) {
            return NGX_ERROR;
        }
    }
    for (Embedder* embedder : embedders_of(conf.semantic)) {
        if (conf.core.zone == nullptr) {
            complain(cf, embedder->place,
                     "\"llm_embedder %V\" needs \"llm_zone name:size\" in "
                     "http",
                     &embedder->name);
            return NGX_ERROR;
        }
        if (needs_threads(*embedder, conf.core.zone->size)
            && add_threads(cf) != NGX_CONF_OK) {
            return NGX_ERROR;
        }
    }
    return NGX_OK;
}

void stop(ngx_cycle_t*) {
    close_embeddings();
}

void follow_key(ngx_cycle_t* cycle, Embedder& embedder, Now now) {
    if (embedder.key == nullptr) {
        return;
    }
    (void) embedder.key->poll(now);
    if (auto error = embedder.key->take_error()) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                      "\"llm_embedder %V\": key \"%V\": %s; the one that "
                      "was read before stays in use",
                      &embedder.name, &embedder.key_file,
                      error->message.c_str());
    }
}

void tick(ngx_cycle_t* cycle, MainConf& conf, Now now) {
    for (Embedder* embedder : embedders_of(conf.semantic)) {
        follow_key(cycle, *embedder, now);
    }
    if (semantic::Index* index = worker_services().index) {
        (void) index->sweep(kSweep, now);
    }
}

}  // namespace

constinit const Room semantic_room = {
    .commands = commands,
    .variables = semantic_variables,
    .create_main = nullptr,
    .create_loc = create_loc,
    .merge_loc = merge_loc,
    .postconfiguration = check,
    .init_process = nullptr,
    .exit_process = stop,
    .tick = tick,
};

}  // namespace llm::door
