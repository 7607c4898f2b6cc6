// AlertSender: one endpoint as one worker sees it. A bounded queue, one POST
// at a time in the order of the alerts; an answer 2xx takes the first one out.
//
// No answer, 408, 425, 429 and 5xx: tried again, up to kMaxAttempts. Any other
// answer, a redirect too: given up at once. After every failure the endpoint
// is left alone for 1, 4, 16, then 60 seconds, whichever alert comes next, so
// that a dead one costs a connection a minute. What is older than kMaxAge is
// given up unsent.
//
// When the worker shuts down, what is in flight is finished and the queue is
// sent as long as the endpoint takes it and one timeout has not passed; the
// rest is dropped. Every alert is counted once as sent, failed or dropped.
//
// One log line when the endpoint stops answering, one when it is back.
//
// Event loop only. The endpoint must outlive the sender.
#pragma once

#include <deque>
#include <string>

#include "ngx_llm_module/alert.hpp"
#include "ngx_llm_module/curl.hpp"
#include "src/base/digest.hpp"

namespace llm::door {

// One more alert of this kind met its end; `result` as in
// llm_alerts_total{result}.
void count_alert(AlertKind kind, Bytes result);

class AlertSender {
public:
    static constexpr size_t kMaxQueue = 64;
    static constexpr unsigned kMaxAttempts = 4;
    static constexpr ngx_msec_t kMaxAge = 600 * 1000;

    explicit AlertSender(const AlertEndpoint& endpoint);
    ~AlertSender();
    AlertSender(const AlertSender&) = delete;
    AlertSender& operator=(const AlertSender&) = delete;

    const AlertEndpoint& endpoint() const { return endpoint_; }

    // False: the queue is full, the alert is dropped.
    bool queue(AlertKind kind, const std::string& body);

private:
    struct Item {
        AlertKind kind;
        std::string body;
        ngx_msec_t born;
        unsigned attempts = 0;
    };

    static void on_timer(ngx_event_t* event) noexcept;
    FetchRequest request_for(const Item& item) const;
    void send_first();
    void on_result(const FetchResult& result);
    void succeed();
    void fail(Bytes why, bool again);
    void end_first(Bytes result);
    void drop_all();
    bool time_is_up();
    void rest();

    const AlertEndpoint& endpoint_;
    Hmac sign_;
    std::deque<Item> queue_;
    Fetch fetch_;
    bool in_flight_ = false;
    unsigned failures_ = 0;     // in a row, of the endpoint
    ngx_event_t timer_;         // while the endpoint is left alone
    ngx_msec_t last_call_ = 0;  // when a worker that ends gives up; 0: it
                                // does not end
};

}  // namespace llm::door
