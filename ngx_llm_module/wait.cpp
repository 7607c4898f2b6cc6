#include "ngx_llm_module/wait.hpp"

namespace llm::door {

Wait::Wait(ngx_http_request_t* r, ngx_msec_t deadline, GoOn go_on,
           Cancel cancel, void* data)
    : r_(r), go_on_(go_on), cancel_(cancel), data_(data) {
    ngx_memzero(&guard_, sizeof(guard_));
    guard_.handler = on_deadline;
    guard_.data = this;
    guard_.log = r->connection->log;
    ngx_add_timer(&guard_, deadline);
    // Sees a client that leaves while nothing is read or written.
    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;
}

Wait::~Wait() {
    if (guard_.timer_set) {
        ngx_del_timer(&guard_);
    }
    if (pending_ && cancel_ != nullptr) {
        cancel_(data_);
    }
}

void Wait::resume() {
    pending_ = false;
    if (guard_.timer_set) {
        ngx_del_timer(&guard_);
    }
    run();
}

void Wait::on_deadline(ngx_event_t* event) {
    auto* wait = static_cast<Wait*>(event->data);
    wait->timed_out_ = true;
    wait->pending_ = false;
    if (wait->cancel_ != nullptr) {
        wait->cancel_(wait->data_);
    }
    wait->run();
}

// The Wait may be gone once the request goes on.
void Wait::run() {
    ngx_http_request_t* r = r_;
    ngx_connection_t* c = r->connection;
    ngx_http_set_log_request(c->log, r);
    r->read_event_handler = ngx_http_block_reading;
    go_on_(r);
    ngx_http_run_posted_requests(c);
}

}  // namespace llm::door
