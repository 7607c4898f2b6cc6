// What one side of an alignment says and the other does not.
//
// Threads: pure functions.
#pragma once

#include "src/semantic/alignment.hpp"

namespace llm::semantic {

// Whether a fact for which `is` holds has no equal on the other side.
template <typename Is>
bool any_left_over(const Alignment::Side& side, Is&& is) {
    const std::vector<Fact>& items = side.facts->items();
    for (size_t i = 0; i < items.size(); i++) {
        if (side.other[i] == Alignment::kNone && is(items[i])) {
            return true;
        }
    }
    return false;
}

template <typename Is>
bool on_either(const Alignment& alignment, Is&& is) {
    return any_left_over(alignment.left(), is)
           || any_left_over(alignment.right(), is);
}

template <typename Is>
bool on_both(const Alignment& alignment, Is&& is) {
    return any_left_over(alignment.left(), is)
           && any_left_over(alignment.right(), is);
}

}  // namespace llm::semantic
