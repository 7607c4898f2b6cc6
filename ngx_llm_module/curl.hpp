// An HTTP client on nginx's event loop, for what is not on the way of a
// request's own bytes: alerts, the embeddings endpoint, audits. libcurl's
// multi interface; nginx watches its sockets and keeps its time.
//
// Life of a fetch: fetch() takes the request over and returns a handle. Then
// exactly one of these: `done` is called once, later, from the event loop,
// never from within fetch(); or the handle is destroyed first and nothing is
// called any more (a request that dies cancels). A handle that was let go()
// does not cancel. `done` may start and cancel fetches.
//
// Bounds: so many run at a time, so many more wait for their turn, beyond
// that fetch() refuses and counts. Each ends within its `timeout`, time spent
// waiting included; that timer is not cancelable, so a worker that shuts down
// finishes what was asked for, in bounded time, at worker_shutdown_timeout at
// the latest. Idle connections are kept for the next fetch and hold no worker
// up.
//
// What it does not do: follow redirects, go through a proxy of the
// environment, speak anything but HTTP/1.1 over TCP or TLS. Certificates are
// verified, always. Each running fetch takes one of worker_connections.
//
// Names are resolved by libcurl in a thread of its own (getaddrinfo(3), so
// /etc/hosts and resolv.conf hold as usual): nothing of ours runs there, the
// kernel gives the process's signals to the main thread, and a fetch that
// ends while its name is looked up leaves the thread behind instead of
// waiting for it. nginx's own `resolver` is not used.
//
// Errors are texts for the log: why, and of the URL at most host and port;
// never its path, a header or a body.
//
// Event loop only; one client a worker process, made at the first fetch().
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ngx_llm_module/ngx.hpp"
#include "src/base/bytes.hpp"
#include "src/base/result.hpp"

namespace llm::door {

struct FetchRequest {
    std::string url;                   // check_url() says which
    std::vector<std::string> headers;  // "Name: value", no line ends
    std::string body;
    bool post = true;                  // else GET, without a body
    ngx_msec_t timeout = 10000;
    ngx_msec_t connect_timeout = 3000;
    size_t max_response = size_t{1} << 20;
    std::string ca_file;               // PEM; empty: the system's. Read by
                                       // the worker, as the worker's user.
};

struct FetchResult {
    int status = 0;     // HTTP's; 0: there is no answer, `error` says why
    std::string body;
    std::string error;  // empty when there is an answer, whatever its status
};

using FetchDone = std::function<void(FetchResult)>;

// The handle. Movable; destroying it cancels what has not ended.
class Fetch {
public:
    Fetch() = default;
    explicit Fetch(uint64_t id) : id_(id) {}
    ~Fetch() { cancel(); }
    Fetch(Fetch&& other) noexcept : id_(other.id_) { other.id_ = 0; }
    Fetch& operator=(Fetch&& other) noexcept {
        if (this != &other) {
            cancel();
            id_ = other.id_;
            other.id_ = 0;
        }
        return *this;
    }

    void cancel();
    void let_go() { id_ = 0; }

private:
    uint64_t id_ = 0;  // 0: nothing
};

// kNoSpace: too many are waiting already, or the worker ends. kInvalid: the
// URL or a header is none. Then `done` is never called.
[[nodiscard]] Result<Fetch> fetch(FetchRequest request, FetchDone done);

// Judges a literal URL: http or https, a host, no user or password, no
// fragment. Gives "host:port" for messages. For any process.
Result<std::string> check_url(const std::string& url);

// Abandons everything; for the end of a worker. No `done` is called.
void close_fetches();

}  // namespace llm::door
