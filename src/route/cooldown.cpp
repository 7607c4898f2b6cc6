#include "src/route/cooldown.hpp"

#include <unistd.h>

#include <algorithm>

#include "src/base/process.hpp"
#include "src/route/cooldown_entered.hpp"

namespace llm::route {
namespace {

constexpr int64_t kProbeGuess = 1000000000;

// What a fault means to one of the two levels.
enum class Verdict : uint8_t {
    kNothing,      // gives a probe back
    kGood,
    kAnswered,     // not good, but it shows that somebody is there
    kBad,          // one more
    kBadAsProbe,   // counts where it was to find out
    kBadAtOnce,
};

struct Verdicts {
    Verdict provider;
    Verdict model;

    // Does no more than to end what is there.
    bool takes_back() const {
        return std::max(provider, model) <= Verdict::kAnswered;
    }
};

Verdicts verdicts_of(Fault fault, bool said_when) {
    Verdict bad = said_when ? Verdict::kBadAtOnce : Verdict::kBad;
    switch (fault) {
    case Fault::kNone:
        return {Verdict::kGood, Verdict::kGood};
    case Fault::kConnect:
        return {Verdict::kBad, Verdict::kNothing};
    case Fault::kAuth:
    case Fault::kQuota:
        return {Verdict::kBadAtOnce, Verdict::kNothing};
    case Fault::kRateLimit:
        return {Verdict::kAnswered, Verdict::kBadAtOnce};
    case Fault::kServer:
    case Fault::kOverloaded:
        return {Verdict::kAnswered, bad};
    case Fault::kErrorIn200:
        return {Verdict::kAnswered, Verdict::kBad};
    case Fault::kCut:
    case Fault::kTimeout:
    case Fault::kInvalid:
        return {Verdict::kBadAsProbe, Verdict::kBad};
    case Fault::kModel:
    case Fault::kContextLength:
    case Fault::kContentFilter:
    case Fault::kRequest:
        return {Verdict::kAnswered, Verdict::kAnswered};
    case Fault::kClientGone:
        break;
    }
    return {Verdict::kNothing, Verdict::kNothing};
}

// A probe is a serial and, in the low bits, whose it is.
pid_t owner_of(uint64_t probe) {
    return static_cast<pid_t>(probe & ((uint64_t{1} << kPidBits) - 1));
}

}  // namespace

Bytes name_of(CooldownState state) {
    switch (state) {
    case CooldownState::kClosed:
        return "closed";
    case CooldownState::kOpen:
        return "open";
    case CooldownState::kHalfOpen:
        return "half_open";
    }
    return "closed";
}

// Seen at `now`; a free or missing entry is closed.
CooldownState Cooldown::state_of(const Entry* entry, Now now) {
    if (entry == nullptr || entry->is_open == 0) {
        return CooldownState::kClosed;
    }
    return now.mono_ns < entry->until_ns ? CooldownState::kOpen
                                         : CooldownState::kHalfOpen;
}

// How long until somebody may pass; 0: now.
int64_t Cooldown::wait_for(const Entry* entry, Now now) {
    switch (state_of(entry, now)) {
    case CooldownState::kClosed:
        return 0;
    case CooldownState::kOpen:
        return entry->until_ns - now.mono_ns;
    case CooldownState::kHalfOpen:
        break;
    }
    bool taken = entry->probe != 0 && now.mono_ns < entry->probe_end_ns
                 && is_running(owner_of(entry->probe));
    // The probe mostly ends long before its lease.
    return taken ? std::min(entry->probe_end_ns - now.mono_ns, kProbeGuess)
                 : 0;
}

CooldownAnswer Cooldown::judge(const Entry* whole, const Entry* one,
                               Now now) {
    CooldownAnswer answer;
    CooldownState states[] = {state_of(whole, now), state_of(one, now)};
    for (CooldownState state : states) {
        if (state == CooldownState::kOpen
            || answer.state == CooldownState::kClosed) {
            answer.state = state;
        }
    }
    answer.retry_ns = std::max(wait_for(whole, now), wait_for(one, now));
    answer.allowed = answer.retry_ns == 0;
    return answer;
}

CooldownAnswer Cooldown::admit(Bytes provider, Bytes model, Now now) {
    if (head_ == nullptr) {
        return {};
    }
    CooldownPass pass{key(provider, {}), key(provider, model), 0, 0};
    if (is_quiet()) {
        return {true, CooldownState::kClosed, 0, pass};
    }
    Entered entered(*this);
    if (!entered.ok()) {
        return {};
    }
    Entry* whole = find(pass.provider_key);
    Entry* one = find(pass.model_key);
    CooldownAnswer answer = judge(whole, one, now);
    if (!answer.allowed) {
        head_->refused++;
        return answer;
    }
    pass.provider_probe = take_probe(whole, now);
    pass.model_probe = take_probe(one, now);
    answer.pass = pass;
    return answer;
}

CooldownAnswer Cooldown::look(Bytes provider, Bytes model, Now now) {
    if (head_ == nullptr || is_quiet()) {
        return {};
    }
    uint64_t whole = key(provider, {});
    uint64_t one = key(provider, model);
    Entered entered(*this);
    if (!entered.ok()) {
        return {};
    }
    return judge(find(whole), find(one), now);
}

uint64_t Cooldown::take_probe(Entry* entry, Now now) {
    if (state_of(entry, now) != CooldownState::kHalfOpen) {
        return 0;
    }
    Edit edit(*this, *entry);
    entry->probe = (++head_->serial << kPidBits)
                   | static_cast<uint64_t>(getpid());
    entry->probe_end_ns = now.mono_ns + options_.lease_ns;
    head_->probes++;
    return entry->probe;
}

CooldownChange Cooldown::report(const CooldownPass& pass, Fault fault,
                                std::optional<int64_t> wait_ns, Now now) {
    CooldownChange change;
    if (head_ == nullptr || pass.provider_key == 0) {
        return change;
    }
    if (fault == Fault::kAuth || fault == Fault::kQuota) {
        wait_ns.reset();  // time alone does not mend these
    }
    Verdicts verdicts = verdicts_of(fault, wait_ns.has_value());
    if (is_quiet() && verdicts.takes_back()) {
        return change;
    }
    auto settle = [&](uint64_t key, uint64_t probe, Verdict verdict) {
        switch (verdict) {
        case Verdict::kNothing:
            release_probe(key, probe);
            break;
        case Verdict::kGood:
            succeed(key, probe, true, now, change);
            break;
        case Verdict::kAnswered:
            succeed(key, probe, false, now, change);
            break;
        case Verdict::kBadAsProbe:
            if (probe != 0) {
                fail(key, probe, false, wait_ns, now, change);
            }
            break;
        case Verdict::kBad:
        case Verdict::kBadAtOnce:
            fail(key, probe, verdict == Verdict::kBadAtOnce, wait_ns, now,
                 change);
            break;
        }
    };
    Entered entered(*this);
    if (!entered.ok()) {
        return change;
    }
    settle(pass.provider_key, pass.provider_probe, verdicts.provider);
    change.whole_provider = change.opened;
    settle(pass.model_key, pass.model_probe, verdicts.model);
    return change;
}

void Cooldown::release_probe(uint64_t key, uint64_t serial) {
    Entry* entry = serial == 0 ? nullptr : find(key);
    if (entry != nullptr && entry->probe == serial) {
        Edit edit(*this, *entry);
        entry->probe = 0;
    }
}

void Cooldown::succeed(uint64_t key, uint64_t probe, bool good, Now now,
                       CooldownChange& change) {
    Entry* entry = find(key);
    CooldownState state = state_of(entry, now);
    if (state == CooldownState::kClosed) {
        if (good && entry != nullptr && entry->failures > 0) {
            Edit edit(*this, *entry);
            entry->failures--;
        }
        return;
    }
    // Whoever set out before it was opened knows less than who opened it.
    if (state != CooldownState::kHalfOpen || probe == 0
        || entry->probe != probe) {
        return;
    }
    Edit edit(*this, *entry);
    entry->is_open = 0;
    entry->failures = 0;
    entry->probe = 0;
    entry->closed_at_ns = now.mono_ns;
    head_->closed++;
    change.closed = true;
}

void Cooldown::fail(uint64_t key, uint64_t probe, bool at_once,
                    std::optional<int64_t> wait_ns, Now now,
                    CooldownChange& change) {
    Entry* entry = find(key);
    if (entry == nullptr) {
        entry = make(key, now);
    }
    Edit edit(*this, *entry);
    switch (state_of(entry, now)) {
    case CooldownState::kOpen:
        // It comes late; it may still know of a longer time.
        if (wait_ns) {
            int64_t until =
                now.mono_ns
                + std::clamp<int64_t>(*wait_ns, 0, options_.asked_cap_ns);
            entry->until_ns = std::max(entry->until_ns, until);
        }
        return;
    case CooldownState::kHalfOpen:
        if (at_once || (probe != 0 && entry->probe == probe)) {
            open(*entry, wait_ns, now, change);
        }
        return;
    case CooldownState::kClosed:
        break;
    }
    if (now.mono_ns - entry->window_start_ns > options_.window_ns) {
        entry->window_start_ns = now.mono_ns;
        entry->failures = 0;
    }
    if (entry->failures < UINT16_MAX) {
        entry->failures++;
    }
    if (at_once || entry->failures >= options_.failures) {
        open(*entry, wait_ns, now, change);
    }
}

// base_ns, doubled with each opening before, up to cap_ns.
int64_t Cooldown::backoff(unsigned trips) const {
    int64_t ns = options_.base_ns;
    for (unsigned i = 0; i < trips && ns < options_.cap_ns; i++) {
        ns *= 2;
    }
    return std::min(ns, options_.cap_ns);
}

void Cooldown::open(Entry& entry, std::optional<int64_t> wait_ns, Now now,
                    CooldownChange& change) {
    int64_t calm = std::max(kCalm, entry.last_open_ns);
    if (entry.is_open == 0 && now.mono_ns - entry.closed_at_ns > calm) {
        entry.trips = 0;
    }
    int64_t ns = backoff(entry.trips);
    if (wait_ns) {
        // A provider that always says "soon" and never means it.
        int64_t least = entry.trips == 0 ? 0 : ns / kSoonShare;
        ns = std::max(
            std::clamp<int64_t>(*wait_ns, 0, options_.asked_cap_ns), least);
    }
    entry.is_open = 1;
    entry.until_ns = now.mono_ns + ns;
    entry.last_open_ns = ns;
    entry.probe = 0;
    entry.failures = 0;
    if (entry.trips < UINT8_MAX) {
        entry.trips++;
    }
    head_->opened++;
    change.opened = true;
    change.open_ns = std::max(change.open_ns, ns);
}

void Cooldown::forget(Bytes provider) {
    if (head_ == nullptr) {
        return;
    }
    uint64_t whole = key(provider, {});
    Entered entered(*this);
    Entry* entry = entered.ok() ? find(whole) : nullptr;
    if (entry != nullptr) {
        Edit edit(*this, *entry);
        *entry = Entry{};
    }
}

}  // namespace llm::route
