#include "ngx_llm_module/status.hpp"

#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/conf.hpp"
#include "ngx_llm_module/provider_status.hpp"
#include "ngx_llm_module/reply.hpp"
#include "ngx_llm_module/version.hpp"
#include "ngx_llm_module/zone.hpp"
#include "src/metrics/families.hpp"
#include "src/metrics/prometheus.hpp"
#include "src/metrics/status.hpp"

namespace llm::door {
namespace {

metrics::Snapshot take_snapshot() {
    exchange::Services& services = worker_services();
    std::vector<metrics::Sample> samples;
    auto add = [&](const metrics::Family& family, uint64_t value) {
        samples.push_back({&family, {}, static_cast<int64_t>(value)});
    };
    if (services.store != nullptr) {
        cache::StoreStats stats = services.store->stats();
        add(metrics::kCacheEntries, stats.entries);
        add(metrics::kCacheBytes, stats.bytes_used);
        add(metrics::kCacheCapacity, stats.bytes_capacity);
        add(metrics::kCacheEvictions, stats.evictions);
        add(metrics::kCacheCorrupt, stats.corrupt);
        add(metrics::kCacheRecovered, stats.recovered);
    }
    if (services.index != nullptr) {
        semantic::IndexStats stats = services.index->stats();
        add(metrics::kSemanticVectors, stats.vectors);
        add(metrics::kSemanticPartitions, stats.partitions);
        add(metrics::kSemanticBytes, stats.bytes_used);
    }
    if (auto stats = services.ledger ? services.ledger.stats()
                                     : limit::LedgerStats{};
        stats.ok()) {
        add(metrics::kReservations, stats->open);
        add(metrics::kAccounts, stats->accounts);
        add(metrics::kLeasesEnded, stats->leases_ended);
        add(metrics::kLedgerRepairs, stats->repairs);
    }
    append_provider_samples(services, now(), samples);
    samples.push_back(
        {&metrics::kBuildInfo, {std::string(kVersion), NGINX_VERSION}, 1});
    metrics::append_table_samples(services.metrics, samples);
    auto fixed = metrics::all_families();
    std::vector<const metrics::Family*> families(fixed.begin(), fixed.end());
    for (const metrics::Family* family : services.billing->families()) {
        families.push_back(family);
    }
    return metrics::collect(services.metrics, families, samples);
}

ngx_int_t answer(ngx_http_request_t* r, Bytes type, Bytes body) {
    if (r->method != NGX_HTTP_GET && r->method != NGX_HTTP_HEAD) {
        return NGX_HTTP_NOT_ALLOWED;
    }
    ngx_int_t rc = ngx_http_discard_request_body(r);
    return rc != NGX_OK ? rc : send_body(r, NGX_HTTP_OK, type, body);
}

ngx_int_t metrics_handler(ngx_http_request_t* r) noexcept {
    return guard(r->connection->log,
                 ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR}, [r] {
                     std::string body;
                     metrics::append_prometheus(body, take_snapshot());
                     return answer(r, metrics::kPrometheusContentType, body);
                 });
}

std::string status_json(ngx_http_request_t* r) {
    const Zone* zone = main_conf(r).core.zone;
    std::string out = "{\"version\":";
    append_json_string(out, kVersion);
    out += ",\"nginx\":\"" NGINX_VERSION "\",\"worker\":";
    append_number(out, static_cast<int64_t>(ngx_worker));
    out += ",\"pid\":";
    append_number(out, ngx_pid);
    out += ",\"zone\":";
    if (zone == nullptr) {
        out += "null";
    } else {
        out += "{\"name\":";
        append_json_string(out, view(zone->name));
        out += ",\"bytes\":";
        append_number(out, static_cast<int64_t>(zone->size));
        out += '}';
    }
    out += ",\"providers\":";
    append_provider_status(worker_services(), now(), out);
    out += ",\"metrics\":";
    metrics::append_status_json(out, take_snapshot());
    out += "}\n";
    return out;
}

ngx_int_t status_handler(ngx_http_request_t* r) noexcept {
    return guard(r->connection->log,
                 ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR}, [r] {
                     return answer(r, "application/json", status_json(r));
                 });
}

}  // namespace

char* set_metrics(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    return set_content_handler(cf, conf, metrics_handler);
}

char* set_status(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    return set_content_handler(cf, conf, status_handler);
}

}  // namespace llm::door
