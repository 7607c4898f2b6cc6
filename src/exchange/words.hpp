// The closed vocabularies of the log, the metrics and the Cache-Status
// header.
#pragma once

#include <cstdint>

#include "src/base/bytes.hpp"

namespace llm::exchange {

// $llm_cache_status in nginx's words.
enum class CacheStatus : uint8_t {
    kNone,  // no cache here
    kMiss,
    kHit,
    kBypass,
    kExpired,
    kStale,
    kUpdating,
    kSemantic,
};
Bytes name_of(CacheStatus status);  // "" for kNone

// How an exchange came to its end.
enum class End : uint8_t {
    kComplete,       // the whole answer went out
    kClientAbort,    // the client left
    kUpstreamCut,    // the upstream's connection ended before the answer did
    kUpstreamError,  // an error status, or an error inside a stream
    kTimeout,
    kUnreachable,    // no upstream took the request
    kUpstreamInvalid,  // what it sent is no HTTP answer
    kTooLarge,       // an event passed llm_event_max_size
    kRefused,        // by us
    kCeiling,        // ended by us, validly, at what its limits allow
};
Bytes name_of(End how);

// Why an answer ended, for logs: a word of the upstream's as it is, "other"
// for what is none (64 letters, digits, "_-.:/" at the most), which may be
// text, and as long as an event.
Bytes finish_word(Bytes reason);

}  // namespace llm::exchange
