#include "src/price/model_price.hpp"

#include <algorithm>

namespace llm::price {
namespace {

using Wide = __int128;

constexpr int64_t kPicoPerNano = 1000;

// Which rate stands in for one that is not named.
constexpr Rate kStandIn[kRates] = {kInput,      kOutput, kInput, kInput,
                                   kCacheWrite, kOutput, kInput, kOutput,
                                   kInput,      kOutput};

// Parts of a whole, each taking from what is left of it.
class Rest {
public:
    explicit Rest(int64_t all) : left_(std::max<int64_t>(all, 0)) {}
    int64_t take(int64_t part) {
        part = std::clamp<int64_t>(part, 0, left_);
        left_ -= part;
        return part;
    }
    int64_t left() const { return left_; }

private:
    int64_t left_;
};

using Counts = std::array<int64_t, kRates>;

Counts counts_of(const api::Usage& usage) {
    Counts n{};
    Rest input(usage.input);
    n[kCacheRead] = input.take(usage.cached_input);
    Rest written(input.take(usage.cache_write));
    n[kCacheWrite1h] = written.take(usage.cache_write_1h);
    n[kCacheWrite] = written.left();
    n[kAudioInput] = input.take(usage.audio_input);
    n[kImageInput] = input.take(usage.image_input);
    n[kInput] = input.left();
    Rest output(usage.output);
    n[kAudioOutput] = output.take(usage.audio_output);
    n[kImageOutput] = output.take(usage.image_output);
    n[kReasoning] = output.take(usage.reasoning);
    n[kOutput] = output.left();
    return n;
}

std::optional<Wide> pico(const Tier& tier, const Counts& counts) {
    Wide sum = 0;
    for (size_t i = 0; i < kRates; i++) {
        if (counts[i] == 0) {
            continue;
        }
        if (tier.rates[i] == Tier::kUnset) {
            return std::nullopt;
        }
        sum += Wide{counts[i]} * tier.rates[i];
    }
    return sum;
}

// The last that begins no later.
const Tier* tier_for(const std::vector<Tier>& tiers, int64_t above) {
    const Tier* found = nullptr;
    for (const Tier& tier : tiers) {
        if (tier.above <= above) {
            found = &tier;
        }
    }
    return found;
}

// Whether tokens of that kind cost what plain ones do.
bool is_plain(const Tier& tier, Rate rate) {
    return tier.rates[rate] == tier.rates[kStandIn[rate]];
}

// Fills in what one tier does not name: by what stands in for it, if that is
// so in the base of the same service and in the usual prices, too; else by the
// dearer of these two.
void fill_in(Tier& tier, const Tier* base, const Tier* usual) {
    for (size_t i = 0; i < kRates; i++) {
        auto rate = static_cast<Rate>(i);
        if (tier.rates[rate] != Tier::kUnset) {
            continue;
        }
        if (kStandIn[rate] != rate
            && (base == nullptr || is_plain(*base, rate))
            && (usual == nullptr || is_plain(*usual, rate))) {
            // kRates is ordered so that it is settled before.
            tier.rates[rate] = tier.rates[kStandIn[rate]];
            continue;
        }
        for (const Tier* other : {base, usual}) {
            tier.rates[rate] = std::max(
                tier.rates[rate],
                other == nullptr ? Tier::kUnset : other->rates[rate]);
        }
    }
}

// The usual prices above a threshold, less those that it does not change.
Tier changed_above(const std::vector<Tier>& usual, int64_t above) {
    Tier changed = *tier_for(usual, above);
    for (size_t i = 0; i < kRates; i++) {
        if (changed.rates[i] == usual.front().rates[i]) {
            changed.rates[i] = Tier::kUnset;
        }
    }
    return changed;
}

// Sorts, and fills in what is not named. `usual` is empty for the usual
// prices themselves; thresholds that only they name hold for a service, too.
void complete(std::vector<Tier>& tiers, const std::vector<Tier>& usual) {
    for (const Tier& other : usual) {
        bool there = std::ranges::any_of(tiers, [&other](const Tier& tier) {
            return tier.above == other.above;
        });
        if (!there) {
            tiers.emplace_back().above = other.above;
        }
    }
    std::ranges::sort(tiers, {}, &Tier::above);
    const Tier* standard = usual.empty() ? nullptr : &usual.front();
    fill_in(tiers.front(), nullptr, standard);
    for (size_t i = 1; i < tiers.size(); i++) {
        if (standard == nullptr) {
            fill_in(tiers[i], &tiers.front(), nullptr);
        } else {
            Tier changed = changed_above(usual, tiers[i].above);
            fill_in(tiers[i], &tiers.front(), &changed);
        }
    }
}

// Times as much, in thousandths; rounded up.
Wide times(Wide pico, int64_t factor) {
    return factor == ModelPrice::kOnce
               ? pico
               : (pico * factor + ModelPrice::kOnce - 1) / ModelPrice::kOnce;
}

Wide times(Wide pico, const ModelPrice& price, bool fast, bool in_us) {
    pico = fast ? times(pico, price.fast) : pico;
    return in_us ? times(pico, price.in_us) : pico;
}

// Rounded up. Most sums are small enough for the machine's own division.
int64_t nano_of(Wide pico) {
    pico += kPicoPerNano - 1;
    if (pico <= INT64_MAX) {
        return static_cast<int64_t>(pico) / kPicoPerNano;
    }
    return static_cast<int64_t>(
        std::min(pico / kPicoPerNano, Wide{INT64_MAX}));
}

}  // namespace

void ModelPrice::resolve() {
    complete(tiers, {});
    for (std::vector<Tier>& of_service : services) {
        if (!of_service.empty()) {
            complete(of_service, tiers);
        }
    }
}

// What is faster still is no cheaper than what is served first.
const std::vector<Tier>& ModelPrice::tiers_of(api::Service service) const {
    if (service < api::Service::kPriority) {
        return tiers;
    }
    const std::vector<Tier>& own = services[place(service)];
    if (!own.empty()) {
        return own;
    }
    return service == api::Service::kUltrafast
               ? tiers_of(api::Service::kPriority)
               : tiers;
}

const Tier* ModelPrice::tier(int64_t input, api::Service service) const {
    const Tier* found = nullptr;
    for (const Tier& tier : tiers_of(service)) {
        if (found == nullptr || input > tier.above) {
            found = &tier;
        }
    }
    return found;
}

std::optional<int64_t> cost_nano(const ModelPrice& price,
                                 const api::Usage& usage) {
    const Tier* tier = price.tier(usage.input, usage.service);
    if (!usage.known() || tier == nullptr) {
        return std::nullopt;
    }
    std::optional<Wide> sum = pico(*tier, counts_of(usage));
    if (!sum) {
        return std::nullopt;
    }
    return nano_of(times(*sum, price, usage.fast, usage.in_us));
}

namespace {

struct Dearest {
    Wide input;   // of the whole prompt
    Wide output;  // of a token
};

// Nothing when it has no price.
std::optional<Dearest> dearest(const ModelPrice& price, int64_t input,
                               int64_t output, const Asked& asked) {
    const Tier* tier = price.tier(input, asked.service);
    if (tier == nullptr || input < 0
        || (output > 0 && tier->rates[kOutput] == Tier::kUnset)
        || (input > 0 && tier->rates[kInput] == Tier::kUnset)) {
        return std::nullopt;
    }
    int64_t text = std::max(tier->rates[kInput], tier->rates[asked.written]);
    int64_t heard = std::max(text, tier->rates[kAudioInput]);
    int64_t seen = std::max(text, tier->rates[kImageInput]);
    int64_t sound = std::clamp<int64_t>(asked.sound, 0, input);
    int64_t images = std::clamp<int64_t>(asked.images, 0, input - sound);
    int64_t out = std::max<int64_t>(
        {tier->rates[kOutput], tier->rates[kReasoning],
         tier->rates[kImageOutput],
         asked.speaks ? tier->rates[kAudioOutput] : 0});
    Wide in = Wide{input - sound - images} * text + Wide{sound} * heard
              + Wide{images} * seen;
    return Dearest{times(in, price, asked.fast, asked.in_us),
                   times(out, price, asked.fast, asked.in_us)};
}

}  // namespace

std::optional<int64_t> most_nano(const ModelPrice& price, int64_t input,
                                 int64_t output, const Asked& asked) {
    auto most = dearest(price, input, output, asked);
    if (!most) {
        return std::nullopt;
    }
    return nano_of(most->input + Wide{output} * most->output);
}

std::optional<int64_t> affordable_output(const ModelPrice& price,
                                         int64_t input, int64_t nano,
                                         const Asked& asked) {
    auto most = dearest(price, input, 1, asked);
    if (!most) {
        return std::nullopt;
    }
    Wide left = Wide{nano} * kPicoPerNano - most->input;
    if (left < 0) {
        return 0;
    }
    if (most->output == 0) {
        return INT64_MAX;
    }
    return static_cast<int64_t>(
        std::min(left / most->output, Wide{INT64_MAX}));
}

}  // namespace llm::price
