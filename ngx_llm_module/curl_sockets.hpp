// curl's sockets and its timer as nginx's events: what lies between a CURLM
// and epoll. One CURLM a process. For curl.cpp alone.
//
// Sockets are watched level-triggered: curl need not read one to its end.
// Each holds a connection slot while it is watched; the descriptor stays
// curl's. The timer is cancelable: what must not be cut short has a timer of
// its own.
#pragma once

#include <curl/curl.h>

#include "ngx_llm_module/ngx.hpp"

namespace llm::door {

// `acted` is called from the event loop after each time that curl was called,
// `called_off` when nginx closes what still keeps a worker that shuts down.
void attach_sockets(CURLM* multi, void (*acted)(), void (*called_off)());

// After curl_multi_cleanup().
void detach_sockets();

// Calls `acted` soon.
void wake_sockets();

// A transfer whose socket nobody can watch, or nullptr; its owner ends it. A
// transfer that ends otherwise is to be forgotten.
CURL* take_starved();
void forget_starved(CURL* easy);

}  // namespace llm::door
