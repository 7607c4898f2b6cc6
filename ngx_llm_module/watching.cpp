#include "ngx_llm_module/watching.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

#include "ngx_llm_module/alert.hpp"
#include "ngx_llm_module/zone.hpp"
#include "src/metrics/families.hpp"

namespace llm::door {
namespace {

std::vector<std::shared_ptr<const void>> retired;

}  // namespace

void retire(std::shared_ptr<const void> value) {
    if (value != nullptr) {
        retired.push_back(std::move(value));
    }
}

void free_retired(ngx_log_t* log) {
    auto held = std::partition(
        retired.begin(), retired.end(),
        [](const auto& value) { return value.use_count() > 1; });
    if (held == retired.end()) {
        return;
    }
    std::vector<std::shared_ptr<const void>> unused(
        std::make_move_iterator(held),
        std::make_move_iterator(retired.end()));
    retired.erase(held, retired.end());
    (void) run_in_background(
        log, [unused = std::move(unused)]() mutable { unused.clear(); }, [] {});
}

void tell_load(Bytes what, const std::string& path, const Error* error,
               ngx_log_t* log) {
    if (error != nullptr) {
        alert(AlertKind::kFileFailed, AlertFields()
                                          .add("file", what)
                                          .add("path", path)
                                          .add("reason", error->message));
    }
    if (ngx_worker != 0) {
        return;
    }
    worker_services()
        .metrics
        .counter(metrics::kWatchLoads,
                 {what, error == nullptr ? "loaded" : "failed"})
        .add();
    if (error == nullptr) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0, "llm: \"%s\" was loaded",
                      path.c_str());
        return;
    }
    Bytes reason = error->message;
    if (reason.starts_with(path + ": ")) {
        reason.remove_prefix(path.size() + 2);
    }
    ngx_str_t why = immortal(reason);
    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "llm: \"%s\": %V; what it held before stays", path.c_str(),
                  &why);
}

}  // namespace llm::door
