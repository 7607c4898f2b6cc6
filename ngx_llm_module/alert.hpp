// Alerts: what an operator should know at once, told to the endpoints of
// llm_alert by POST.
//
// The body is one JSON object:
//   {"event":"soft","id":"<32 hex digits>","time":"2026-11-20T21:51:52Z",
//    "host":"<this machine>", … what the event is about}
// With a secret two headers come along:
//   X-LLM-Timestamp: <seconds since 1970, of this attempt>
//   X-LLM-Signature: sha256=<hex of HMAC-SHA-256(secret,
//                            timestamp "." body)>
// An attempt that is repeated has the same body and id.
//
// alert() never waits and never fails: an alert is queued by this worker (see
// alert_sender.hpp), dropped and counted when the queue is full, or held back
// when its kind is one that may come in floods: of those one a minute leaves
// all workers together, and the next one says how many were "suppressed".
// soft and hard are not held back: the ledger tells each crossing once.
//
// Event loop only, in a worker.
#pragma once

#include <string>

#include "ngx_llm_module/conf.hpp"
#include "src/base/bytes.hpp"

namespace llm::door {

enum class AlertKind : uint8_t {
    kTest,        // llm_alert_test; to every endpoint
    kStart,       // workers with a (new) configuration have started
    kSoft,        // a budget's soft line was crossed
    kHard,        // a budget is used up
    kKeyInvalid,  // an unknown, expired or disabled key was used
    kFileFailed,  // a watched file is bad; what it held before stays
    kProvider,    // a provider refused our account and is left alone
    kCount,
};

constexpr ngx_uint_t bit_of(AlertKind kind) {
    return ngx_uint_t{1} << static_cast<unsigned>(kind);
}

// "soft" and its kin; what events= takes. kCount when there is no such one.
Bytes name_of(AlertKind kind);
AlertKind alert_kind(Bytes name);

// Members of the JSON object after the fixed ones. No credential, no text of
// a model or a client goes in here: configured names, numbers, reasons.
class AlertFields {
public:
    AlertFields& add(Bytes name, Bytes text);
    AlertFields& add(Bytes name, int64_t number);
    // Nano-dollars, written as dollars: 12.5
    AlertFields& add_usd(Bytes name, int64_t nano);

    // ,"name":value …
    const std::string& json() const { return json_; }

private:
    std::string& member(Bytes name);

    std::string json_;
};

// Whether anybody asks for this kind: then it is worth gathering fields.
bool wants_alert(AlertKind kind);

void alert(AlertKind kind, const AlertFields& fields = {}) noexcept;

// Memory for the gate that all workers of `cf`'s configuration share; false
// when there is none.
bool make_alert_gate(ngx_conf_t* cf, AlertMain& conf);

// In each worker; between them alert() does nothing.
void open_alerts(const AlertMain& conf);
void close_alerts();

// The handler of llm_alert_test: POST raises a test alert.
ngx_int_t send_test_alert(ngx_http_request_t* r) noexcept;

}  // namespace llm::door
