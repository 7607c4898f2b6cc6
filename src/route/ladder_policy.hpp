// The ladder's policy: after an attempt has ended, what now? Pure functions
// over plain values.
//
// Nothing is tried again once a content byte has gone to the client, once it
// has left, or after the deadline. A fault is tried again where its word is
// in `on`; a prompt that is too long goes to a rung with a larger context
// whatever `on` says; content filters and the client's own errors never.
//
// Words of `on` (those of proxy_next_upstream where it has them):
//     error         connect errors, an answer cut short before it began
//     timeout       no first byte in time, 408
//     invalid_header  no HTTP, or no answer of the protocol
//     http_401 http_402 http_403 http_404 http_429 http_500 http_502
//     http_503 http_504 http_529
//     http_5xx      every 5xx, 529 too
//     error_in_200  an error where the status said 200
//     off           nothing, and stands alone
#pragma once

#include <optional>
#include <span>

#include "src/base/bytes.hpp"
#include "src/base/clock.hpp"
#include "src/route/fault.hpp"

namespace llm::route {

// A set of the words above.
using FallbackOn = uint32_t;

// The bits of one word; empty: no such word. "off" is 0.
std::optional<FallbackOn> fallback_word(Bytes word);
// Comma-separated words; empty: a word is unknown, twice "off", or none.
std::optional<FallbackOn> parse_fallback_on(Bytes words);

// error, timeout, invalid_header, http_401, http_402, http_403, http_429,
// http_5xx, error_in_200.
FallbackOn default_fallback_on();

// How one attempt ended.
struct Attempt {
    Fault fault = Fault::kNone;
    int status = 0;  // of the provider's answer; 0: there was none
    // The credential was the client's own: that it fails is no reason to
    // ask elsewhere with another, and no fault of the provider.
    bool client_credential = false;
};

// What of an attempt counts for the provider; Fault::kRequest where it was
// the client's. Hand this to Cooldown::report().
Fault fault_of_provider(const Attempt& attempt);

// Where the request stands.
struct LadderState {
    FallbackOn on = 0;
    size_t rung = 0;  // the one that was tried
    // The largest prompt of each rung in tokens, 0: not known. As many as
    // there are rungs.
    std::span<const int64_t> contexts;
    // A context that the prompt was too long for; -1: it was for none yet.
    // Nobody who has no more is asked.
    int64_t outgrown = -1;
    // For this rung's model, not yet tried, with more than `outgrown`.
    bool more_providers = false;
    bool content_sent = false;    // a content byte has gone to the client
    bool client_gone = false;
    std::optional<int64_t> deadline_ns;  // on the monotonic clock
};

enum class LadderStep : uint8_t {
    kDeliver,       // the answer, good or bad, goes to the client
    kSameRung,      // the same model at another provider
    kRung,          // LadderMove::rung
    kGiveUp,        // no answer to deliver: an error of our own (502)
    kDeadline,      // too late: 504 before content, else broken off
    kBreakOff,      // after content: the protocol's error event, broken end
    kStop,          // the client is gone
};

struct LadderMove {
    LadderStep step = LadderStep::kDeliver;
    size_t rung = 0;
};

LadderMove next_move(const Attempt& attempt, const LadderState& state,
                     Now now);

// Nothing more is tried, as next_move() says or as nobody is left who may be
// asked: kDeliver or kGiveUp.
LadderStep last_step(const Attempt& attempt);

// A rung whose model nobody can be asked for now (all in cooldown): the next
// one, or kGiveUp.
LadderMove skip_rung(const LadderState& state, Now now);

}  // namespace llm::route
