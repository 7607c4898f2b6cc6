// Watcher: a watched file (src/watch/watched.hpp) as a worker keeps it. It is
// read and parsed first while the configuration is read, so that nginx -t
// judges it; later, when a tick finds it changed, in a thread that lives for
// that one load, since parsing may take longer than a turn of the event loop
// may. The next tick after its end swaps the value.
//
// A bad successor leaves the old value in place. Of all workers, which see
// the same file, number 0 writes the log line and counts in
// llm_watch_loads_total{file,result}; alerts of file_failed go by their gate.
//
// Threads: event loop only, but for the load itself. Ownership: made in the
// master and copied by fork(); destroyed with the configuration, which waits
// for a load that runs.
#pragma once

#include <csignal>
#include <future>
#include <optional>
#include <string>

#include "ngx_llm_module/alert.hpp"
#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/zone.hpp"
#include "src/metrics/families.hpp"
#include "src/watch/watched.hpp"

namespace llm::door {

template <class T>
class Watcher {
public:
    // `file` is the metric's label; `watched` has not been opened.
    Watcher(Bytes directive, Bytes file, watch::Watched<T> watched)
        : directive_(directive), file_(file), watched_(std::move(watched)) {}

    // While the configuration is read. The error names the path.
    Result<void> open() { return watched_.open(now()); }

    // In each worker when it starts.
    void start() { count("loaded"); }

    // In each worker, about once a second.
    void tick(ngx_log_t* log) {
        if (ngx_exiting) {
            return;
        }
        if (!load_ && watched_.check(now())) {
            begin(log);
        } else if (load_
                   && load_->wait_for(std::chrono::seconds(0))
                          == std::future_status::ready) {
            end(log);
        }
    }

    const T& value() const { return *watched_.value(); }

private:
    using Loaded = typename watch::Watched<T>::Loaded;

    // Signals are for the event loop's thread.
    void begin(ngx_log_t* log) {
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        try {
            load_ = std::async(std::launch::async,
                               [this] { return watched_.load(); });
        } catch (const std::exception& e) {
            watched_.abandon();
            ngx_log_error(NGX_LOG_ERR, log, 0, "%*s: no thread to load with",
                          directive_.size(), directive_.data());
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

    void end(ngx_log_t* log) {
        std::future<Loaded> load = std::move(*load_);
        load_.reset();
        std::optional<Loaded> loaded;
        try {
            loaded = load.get();
        } catch (const std::exception&) {
            watched_.abandon();
            return;
        }
        bool unchanged = loaded->unchanged;
        bool swapped = watched_.swap(std::move(*loaded), now());
        if (swapped) {
            count("loaded");
            tell(log, NGX_LOG_NOTICE, "loaded");
        } else if (auto error = watched_.take_error(); error && !unchanged) {
            count("failed");
            tell(log, NGX_LOG_ERR,
                 error->message + "; what it held before stays in use");
            alert(AlertKind::kFileFailed, AlertFields()
                                              .add("name", file_)
                                              .add("reason", error->message));
        }
    }

    void count(Bytes result) {
        if (ngx_worker == 0) {
            worker_services()
                .metrics.counter(metrics::kWatchLoads, {file_, result})
                .add();
        }
    }

    void tell(ngx_log_t* log, ngx_uint_t level, const std::string& what) {
        if (ngx_worker != 0) {
            return;
        }
        ngx_log_error(level, log, 0, "%*s: %s", directive_.size(),
                      directive_.data(), what.c_str());
    }

    Bytes directive_;
    Bytes file_;
    watch::Watched<T> watched_;
    std::optional<std::future<Loaded>> load_;
};

}  // namespace llm::door
