#include "src/exchange/rungs.hpp"

#include <algorithm>
#include <utility>

#include "src/metrics/families.hpp"

namespace llm::exchange {
namespace {

using route::Fault;
using route::LadderMove;
using route::LadderStep;

// Even and cheap (splitmix64): it spreads requests, it keeps no secret.
uint64_t spread(Now now, size_t attempt) {
    uint64_t z = static_cast<uint64_t>(now.mono_ns)
                 + (attempt + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

// Answers tell when limits are full again even where no limit was met.
bool says_when(Fault fault) {
    return fault == Fault::kRateLimit || fault == Fault::kOverloaded
           || fault == Fault::kServer;
}

bool is_attempt(LadderStep step) {
    return step == LadderStep::kRung || step == LadderStep::kSameRung;
}

}  // namespace

Rungs::Begun Rungs::begin(Ladder ladder, Bytes own_model,
                          api::Family family, Now now) {
    ladder_ = std::move(ladder);
    family_ = family;
    began_ = now;
    last_ = now;
    own_ = own_model;
    // A model that has failed is not asked again.
    std::erase(ladder_.models, own_);
    begun_ = true;
    if (ladder_.required && !is_served(0)) {
        return Begun::kUnknown;
    }
    return choose_from(0, now) || choose(now) ? Begun::kGo
                                              : Begun::kCooling;
}

std::vector<size_t> Rungs::providers_of(size_t rung) const {
    return services_.registry == nullptr
               ? std::vector<size_t>()
               : services_.registry->open_to(model_of(rung), family_);
}

const route::Provider* Rungs::provider_at(size_t index) const {
    return &services_.registry->providers()[index];
}

// What the operator has written, else what the price file knows.
int64_t Rungs::context_at(const route::Provider* provider,
                          Bytes model) const {
    if (provider != nullptr && provider->max_context > 0) {
        return provider->max_context;
    }
    auto price = services_.billing->find(
        model, provider == nullptr ? Bytes() : Bytes(provider->name));
    return price == nullptr ? 0 : std::max<int64_t>(price->max_input, 0);
}

// That of the largest provider.
int64_t Rungs::context_of(size_t rung) const {
    std::vector<size_t> providers = providers_of(rung);
    if (providers.empty()) {
        return context_at(nullptr, model_of(rung));
    }
    int64_t most = 0;
    for (size_t index : providers) {
        most = std::max(most, context_at(provider_at(index), model_of(rung)));
    }
    return most;
}

const std::vector<int64_t>& Rungs::contexts() const {
    for (size_t i = contexts_.size(); i < count_of_models(); i++) {
        contexts_.push_back(context_of(i));
    }
    return contexts_;
}

// The prompt was too long for who was asked, so it is for those who take no
// more.
void Rungs::outgrow() {
    outgrown_ = std::max(outgrown_, context());
    leave_out_small();
}

void Rungs::leave_out_small() {
    if (outgrown_ < 0) {
        return;
    }
    for (size_t index : providers_of(rung_)) {
        if (context_at(provider_at(index), model_of(rung_)) <= outgrown_) {
            tried_.add(index);
        }
    }
}

void Rungs::stand_on(size_t rung) {
    rung_ = rung;
    tried_.clear();
    leave_out_small();
}

bool Rungs::is_served(size_t rung) const {
    return services_.registry != nullptr
           && services_.registry->can_serve(model_of(rung), family_);
}

// Somebody on a further rung, as nobody can be asked on this one. The rung
// stays where it is when there is nobody.
bool Rungs::choose(Now now) {
    size_t stands = rung_;
    for (;;) {
        LadderMove move = route::skip_rung(state(), now);
        if (move.step != LadderStep::kRung || move.rung <= rung_) {
            rung_ = stands;
            return false;
        }
        stand_on(move.rung);
        if (choose_from(rung_, now)) {
            return true;
        }
    }
}

bool Rungs::choose_from(size_t rung, Now now) {
    Bytes model = model_of(rung);
    const route::Registry* registry = services_.registry;
    if (!is_served(rung)) {
        if (ladder_.required) {
            return false;
        }
        choice_ = {};
        started_ = now;
        attempts_++;
        return true;
    }
    route::Cooldown* cooldown =
        services_.cooldown ? &services_.cooldown : nullptr;
    route::Choice choice =
        registry->choose(model, family_, spread(now, attempts_), tried_,
                         cooldown, now);
    if (choice.provider == nullptr) {
        if (choice.retry_ns > 0) {
            retry_ns_ = retry_ns_ == 0
                            ? choice.retry_ns
                            : std::min(retry_ns_, choice.retry_ns);
        }
        return false;
    }
    choice_ = choice;
    tried_.add(choice.index);
    reported_ = false;
    started_ = now;
    attempts_++;
    return true;
}

// Whether a credential that this provider was sent is the client's. Where
// providers are required conf/llm_proxy.conf decides; a proxy_pass of the
// operator's own may send it to any that has no key.
bool Rungs::passes_credential() const {
    const route::Provider* provider = choice_.provider;
    return provider != nullptr && ladder_.client_credential
           && (provider->pass_credential
               || (provider->key_file.empty() && !ladder_.required));
}

// The deadline is the operator's, and others may have used it up.
bool Rungs::is_cut_short(Fault fault, Now now) const {
    return fault == Fault::kTimeout && ladder_.deadline_ns
           && now.mono_ns >= *ladder_.deadline_ns
           && (answered_ || started_.mono_ns > began_.mono_ns);
}

LadderStep Rungs::failed(Fault fault, int status,
                         std::optional<int64_t> wait_ns, Now now) {
    route::Attempt attempt{fault, status, passes_credential()};
    count(route::name_of(fault));
    report(is_cut_short(fault, now) ? Fault::kClientGone
                                    : route::fault_of_provider(attempt),
           says_when(fault) ? wait_ns : std::nullopt, now);
    if (fault == Fault::kContextLength) {
        outgrow();
    }
    LadderMove move = route::next_move(attempt, state(), now);
    if (!is_attempt(move.step)) {
        return last(attempt, move.step);
    }
    size_t stands = rung_;
    if (move.step == LadderStep::kRung) {
        stand_on(move.rung);
    }
    if (choose_from(rung_, now) || choose(now)) {
        return rung_ == stands ? LadderStep::kSameRung : LadderStep::kRung;
    }
    rung_ = stands;
    return last(attempt, route::last_step(attempt));
}

// Without a provider of ours the account may be the client's.
LadderStep Rungs::last(const route::Attempt& attempt, LadderStep step) const {
    bool of_account = attempt.fault == Fault::kAuth
                      || attempt.fault == Fault::kQuota;
    bool passes = step == LadderStep::kGiveUp && of_account
                  && choice_.provider == nullptr;
    return passes ? LadderStep::kDeliver : step;
}

bool Rungs::skip(Now now) {
    report(Fault::kClientGone, std::nullopt, now);
    return choose(now);
}

// A probe's success counts at once, others wait for it. Any other one counts
// at its end, so that a stream that breaks later is a failure alone.
void Rungs::answered(Now now) {
    count("answered");
    answered_ = !reported_;
    if (choice_.pass.is_probe()) {
        report(Fault::kNone, std::nullopt, now);
    }
}

void Rungs::broke(Fault fault, Now now) {
    route::Attempt attempt{fault, 200, passes_credential()};
    bool cut_short = is_cut_short(fault, now);
    if (answered_) {
        answered_ = false;
        reported_ = false;
    }
    report(cut_short ? Fault::kClientGone : route::fault_of_provider(attempt),
           std::nullopt, now);
}

void Rungs::expire(Now now) {
    if (ladder_.deadline_ns) {
        ladder_.deadline_ns = std::min(*ladder_.deadline_ns, now.mono_ns);
    }
}

void Rungs::leave() {
    report(answered_ ? Fault::kNone : Fault::kClientGone, std::nullopt,
           last_);
}

void Rungs::report(Fault fault, std::optional<int64_t> wait_ns, Now now) {
    last_ = now;
    if (reported_) {
        return;
    }
    reported_ = true;
    route::CooldownChange change =
        services_.cooldown.report(choice_.pass, fault, wait_ns, now);
    if (change.opened || change.closed) {
        services_.metrics
            .counter(metrics::kCooldowns,
                     {choice_.provider->name,
                      change.opened ? Bytes("opened") : Bytes("closed")})
            .add();
    }
    // Time does not mend these: somebody has to.
    bool account = fault == Fault::kAuth || fault == Fault::kQuota;
    if (change.opened && account && services_.alert != nullptr) {
        Alert alert;
        alert.event = "provider";
        alert.rule = route::name_of(fault);
        alert.key = choice_.provider->name;
        services_.alert(alert);
    }
}

// Where there is nothing to choose there is nothing to count.
void Rungs::count(Bytes outcome) {
    bool chosen = count_of_models() > 1 || choice_.provider != nullptr;
    if (counted_ == attempts_ || !chosen) {
        return;
    }
    counted_ = attempts_;
    Bytes provider =
        choice_.provider != nullptr ? Bytes(choice_.provider->name) : Bytes();
    services_.metrics.counter(metrics::kAttempts, {provider, outcome}).add();
}

// Those that take no more than `above` tokens aside.
bool Rungs::has_more_providers(int64_t above) const {
    if (choice_.provider == nullptr) {
        return false;
    }
    for (size_t index : providers_of(rung_)) {
        if (!tried_.has(index)
            && (above < 0
                || context_at(provider_at(index), model_of(rung_)) > above)) {
            return true;
        }
    }
    return false;
}

bool Rungs::more() const {
    if (!begun()) {
        return false;
    }
    bool last = rung_ + 1 >= count_of_models();
    if (ladder_.on != 0 || (last && !has_more_providers())) {
        return !last || has_more_providers();
    }
    // A larger context is gone to whatever on= says.
    int64_t known = std::max(outgrown_, context());
    for (size_t i = rung_ + 1; i < count_of_models(); i++) {
        if (contexts()[i] > known) {
            return true;
        }
    }
    return has_more_providers(known);
}

route::LadderState Rungs::state() const {
    route::LadderState state;
    state.on = ladder_.on;
    state.rung = rung_;
    state.contexts = contexts();
    state.outgrown = outgrown_;
    state.more_providers = has_more_providers();
    state.deadline_ns = ladder_.deadline_ns;
    return state;
}

}  // namespace llm::exchange
