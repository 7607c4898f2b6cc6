// What it costs, and on whose account: llm_prices, llm_tag, llm_baseline.
#include "ngx_llm_module/conf_price.hpp"

#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/conf.hpp"
#include "ngx_llm_module/conf_words.hpp"
#include "ngx_llm_module/limits.hpp"
#include "ngx_llm_module/watching.hpp"
#include "ngx_llm_module/zone.hpp"
#include "src/exchange/billing.hpp"

namespace llm::door {
namespace {

using Prices = watch::Watched<price::Table>;

Prices* open_prices(ngx_conf_t* cf, ngx_str_t path) {
    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return nullptr;
    }
    watch::WatchOptions options;
    options.path = view(path);
    auto* prices = pool_new<Prices>(
        cf->pool, std::move(options),
        [](Bytes text) { return price::Table::parse(text); });
    if (prices == nullptr) {
        return nullptr;
    }
    auto opened = prices->open(now());
    if (!opened.ok()) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"llm_prices\": \"%V\": %s",
                           &path, opened.error().message.c_str());
        return nullptr;
    }
    return prices;
}

char* set_prices(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    auto& price = static_cast<MainConf*>(conf)->price;
    if (price.common != nullptr) {
        return conf_text("is duplicate");
    }
    if (check_repeated(cf, 1) != NGX_CONF_OK) {
        return conf_error();
    }
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        Bytes text = view(args[i]);
        if (text == "unknown=zero" || text == "unknown=deny") {
            price.allow_unpriced = text == "unknown=zero";
            continue;
        }
        if (text.starts_with("unknown=")) {
            return wrong(cf, args[i],
                         "must be \"unknown=deny\" or \"unknown=zero\"");
        }
        Prices*& slot = price.common == nullptr ? price.common : price.own;
        if (slot != nullptr) {
            return conf_text("takes two files at the most");
        }
        slot = open_prices(cf, args[i]);
        if (slot == nullptr) {
            return conf_error();
        }
    }
    if (price.common == nullptr) {
        return conf_text("needs a file");
    }
    return NGX_CONF_OK;
}

bool is_label_name(Bytes name) {
    constexpr Bytes kTaken[] = {"tenant", "model", "kind"};
    for (Bytes taken : kTaken) {
        if (name == taken) {
            return false;
        }
    }
    for (char c : name) {
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                      || c == '_';
        if (!letter && !(c >= '0' && c <= '9')) {
            return false;
        }
    }
    return !name.empty() && name.size() <= 64
           && !(name[0] >= '0' && name[0] <= '9') && name[0] != '_';
}

ngx_int_t add_name(ngx_conf_t* cf, PriceMain& main, const ngx_str_t& name) {
    if (main.tag_names == nullptr) {
        main.tag_names = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
    }
    if (main.tag_names == nullptr) {
        return NGX_ERROR;
    }
    auto* names = static_cast<ngx_str_t*>(main.tag_names->elts);
    for (ngx_uint_t i = 0; i < main.tag_names->nelts; i++) {
        if (view(names[i]) == view(name)) {
            return NGX_OK;
        }
    }
    if (main.tag_names->nelts == exchange::Billing::kMaxTags) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"llm_tag\" takes at most %uz names in all",
                           exchange::Billing::kMaxTags);
        return NGX_ERROR;
    }
    auto* slot = static_cast<ngx_str_t*>(ngx_array_push(main.tag_names));
    if (slot == nullptr) {
        return NGX_ERROR;
    }
    *slot = name;
    return NGX_OK;
}

char* add_tag(ngx_array_t* tags, const TagEntry& tag) {
    auto* slot = tags == nullptr
                     ? nullptr
                     : static_cast<TagEntry*>(ngx_array_push(tags));
    if (slot == nullptr) {
        return conf_error();
    }
    *slot = tag;
    return NGX_CONF_OK;
}

bool has_tag(const ngx_array_t* tags, const ngx_str_t& name) {
    auto* known = tags == nullptr ? nullptr
                                  : static_cast<TagEntry*>(tags->elts);
    for (ngx_uint_t i = 0; known != nullptr && i < tags->nelts; i++) {
        if (view(known[i].name) == view(name)) {
            return true;
        }
    }
    return false;
}

char* set_tag(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    auto& loc = static_cast<LocConf*>(conf)->price;
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    if (!is_label_name(view(args[1]))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is no name for a tag: letters, digits "
                           "and \"_\", not \"tenant\", \"model\" or \"kind\"",
                           &args[1]);
        return conf_error();
    }
    if (has_tag(loc.tags, args[1])) {
        return conf_text("is duplicate");
    }
    if (loc.tags == nullptr) {
        loc.tags = ngx_array_create(cf->pool, 4, sizeof(TagEntry));
    }
    ngx_http_complex_value_t* value = compile(cf, &args[2]);
    if (value == nullptr
        || add_name(cf, main_conf(cf).price, args[1]) != NGX_OK) {
        return conf_error();
    }
    return add_tag(loc.tags, TagEntry{args[1], value});
}

ngx_command_t commands[] = {
    {ngx_string("llm_prices"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE123,
     set_prices, NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_tag"), kEverywhere | NGX_CONF_TAKE2, set_tag,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("llm_baseline"), kEverywhere | NGX_CONF_TAKE1,
     ngx_http_set_complex_value_slot, NGX_HTTP_LOC_CONF_OFFSET,
     offsetof(LocConf, price.baseline), nullptr},
};

void create_loc(LocConf& conf) {
    conf.price.baseline =
        static_cast<ngx_http_complex_value_t*>(NGX_CONF_UNSET_PTR);
}

// The outer level's tags stay; the same name means the inner value.
char* merge_loc(ngx_conf_t*, LocConf& outer, LocConf& inner) {
    const PriceLoc& prev = outer.price;
    PriceLoc& conf = inner.price;
    ngx_conf_merge_ptr_value(conf.baseline, prev.baseline, nullptr);
    if (prev.tags == nullptr) {
        return NGX_CONF_OK;
    }
    if (conf.tags == nullptr) {
        conf.tags = prev.tags;
        return NGX_CONF_OK;
    }
    auto* tags = static_cast<TagEntry*>(prev.tags->elts);
    for (ngx_uint_t i = 0; i < prev.tags->nelts; i++) {
        if (!has_tag(conf.tags, tags[i].name)
            && add_tag(conf.tags, tags[i]) != NGX_CONF_OK) {
            return conf_error();
        }
    }
    return NGX_CONF_OK;
}

void use_prices(const PriceMain& conf) {
    price::Book book;
    if (conf.common != nullptr) {
        book.common = conf.common->value();
    }
    if (conf.own != nullptr) {
        book.own = conf.own->value();
    }
    worker_services().billing->use(std::move(book));
}

ngx_int_t start(ngx_cycle_t* cycle, MainConf& conf) {
    std::vector<std::string> names;
    auto* tags = conf.price.tag_names;
    for (ngx_uint_t i = 0; tags != nullptr && i < tags->nelts; i++) {
        names.emplace_back(view(static_cast<ngx_str_t*>(tags->elts)[i]));
    }
    exchange::Services& services = worker_services();
    services.billing = std::make_unique<exchange::Billing>(std::move(names));
    services.deny_unpriced = !conf.price.allow_unpriced;
    catch_up(conf.price.common, "prices", cycle->log);
    catch_up(conf.price.own, "prices", cycle->log);
    use_prices(conf.price);
    return NGX_OK;
}

void tick(ngx_cycle_t* cycle, MainConf& conf, Now now) {
    PriceMain& price = conf.price;
    for (Prices* file : {price.common, price.own}) {
        if (file != nullptr) {
            poll_watched(*file, "prices", cycle->log, now,
                         [&price] { use_prices(price); });
        }
    }
}

}  // namespace

constinit const Room price_room = {
    .commands = commands,
    .variables = price_variables,
    .create_main = nullptr,
    .create_loc = create_loc,
    .merge_loc = merge_loc,
    .postconfiguration = nullptr,
    .init_process = start,
    .exit_process = nullptr,
    .tick = tick,
};

}  // namespace llm::door
