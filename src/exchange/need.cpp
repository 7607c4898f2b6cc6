#include "src/exchange/need.hpp"

#include <algorithm>

#include "src/limit/ledger.hpp"

namespace llm::exchange {

bool is_priced(const Need& need) {
    return need.price != nullptr
           && price::most_nano(*need.price, need.prompt, need.output,
                               need.asked);
}

int64_t most_nano(const Need& need, int64_t output) {
    if (need.price == nullptr) {
        return 0;
    }
    int64_t nano =
        price::most_nano(*need.price, need.prompt, output, need.asked)
            .value_or(0);
    return std::min(nano, limit::Ledger::kMaxAmount);
}

int64_t output_for(const Need& need, int64_t nano) {
    if (need.price == nullptr) {
        return need.output;
    }
    return price::affordable_output(*need.price, need.prompt, nano,
                                    need.asked)
        .value_or(0);
}

}  // namespace llm::exchange
