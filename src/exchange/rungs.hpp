// Rungs: where one request stands on its ladder: which model is asked, at
// which provider, and what comes after a failure. Rung 0 is the request's own
// model, the others are those of llm_fallback. An attempt is a rung with a
// provider; where several have the model they are tried within the rung.
//
//   begin()      the ladder, and the first attempt
//   failed()     an attempt has ended badly: what now; moves on by itself
//   skip()       the attempt is not made
//   answered()   its answer has begun: the provider is well
//   broke()      an answer that had begun was not brought to its end
//   leave()      the request ends: with its answer, or without a verdict
//
// Each attempt is reported to the cooldown once (a probe whose answer breaks
// later, once more). Without providers (services.registry)
// every model can be asked and the location says where.
//
// One thread; Services outlive it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/exchange/services.hpp"
#include "src/route/ladder_policy.hpp"

namespace llm::exchange {

struct Ladder {
    std::string own_model;  // of rung 0; empty: what the client asks for
    route::FallbackOn on = 0;
    std::vector<std::string> models;  // beyond the request's own, which is
                                      // left out where it stands here, too
    std::optional<int64_t> deadline_ns;  // on the monotonic clock
    bool client_credential = false;  // the client has sent one
    bool store_fallback = false;     // llm_cache_fallback
    bool required = false;  // what no provider has cannot be asked for
};

class Rungs {
public:
    explicit Rungs(Services& services) : services_(services) {}
    ~Rungs() { leave(); }
    Rungs(const Rungs&) = delete;
    Rungs& operator=(const Rungs&) = delete;

    enum class Begun : uint8_t {
        kGo,       // the first attempt stands
        kCooling,  // nobody can be asked now, on no rung: see retry_ns()
        kUnknown,  // the request's own model is no provider's
    };
    Begun begin(Ladder ladder, Bytes own_model, api::Family family, Now now);

    // kSameRung and kRung: the next attempt stands, to be sent out; anything
    // else: there is none. `wait_ns`: how long the provider wants to be left
    // alone (route::ResetTimes).
    route::LadderStep failed(route::Fault fault, int status,
                             std::optional<int64_t> wait_ns, Now now);
    // The attempt that stands cannot be paid for: the next rung. False:
    // there is none.
    bool skip(Now now);
    void answered(Now now);
    void broke(route::Fault fault, Now now);
    void leave();
    // The door's clock has reached the deadline; it may be a little fast.
    void expire(Now now);

    bool begun() const { return begun_; }
    // Whether a failure can lead to another attempt.
    bool more() const;
    size_t rung() const { return rung_; }
    size_t attempts() const { return attempts_; }
    Bytes model() const { return begun() ? model_of(rung_) : Bytes(); }
    // nullptr: the location says where.
    const route::Provider* provider() const { return choice_.provider; }
    bool has_fallen_back() const { return rung_ > 0; }
    bool may_store() const {
        return !has_fallen_back() || ladder_.store_fallback;
    }
    const Ladder& ladder() const { return ladder_; }
    int64_t retry_ns() const { return retry_ns_; }

private:
    // The ladder's own list lacks the first one, and stays where it is.
    size_t count_of_models() const { return ladder_.models.size() + 1; }
    Bytes model_of(size_t rung) const {
        return rung == 0 ? Bytes(own_) : Bytes(ladder_.models[rung - 1]);
    }
    std::vector<size_t> providers_of(size_t rung) const;
    const route::Provider* provider_at(size_t index) const;
    int64_t context_at(const route::Provider* provider, Bytes model) const;
    int64_t context_of(size_t rung) const;
    const std::vector<int64_t>& contexts() const;
    int64_t context() const {
        return context_at(choice_.provider, model_of(rung_));
    }
    void outgrow();
    void stand_on(size_t rung);
    void leave_out_small();
    bool is_served(size_t rung) const;
    route::LadderStep last(const route::Attempt& attempt,
                           route::LadderStep step) const;
    bool choose(Now now);
    bool choose_from(size_t rung, Now now);
    bool has_more_providers(int64_t above = -1) const;
    bool passes_credential() const;
    bool is_cut_short(route::Fault fault, Now now) const;
    void report(route::Fault fault, std::optional<int64_t> wait_ns, Now now);
    void count(Bytes outcome);
    route::LadderState state() const;

    Services& services_;
    Ladder ladder_;
    api::Family family_ = api::Family::kOpenai;
    bool begun_ = false;
    std::string own_;  // the model of rung 0
    // Of each rung; only a failure asks, so they are looked up by the first.
    mutable std::vector<int64_t> contexts_;
    int64_t outgrown_ = -1;  // see route::LadderState
    size_t rung_ = 0;
    size_t attempts_ = 0;
    size_t counted_ = 0;    // the attempt that was counted last
    route::Choice choice_;
    route::TriedProviders tried_;
    bool reported_ = true;  // the attempt, to the cooldown
    bool answered_ = false;
    int64_t retry_ns_ = 0;
    Now began_{};    // the ladder
    Now started_{};  // the attempt that stands
    Now last_{};
};

}  // namespace llm::exchange
