#include "src/route/registry.hpp"

#include <algorithm>
#include <array>

#include "src/base/hash.hpp"

namespace llm::route {
namespace {

// Indices of providers with the sum of their weights.
struct Eligible {
    std::array<uint8_t, Registry::kMaxProviders> index{};
    size_t count = 0;
    uint64_t weight = 0;

    void add(size_t i, uint32_t w) {
        index[count++] = static_cast<uint8_t>(i);
        weight += w;
    }
    void remove(size_t at, uint32_t w) {
        std::copy(index.begin() + at + 1, index.begin() + count,
                  index.begin() + at);
        count--;
        weight -= w;
    }
};

// The place in `eligible` that `random` falls on.
size_t pick(const Eligible& eligible, std::span<const Provider> providers,
            uint64_t random) {
    uint64_t point = random % eligible.weight;
    size_t at = 0;
    for (; at + 1 < eligible.count; at++) {
        uint32_t weight = providers[eligible.index[at]].weight;
        if (point < weight) {
            break;
        }
        point -= weight;
    }
    return at;
}

}  // namespace

Result<Registry> Registry::make(std::vector<Provider> providers) {
    if (providers.size() > kMaxProviders) {
        return Error{Errc::kTooLarge, "more than 64 providers"};
    }
    bool weighted = providers.empty();
    for (size_t i = 0; i < providers.size(); i++) {
        if (auto good = check_provider(providers[i]); !good.ok()) {
            return good.error();
        }
        weighted = weighted || providers[i].weight > 0;
        for (size_t j = 0; j < i; j++) {
            if (providers[j].name == providers[i].name) {
                return Error{Errc::kInvalid, "provider \"" + providers[i].name
                                                 + "\" is there twice"};
            }
        }
    }
    if (!weighted) {
        return Error{Errc::kInvalid,
                     "every provider has a weight of 0, so that none would "
                     "ever be asked"};
    }
    Registry registry;
    registry.providers_ = std::move(providers);
    return registry;
}

const Provider* Registry::find(Bytes name) const {
    for (const Provider& provider : providers_) {
        if (provider.name == name) {
            return &provider;
        }
    }
    return nullptr;
}

std::vector<const Provider*> Registry::candidates(Bytes model,
                                                  api::Family family) const {
    std::vector<const Provider*> out;
    for (const Provider& provider : providers_) {
        if (provider.api == family && provider.serves(model)) {
            out.push_back(&provider);
        }
    }
    return out;
}

bool Registry::is_open_to(const Provider& provider, Bytes model,
                          api::Family family) const {
    return provider.weight > 0 && provider.api == family
           && provider.serves(model);
}

bool Registry::can_serve(Bytes model, api::Family family) const {
    return std::any_of(providers_.begin(), providers_.end(),
                       [&](const Provider& provider) {
                           return is_open_to(provider, model, family);
                       });
}

bool Registry::can_serve(Bytes model) const {
    return can_serve(model, api::Family::kOpenai)
           || can_serve(model, api::Family::kAnthropic);
}

std::vector<size_t> Registry::open_to(Bytes model,
                                      api::Family family) const {
    std::vector<size_t> out;
    for (size_t i = 0; i < providers_.size(); i++) {
        if (is_open_to(providers_[i], model, family)) {
            out.push_back(i);
        }
    }
    return out;
}

const Provider* Registry::likely(Bytes model, api::Family family) const {
    const Provider* found = nullptr;
    for (const Provider& provider : providers_) {
        if ((found == nullptr || provider.weight > found->weight)
            && is_open_to(provider, model, family)) {
            found = &provider;
        }
    }
    return found;
}

Choice Registry::choose(Bytes model, api::Family family, uint64_t random,
                        const TriedProviders& tried, Cooldown* cooldown,
                        Now now) const {
    Eligible eligible;
    for (size_t i = 0; i < providers_.size(); i++) {
        if (!tried.has(i) && is_open_to(providers_[i], model, family)) {
            eligible.add(i, providers_[i].weight);
        }
    }
    Choice choice;
    while (eligible.count > 0) {
        size_t at = pick(eligible, providers_, random);
        size_t index = eligible.index[at];
        const Provider& provider = providers_[index];
        CooldownAnswer answer;
        if (cooldown != nullptr) {
            answer = cooldown->admit(provider.name, model, now);
        }
        choice.state = answer.state;
        if (answer.allowed) {
            choice.provider = &provider;
            choice.index = index;
            choice.pass = answer.pass;
            choice.retry_ns = 0;
            return choice;
        }
        choice.retry_ns = choice.retry_ns == 0
                              ? answer.retry_ns
                              : std::min(choice.retry_ns, answer.retry_ns);
        eligible.remove(at, provider.weight);
        // The rest anew, or who stands behind would get all of it.
        random = mix64(random ^ 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f);
    }
    return choice;
}

}  // namespace llm::route
