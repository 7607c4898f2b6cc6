#include "ngx_llm_module/alert.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <ctime>
#include <memory>
#include <vector>

#include "ngx_llm_module/alert_sender.hpp"
#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/reply.hpp"
#include "src/base/digest.hpp"
#include "src/metrics/label.hpp"
#include "src/metrics/snapshot.hpp"

namespace llm::door {

// In memory that the workers share, zeroed when it is made. Each word stands
// for itself, so a worker that is killed leaves nothing half done.
struct AlertGate {
    struct Kind {
        int64_t open_ms;    // monotonic; before that nothing leaves
        int64_t held_back;  // since the last one that left
    };
    Kind kinds[static_cast<size_t>(AlertKind::kCount)];
};

namespace {

constexpr int64_t kGateInterval = 60 * 1000;
constexpr size_t kIdBytes = 16;
constexpr int kNanoDecimals = 9;

constexpr std::array<Bytes, static_cast<size_t>(AlertKind::kCount)> kNames = {
    "test", "start", "soft", "hard", "key_invalid", "file_failed",
    "provider"};

struct Alerts {
    AlertGate* gate = nullptr;
    std::vector<std::unique_ptr<AlertSender>> senders;
};

Alerts& alerts() {
    static Alerts instance;
    return instance;
}

bool comes_in_floods(AlertKind kind) {
    return kind == AlertKind::kStart || kind == AlertKind::kKeyInvalid
           || kind == AlertKind::kFileFailed
           || kind == AlertKind::kProvider;
}

// Whether this worker may let one out now; then how many were held back.
bool pass(AlertGate& gate, AlertKind kind, int64_t& held_back) {
    AlertGate::Kind& own = gate.kinds[static_cast<size_t>(kind)];
    std::atomic_ref open(own.open_ms);
    std::atomic_ref held(own.held_back);
    int64_t now_ms = now().mono_ms();
    int64_t from = open.load();
    if (now_ms < from
        || !open.compare_exchange_strong(from, now_ms + kGateInterval)) {
        held.fetch_add(1);
        return false;
    }
    held_back = held.exchange(0);
    return true;
}

std::string utc(int64_t seconds) {
    auto time = static_cast<time_t>(seconds);
    tm parts;
    char text[sizeof("2026-11-20T21:51:52Z") + 8];
    gmtime_r(&time, &parts);
    return std::string(
        text, strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts));
}

std::string body_of(AlertKind kind, const AlertFields& fields,
                    int64_t held_back) {
    char id[kIdBytes] = {};
    (void) random_bytes(id, sizeof(id));
    std::string body = "{\"event\":";
    append_json_string(body, name_of(kind));
    body += ",\"id\":\"" + to_hex(Bytes(id, sizeof(id)));
    body += "\",\"time\":\"" + utc(now().wall_s());
    body += "\",\"host\":";
    ngx_str_t host = {ngx_cycle->hostname.len, ngx_cycle->hostname.data};
    append_json_string(body, view(host));
    body += fields.json();
    if (held_back > 0) {
        body += ",\"suppressed\":";
        append_number(body, held_back);
    }
    return body + "}";
}

bool wants(const AlertEndpoint& endpoint, AlertKind kind) {
    return kind == AlertKind::kTest || (endpoint.events & bit_of(kind)) != 0;
}

void raise(AlertKind kind, const AlertFields& fields) {
    Alerts& self = alerts();
    if (!wants_alert(kind)) {
        return;
    }
    int64_t held_back = 0;
    if (comes_in_floods(kind) && !pass(*self.gate, kind, held_back)) {
        count_alert(kind, "suppressed");
        return;
    }
    std::string body = body_of(kind, fields, held_back);
    for (auto& sender : self.senders) {
        if (wants(sender->endpoint(), kind)) {
            sender->queue(kind, body);
        }
    }
}

void unmap_gate(void* gate) {
    munmap(gate, sizeof(AlertGate));
}

// A key may be a client's bytes: what is no UTF-8 in them is U+FFFD, or the
// endpoint could not read the alert.
std::string readable(Bytes text) {
    std::string out;
    while (!text.empty()) {
        size_t length = metrics::utf8_length(text);
        out += length > 0 ? text.substr(0, length) : Bytes("\xef\xbf\xbd");
        text.remove_prefix(std::max<size_t>(length, 1));
    }
    return out;
}

}  // namespace

Bytes name_of(AlertKind kind) {
    return kNames[static_cast<size_t>(kind)];
}

AlertKind alert_kind(Bytes name) {
    auto at = std::find(kNames.begin(), kNames.end(), name);
    return static_cast<AlertKind>(at - kNames.begin());
}

std::string& AlertFields::member(Bytes name) {
    json_ += ',';
    append_json_string(json_, name);
    json_ += ':';
    return json_;
}

AlertFields& AlertFields::add(Bytes name, Bytes text) {
    append_json_string(member(name), readable(text));
    return *this;
}

AlertFields& AlertFields::add(Bytes name, int64_t number) {
    append_number(member(name), number);
    return *this;
}

AlertFields& AlertFields::add_usd(Bytes name, int64_t nano) {
    metrics::append_scaled_signed(member(name), nano, kNanoDecimals);
    return *this;
}

bool wants_alert(AlertKind kind) {
    const auto& senders = alerts().senders;
    return std::any_of(senders.begin(), senders.end(), [kind](auto& sender) {
        return wants(sender->endpoint(), kind);
    });
}

void alert(AlertKind kind, const AlertFields& fields) noexcept {
    guard(ngx_cycle->log, [&] { raise(kind, fields); });
}

bool make_alert_gate(ngx_conf_t* cf, AlertMain& conf) {
    void* memory = mmap(nullptr, sizeof(AlertGate), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    if (memory == MAP_FAILED || cleanup == nullptr) {
        return false;
    }
    cleanup->handler = unmap_gate;
    cleanup->data = memory;
    conf.gate = static_cast<AlertGate*>(memory);
    return true;
}

void open_alerts(const AlertMain& conf) {
    Alerts& self = alerts();
    self.gate = conf.gate;
    auto* endpoints = static_cast<AlertEndpoint*>(conf.endpoints->elts);
    for (ngx_uint_t i = 0; i < conf.endpoints->nelts; i++) {
        self.senders.push_back(std::make_unique<AlertSender>(endpoints[i]));
    }
}

void close_alerts() {
    alerts().senders.clear();
}

ngx_int_t send_test_alert(ngx_http_request_t* r) noexcept {
    return guard(r->connection->log,
                 ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR}, [r] {
                     if (r->method != NGX_HTTP_POST) {
                         return ngx_int_t{NGX_HTTP_NOT_ALLOWED};
                     }
                     ngx_int_t rc = ngx_http_discard_request_body(r);
                     if (rc != NGX_OK) {
                         return rc;
                     }
                     alert(AlertKind::kTest);
                     return send_body(r, NGX_HTTP_ACCEPTED,
                                      "application/json",
                                      "{\"event\":\"test\"}\n");
                 });
}

}  // namespace llm::door
