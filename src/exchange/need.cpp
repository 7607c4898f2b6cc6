#include "src/exchange/need.hpp"

#include <algorithm>

namespace llm::exchange {

int64_t most_nano(const Need& need, int64_t output) {
    if (need.price == nullptr) {
        return 0;
    }
    const price::Tier* tier = need.price->tier(need.prompt);
    bool same = tier == nullptr
                || tier->rates[price::kReasoning]
                       == tier->rates[price::kOutput];
    int64_t most = 0;
    for (bool written : {false, true}) {
        if (written && need.cache_write == price::kInput) {
            break;
        }
        for (bool reasoned : {false, true}) {
            if (reasoned && same) {
                break;
            }
            api::Usage usage;
            usage.input = need.prompt;
            usage.output = output;
            usage.reasoning = reasoned ? output : 0;
            usage.cache_write = written ? need.prompt : 0;
            usage.cache_write_1h =
                need.cache_write == price::kCacheWrite1h ? need.prompt : 0;
            most = std::max(
                most, price::cost_nano(*need.price, usage).value_or(0));
        }
    }
    return most;
}

int64_t output_for(const Need& need, int64_t nano) {
    if (need.price == nullptr) {
        return need.output;
    }
    return price::affordable_output(*need.price, need.prompt, nano,
                                    need.cache_write)
        .value_or(0);
}

}  // namespace llm::exchange
