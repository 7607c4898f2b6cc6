// Rare work that must not hold up the event loop: a file that has changed, a
// snapshot. Each piece gets a thread that ends with it.
//
// Not on nginx's thread pool: 32 threads would then stand in each worker for
// a file a day, and a process that has ever had a second thread has a slower
// libc for good (locks in malloc, cancellation points around system calls:
// some 0.7 us a request, by sampling). What needs a thread for each request
// takes threads.hpp.
#pragma once

#include <functional>

#include "ngx_llm_module/ngx.hpp"

namespace llm::door {

// Runs `work` on a thread, then `done` on the event loop, within some
// milliseconds of its end; an exception of either is one log line. False when
// the system gives no thread: neither will run. What the functions refer to
// must live until then.
bool run_in_background(ngx_log_t* log, std::function<void()> work,
                       std::function<void()> done);

// For a worker that ends: waits for `work` that runs, drops its `done`.
void join_background();

}  // namespace llm::door
