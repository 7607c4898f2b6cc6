// A watched file in a worker: looked at by the second, read and parsed on a
// thread, one log line and one alert for each bad change, counted.
#pragma once

#include <functional>
#include <memory>

#include "ngx_llm_module/alert.hpp"
#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/threads.hpp"
#include "ngx_llm_module/zone.hpp"
#include "src/metrics/families.hpp"
#include "src/watch/watched.hpp"

namespace llm::door {

template <typename T>
void take_loaded(watch::Watched<T>& file, Bytes what, ngx_log_t* log,
                 typename watch::Watched<T>::Loaded loaded) {
    metrics::Table& table = worker_services().metrics;
    if (file.swap(std::move(loaded), now())) {
        table.counter(metrics::kWatchLoads, {what, "loaded"}).add();
        ngx_log_error(NGX_LOG_NOTICE, log, 0, "llm: \"%s\" was loaded",
                      file.options().path.c_str());
    }
    if (std::optional<Error> error = file.take_error()) {
        table.counter(metrics::kWatchLoads, {what, "failed"}).add();
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "llm: \"%s\": %s; what it held before stays",
                      file.options().path.c_str(), error->message.c_str());
        alert(AlertKind::kFileFailed, AlertFields().add("file", what));
    }
}

// `what` is a label: keys, prices, …, static storage. The file lives as long
// as the configuration. `swapped`, if given, runs on the loop after every
// look that found something to read.
template <typename T>
void poll_watched(watch::Watched<T>& file, Bytes what, ngx_log_t* log,
                  Now now, std::function<void()> swapped = {}) {
    if (!file.check(now)) {
        return;
    }
    using Loaded = typename watch::Watched<T>::Loaded;
    auto loaded = std::make_shared<Loaded>();
    bool posted = run_in_thread(
        log, [&file, loaded] { *loaded = file.load(); },
        [&file, loaded, what, log, swapped = std::move(swapped)] {
            take_loaded(file, what, log, std::move(*loaded));
            if (swapped) {
                swapped();
            }
        });
    if (!posted) {
        file.abandon();
    }
}

}  // namespace llm::door
