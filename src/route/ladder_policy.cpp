#include "src/route/ladder_policy.hpp"

namespace llm::route {
namespace {

enum Bit : FallbackOn {
    kError = 1u << 0,
    kTimeout = 1u << 1,
    kInvalidHeader = 1u << 2,
    kHttp401 = 1u << 3,
    kHttp402 = 1u << 4,
    kHttp403 = 1u << 5,
    kHttp404 = 1u << 6,
    kHttp429 = 1u << 7,
    kHttp500 = 1u << 8,
    kHttp502 = 1u << 9,
    kHttp503 = 1u << 10,
    kHttp504 = 1u << 11,
    kHttp529 = 1u << 12,
    kHttpOther5xx = 1u << 13,
    kErrorIn200 = 1u << 14,
    kHttp5xx = kHttp500 | kHttp502 | kHttp503 | kHttp504 | kHttp529
               | kHttpOther5xx,
};

struct Word {
    Bytes name;
    FallbackOn bits;
};

constexpr Word kWords[] = {
    {"error", kError},       {"timeout", kTimeout},
    {"http_401", kHttp401},  {"http_402", kHttp402},
    {"http_403", kHttp403},  {"http_404", kHttp404},
    {"http_429", kHttp429},  {"http_500", kHttp500},
    {"http_502", kHttp502},  {"http_503", kHttp503},
    {"http_504", kHttp504},  {"http_529", kHttp529},
    {"http_5xx", kHttp5xx},  {"error_in_200", kErrorIn200},
    {"off", 0},              {"invalid_header", kInvalidHeader},
};

FallbackOn bit_of_status(int status) {
    switch (status) {
    case 401:
        return kHttp401;
    case 402:
        return kHttp402;
    case 403:
        return kHttp403;
    case 404:
        return kHttp404;
    case 408:
        return kTimeout;
    case 429:
        return kHttp429;
    case 500:
        return kHttp500;
    case 502:
        return kHttp502;
    case 503:
        return kHttp503;
    case 504:
        return kHttp504;
    case 529:
        return kHttp529;
    default:
        return status >= 500 ? FallbackOn{kHttpOther5xx} : FallbackOn{0};
    }
}

bool is_of_credential(Fault fault) {
    return fault == Fault::kAuth || fault == Fault::kQuota;
}

// The word that asks for another try; 0: none does.
FallbackOn bit_of(const Attempt& attempt) {
    switch (attempt.fault) {
    case Fault::kConnect:
    case Fault::kCut:
        return kError;
    case Fault::kTimeout:
        return kTimeout;
    case Fault::kInvalid:
        return kInvalidHeader;
    case Fault::kContextLength:
    case Fault::kContentFilter:
    case Fault::kRequest:
    case Fault::kNone:
    case Fault::kClientGone:
        return 0;
    default:
        break;
    }
    bool good_status = attempt.status >= 200 && attempt.status < 300;
    if (good_status) {
        return kErrorIn200;
    }
    // Some have a 400 for what is of the account, too.
    int status = attempt.status;
    if (status == 400 && is_of_credential(attempt.fault)) {
        status = attempt.fault == Fault::kQuota ? 402 : 401;
    }
    // And a 413 for what it may send in a minute.
    if (status == 413
        && (attempt.fault == Fault::kModel
            || attempt.fault == Fault::kRateLimit)) {
        status = 429;
    }
    return bit_of_status(status);
}

std::optional<size_t> next_rung(const LadderState& state) {
    for (size_t i = state.rung + 1; i < state.contexts.size(); i++) {
        if (state.contexts[i] > state.outgrown) {
            return i;
        }
    }
    return std::nullopt;
}

bool is_late(const LadderState& state, Now now) {
    return state.deadline_ns && now.mono_ns >= *state.deadline_ns;
}

}  // namespace

std::optional<FallbackOn> fallback_word(Bytes word) {
    for (const Word& known : kWords) {
        if (known.name == word) {
            return known.bits;
        }
    }
    return std::nullopt;
}

std::optional<FallbackOn> parse_fallback_on(Bytes words) {
    FallbackOn on = 0;
    bool off = false;
    for (size_t count = 1;; count++) {
        size_t comma = words.find(',');
        auto bits = fallback_word(words.substr(0, comma));
        off = off || (bits && *bits == 0);
        if (!bits || (off && count > 1)) {
            return std::nullopt;
        }
        on |= *bits;
        if (comma == Bytes::npos) {
            return on;
        }
        words.remove_prefix(comma + 1);
    }
}

FallbackOn default_fallback_on() {
    return kError | kTimeout | kInvalidHeader | kHttp401 | kHttp402
           | kHttp403 | kHttp429 | kHttp5xx | kErrorIn200;
}

Fault fault_of_provider(const Attempt& attempt) {
    bool theirs = attempt.client_credential
                  && (is_of_credential(attempt.fault)
                      || attempt.fault == Fault::kRateLimit);
    return theirs ? Fault::kRequest : attempt.fault;
}

LadderMove next_move(const Attempt& attempt, const LadderState& state,
                     Now now) {
    if (state.client_gone || attempt.fault == Fault::kClientGone) {
        return {LadderStep::kStop, state.rung};
    }
    if (attempt.fault == Fault::kNone) {
        return {LadderStep::kDeliver, state.rung};
    }
    if (is_late(state, now)) {
        return {LadderStep::kDeadline, state.rung};
    }
    if (state.content_sent) {
        return {LadderStep::kBreakOff, state.rung};
    }
    bool theirs = attempt.client_credential
                  && is_of_credential(attempt.fault);
    if (attempt.fault == Fault::kContextLength
        || (!theirs && (bit_of(attempt) & state.on) != 0)) {
        if (state.more_providers) {
            return {LadderStep::kSameRung, state.rung};
        }
        if (auto rung = next_rung(state)) {
            return {LadderStep::kRung, *rung};
        }
    }
    return {last_step(attempt), state.rung};
}

LadderStep last_step(const Attempt& attempt) {
    switch (attempt.fault) {
    case Fault::kConnect:
    case Fault::kCut:
    case Fault::kInvalid:
        return LadderStep::kGiveUp;
    case Fault::kTimeout:
        return attempt.status >= 400 ? LadderStep::kDeliver
                                     : LadderStep::kGiveUp;
    case Fault::kAuth:
    case Fault::kQuota:
        // Of our own account the client learns nothing.
        return attempt.client_credential ? LadderStep::kDeliver
                                         : LadderStep::kGiveUp;
    default:
        return LadderStep::kDeliver;
    }
}

LadderMove skip_rung(const LadderState& state, Now now) {
    if (state.client_gone) {
        return {LadderStep::kStop, state.rung};
    }
    if (is_late(state, now)) {
        return {LadderStep::kDeadline, state.rung};
    }
    if (auto rung = next_rung(state)) {
        return {LadderStep::kRung, *rung};
    }
    return {LadderStep::kGiveUp, state.rung};
}

}  // namespace llm::route
