#include "ngx_llm_module/curl_sockets.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <vector>

#include "ngx_llm_module/boundary.hpp"

namespace llm::door {
namespace {

struct Sockets {
    CURLM* multi = nullptr;
    void (*acted)() = nullptr;
    void (*called_off)() = nullptr;
    ngx_event_t timer;
    ngx_connection_t named;  // nginx's debug log asks a timer for its fd
    std::vector<CURL*> starved;
};

Sockets& sockets() {
    static Sockets instance{};
    return instance;
}

void act(curl_socket_t fd, int mask) {
    Sockets& self = sockets();
    int running = 0;
    curl_multi_socket_action(self.multi, fd, mask, &running);
    // What libcurl left in OpenSSL's queue, nginx would take for the error of
    // whatever connection it works on next.
    ERR_clear_error();
    self.acted();
}

// The connection may be gone after act(). nginx marks it for closing when
// worker_shutdown_timeout is over, and calls for each one.
void on_event(ngx_event_t* event) noexcept {
    guard(event->log, [event] {
        auto* c = static_cast<ngx_connection_t*>(event->data);
        event->ready = 0;
        if (c->close) {
            sockets().called_off();
            return;
        }
        act(c->fd, event->write ? CURL_CSELECT_OUT : CURL_CSELECT_IN);
    });
}

void on_timer(ngx_event_t* event) noexcept {
    guard(event->log, [] { act(CURL_SOCKET_TIMEOUT, 0); });
}

// Not ngx_close_connection(): the descriptor is curl's.
void forget(ngx_connection_t* c) {
    if (c->read->active) {
        ngx_del_event(c->read, NGX_READ_EVENT, 0);
    }
    if (c->write->active) {
        ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
    }
    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }
    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }
    c->read->closed = 1;
    c->write->closed = 1;
    ngx_free_connection(c);
    // By this epoll knows an event that is still in its hands as stale.
    c->fd = static_cast<ngx_socket_t>(-1);
}

ngx_connection_t* watch(curl_socket_t fd) {
    ngx_log_t* log = ngx_cycle->log;
    ngx_connection_t* c = ngx_get_connection(fd, log);
    if (c == nullptr) {
        return nullptr;
    }
    c->log = log;
    c->read->log = log;
    c->write->log = log;
    c->data = nullptr;
    c->read->handler = on_event;
    c->write->handler = on_event;
    curl_multi_assign(sockets().multi, fd, c);
    return c;
}

bool listen_for(ngx_event_t* event, ngx_int_t kind, bool wanted) {
    if (wanted == (event->active != 0)) {
        return true;
    }
    return wanted ? ngx_add_event(event, kind, NGX_LEVEL_EVENT) == NGX_OK
                  : ngx_del_event(event, kind, 0) == NGX_OK;
}

// An error from here would end the CURLM for good, so that a socket which
// nobody can watch is noted instead. REMOVE may come for one that was never
// announced.
int on_socket(CURL* easy, curl_socket_t fd, int what, void*,
              void* known) noexcept {
    return guard(ngx_cycle->log, 0, [&] {
        auto* c = static_cast<ngx_connection_t*>(known);
        if (what == CURL_POLL_REMOVE) {
            if (c != nullptr) {
                forget(c);
                curl_multi_assign(sockets().multi, fd, nullptr);
            }
            return 0;
        }
        if (c == nullptr) {
            c = watch(fd);
        }
        if (c == nullptr
            || !listen_for(c->read, NGX_READ_EVENT, what & CURL_POLL_IN)
            || !listen_for(c->write, NGX_WRITE_EVENT, what & CURL_POLL_OUT)) {
            sockets().starved.push_back(easy);
            wake_sockets();
        }
        return 0;
    });
}

// ngx_add_timer() leaves a timer that is set as it is when the new time is
// near the old one.
void set_timer(ngx_msec_t after) {
    ngx_event_t& timer = sockets().timer;
    if (timer.timer_set) {
        ngx_del_timer(&timer);
    }
    ngx_add_timer(&timer, after);
}

int on_timer_change(CURLM*, long after, void*) noexcept {
    ngx_event_t& timer = sockets().timer;
    if (after >= 0) {
        set_timer(static_cast<ngx_msec_t>(after));
    } else if (timer.timer_set) {
        ngx_del_timer(&timer);
    }
    return 0;
}

}  // namespace

void attach_sockets(CURLM* multi, void (*acted)(), void (*called_off)()) {
    Sockets& self = sockets();
    self.multi = multi;
    self.acted = acted;
    self.called_off = called_off;
    self.named.fd = static_cast<ngx_socket_t>(-1);
    self.timer.handler = on_timer;
    self.timer.data = &self.named;
    self.timer.log = ngx_cycle->log;
    self.timer.cancelable = 1;
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer_change);
}

void detach_sockets() {
    Sockets& self = sockets();
    if (self.timer.timer_set) {
        ngx_del_timer(&self.timer);
    }
    self.multi = nullptr;
    self.starved.clear();
}

void wake_sockets() {
    set_timer(0);
}

CURL* take_starved() {
    std::vector<CURL*>& starved = sockets().starved;
    if (starved.empty()) {
        return nullptr;
    }
    CURL* easy = starved.back();
    forget_starved(easy);
    return easy;
}

void forget_starved(CURL* easy) {
    std::erase(sockets().starved, easy);
}

}  // namespace llm::door
