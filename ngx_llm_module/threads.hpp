// Work of single requests that must not hold up the event loop, on nginx's
// thread pool "default". An nginx without threads, or one for which nobody
// asked for them, does it at once, on the loop. What is rare takes
// background.hpp.
#pragma once

#include <functional>

#include "ngx_llm_module/ngx.hpp"

namespace llm::door {

// While the configuration is read: the pool exists from now on.
char* add_threads(ngx_conf_t* cf);

// Runs `work` on a thread, then `done` on the event loop; an exception of
// either is one log line. False when the pool's queue is full: neither will
// run. What the functions refer to must live until then: whoever dies first
// leaves a flag behind.
bool run_in_thread(ngx_log_t* log, std::function<void()> work,
                   std::function<void()> done);

}  // namespace llm::door
