// A watched file in a worker: looked at by the second, read and parsed on a
// thread, swapped on the loop. A bad successor leaves the old value in place;
// one that was replaced is freed on a thread, too.
//
// All workers see the same file: number 0 alone writes the log line and counts
// in llm_watch_loads_total{file,result}, so that one change is one line and
// one load; an alert of file_failed goes by its gate.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "ngx_llm_module/background.hpp"
#include "ngx_llm_module/boundary.hpp"
#include "src/watch/watched.hpp"

namespace llm::door {

// One change as worker 0 tells it. An error of reading names the path itself.
void tell_load(Bytes what, const std::string& path, const Error* error,
               ngx_log_t* log);

// A value that was replaced: of 60,000 keys it takes a tenth of a second to
// free. free_retired() hands those that no request holds any more to a thread.
// On the loop, both.
void retire(std::shared_ptr<const void> value);
void free_retired(ngx_log_t* log);

template <typename T>
void take_loaded(watch::Watched<T>& file, Bytes what, ngx_log_t* log,
                 typename watch::Watched<T>::Loaded loaded) {
    const std::string& path = file.options().path;
    std::shared_ptr<const void> before = file.value();
    if (file.swap(std::move(loaded), now())) {
        retire(std::move(before));
        tell_load(what, path, nullptr, log);
    }
    if (std::optional<Error> error = file.take_error()) {
        tell_load(what, path, &*error, log);
    }
}

// At a worker's start: one that takes the place of a dead one begins with
// what the master has read, which may be long ago. Reads the file only if it
// has changed, on the loop, before the first request is taken.
template <typename T>
void catch_up(watch::Watched<T>* file, Bytes what, ngx_log_t* log) {
    if (file == nullptr || !file->check(now())) {
        return;
    }
    std::optional<typename watch::Watched<T>::Loaded> loaded;
    guard(log, [&] { loaded = file->load(); });
    if (loaded) {
        take_loaded(*file, what, log, std::move(*loaded));
    } else {
        file->abandon();  // no memory: a worker that stops here is not
                          // started again
    }
}

// `what` is a label: keys, prices, …, static storage. The file lives as long
// as the configuration. `swapped`, if given, runs on the loop after every
// look that found something to read.
template <typename T>
void poll_watched(watch::Watched<T>& file, Bytes what, ngx_log_t* log,
                  Now now, std::function<void()> swapped = {}) {
    free_retired(log);
    if (!file.check(now)) {
        return;
    }
    using Loaded = typename watch::Watched<T>::Loaded;
    // Empty when load() ran out of memory.
    auto loaded = std::make_shared<std::optional<Loaded>>();
    bool posted = run_in_background(
        log, [&file, loaded] { *loaded = file.load(); },
        [&file, loaded, what, log, swapped = std::move(swapped)] {
            if (!*loaded) {
                file.abandon();
                return;
            }
            take_loaded(file, what, log, std::move(**loaded));
            if (swapped) {
                swapped();
            }
        });
    if (!posted) {
        file.abandon();
    }
}

}  // namespace llm::door
