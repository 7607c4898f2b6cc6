#include "ngx_llm_module/alert_sender.hpp"

#include <algorithm>

#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/zone.hpp"
#include "src/metrics/families.hpp"

namespace llm::door {
namespace {

constexpr ngx_msec_t kRest[] = {1000, 4000, 16000, 60000};
constexpr size_t kMaxAnswer = 64 * 1024;  // read and thrown away

bool may_come_round(int status) {
    return status == 0 || status == 408 || status == 425 || status == 429
           || status >= 500;
}

}  // namespace

void count_alert(AlertKind kind, Bytes result) {
    worker_services()
        .metrics.counter(metrics::kAlerts, {name_of(kind), result})
        .add();
}

AlertSender::AlertSender(const AlertEndpoint& endpoint)
    : endpoint_(endpoint), sign_(view(endpoint.secret)) {
    ngx_memzero(&timer_, sizeof(timer_));
    timer_.handler = on_timer;
    timer_.data = this;
    timer_.log = ngx_cycle->log;
    timer_.cancelable = 1;
}

AlertSender::~AlertSender() {
    if (timer_.timer_set) {
        ngx_del_timer(&timer_);
    }
    fetch_.cancel();
    drop_all();
}

bool AlertSender::queue(AlertKind kind, const std::string& body) {
    if (queue_.size() >= kMaxQueue) {
        count_alert(kind, "dropped");
        return false;
    }
    queue_.push_back({kind, body, ngx_current_msec});
    if (!in_flight_ && !timer_.timer_set) {
        send_first();
    }
    return true;
}

FetchRequest AlertSender::request_for(const Item& item) const {
    FetchRequest request;
    request.url = view(endpoint_.url);
    request.body = item.body;
    request.timeout = endpoint_.timeout;
    request.connect_timeout = endpoint_.timeout;
    request.max_response = kMaxAnswer;
    request.ca_file = view(endpoint_.ca);
    request.headers = {"Content-Type: application/json"};
    if (endpoint_.secret.len > 0) {
        std::string time;
        append_number(time, now().wall_s());
        request.headers.push_back("X-LLM-Timestamp: " + time);
        request.headers.push_back("X-LLM-Signature: sha256="
                                  + sign_(time + "." + item.body).hex());
        // As GitHub signs, for receivers that know no other way.
        request.headers.push_back("X-Hub-Signature-256: sha256="
                                  + sign_(item.body).hex());
    }
    return request;
}

void AlertSender::send_first() {
    while (!queue_.empty()
           && ngx_current_msec - queue_.front().born > kMaxAge) {
        end_first("failed");
    }
    if (queue_.empty()) {
        return;
    }
    if (time_is_up()) {
        drop_all();
        return;
    }
    queue_.front().attempts++;
    auto started = fetch(request_for(queue_.front()),
                         [this](FetchResult result) { on_result(result); });
    if (!started) {
        fail(started.error().message, true);
        return;
    }
    in_flight_ = true;
    fetch_ = std::move(started).value();
}

bool AlertSender::time_is_up() {
    if (!ngx_exiting) {
        return false;
    }
    if (last_call_ == 0) {
        last_call_ = ngx_current_msec + endpoint_.timeout;
    }
    return static_cast<ngx_msec_int_t>(ngx_current_msec - last_call_) >= 0;
}

void AlertSender::on_result(const FetchResult& result) {
    in_flight_ = false;
    fetch_.let_go();
    if (result.status >= 200 && result.status < 300) {
        succeed();
        return;
    }
    std::string why = result.error;
    if (result.status != 0) {
        why = "status ";
        append_number(why, result.status);
    }
    fail(why, may_come_round(result.status));
}

void AlertSender::succeed() {
    if (failures_ > 0) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "llm_alert: %V takes alerts again", &endpoint_.host);
    }
    failures_ = 0;
    end_first("sent");
    send_first();
}

void AlertSender::fail(Bytes why, bool again) {
    if (failures_++ == 0) {
        ngx_str_t reason = immortal(why);
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "llm_alert: %V does not take alerts: %V",
                      &endpoint_.host, &reason);
    }
    if (!again || queue_.front().attempts >= kMaxAttempts) {
        end_first("failed");
    }
    if (ngx_exiting) {
        drop_all();
    } else {
        rest();
    }
}

void AlertSender::rest() {
    size_t step = std::min<size_t>(failures_, std::size(kRest)) - 1;
    // Several workers should not come back at the same moment.
    ngx_msec_t spread = static_cast<ngx_msec_t>(ngx_random())
                        % (kRest[step] / 4);
    ngx_add_timer(&timer_, kRest[step] + spread);
}

void AlertSender::on_timer(ngx_event_t* event) noexcept {
    guard(event->log, [event] {
        static_cast<AlertSender*>(event->data)->send_first();
    });
}

void AlertSender::end_first(Bytes result) {
    count_alert(queue_.front().kind, result);
    queue_.pop_front();
}

void AlertSender::drop_all() {
    while (!queue_.empty()) {
        end_first("dropped");
    }
}

}  // namespace llm::door
