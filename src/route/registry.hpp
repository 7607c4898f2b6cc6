// Registry: all providers, in the order in which the operator wrote them, and
// the choice among those that have a model.
//
// choose() takes one by weight of those that serve the model, speak the
// family, have a weight, were not tried yet and are not in cooldown. A
// provider that is half open is taken only by the one request that may probe
// it. Whoever is chosen must be reported to the cooldown.
//
// Made when the configuration is read, then const: any thread.
#pragma once

#include <span>
#include <vector>

#include "src/route/cooldown.hpp"
#include "src/route/provider.hpp"

namespace llm::route {

struct Choice {
    const Provider* provider = nullptr;  // nullptr: nobody now
    size_t index = 0;                    // in providers()
    CooldownPass pass;
    CooldownState state = CooldownState::kClosed;
    // Nobody: when the first of those in cooldown may be asked; 0: there is
    // none that could be waited for.
    int64_t retry_ns = 0;
};

// Providers that a request has already been at, one bit each.
class TriedProviders {
public:
    void add(size_t index) { bits_ |= uint64_t{1} << index; }
    bool has(size_t index) const { return (bits_ >> index & 1) != 0; }
    void clear() { bits_ = 0; }

private:
    uint64_t bits_ = 0;
};

class Registry {
public:
    static constexpr size_t kMaxProviders = 64;

    // kInvalid: a provider that is wrong (check_provider), a name twice, no
    // weight anywhere. kTooLarge. An empty list is good and serves nothing.
    static Result<Registry> make(std::vector<Provider> providers);

    std::span<const Provider> providers() const { return providers_; }
    const Provider* find(Bytes name) const;

    // All that serve the model, in order; those without weight too.
    std::vector<const Provider*> candidates(Bytes model,
                                            api::Family family) const;

    // Whether any could ever be chosen; for `nginx -t` of literal models.
    bool can_serve(Bytes model, api::Family family) const;
    bool can_serve(Bytes model) const;

    // Indices in providers() of those that could be chosen.
    std::vector<size_t> open_to(Bytes model, api::Family family) const;

    // Who is asked for it most often; nullptr: nobody.
    const Provider* likely(Bytes model, api::Family family) const;

    // `random`: any 64 bits, evenly spread. `cooldown` may be nullptr.
    Choice choose(Bytes model, api::Family family, uint64_t random,
                  const TriedProviders& tried, Cooldown* cooldown,
                  Now now) const;

private:
    bool is_open_to(const Provider& provider, Bytes model,
                    api::Family family) const;

    std::vector<Provider> providers_;
};

}  // namespace llm::route
