// Need: what an answer is expected to take, and what its price makes of it.
//
// Units: tokens, nano-dollars. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <memory>

#include "src/price/model_price.hpp"

namespace llm::exchange {

// `output`: of all choices together.
struct Need {
    int64_t prompt = 0;
    int64_t output = 0;
    bool output_named = false;  // by the request, not by us
    bool keeps_model = false;   // another one's answer is of no use
    int64_t choices = 1;
    price::Asked asked;
    std::shared_ptr<const price::ModelPrice> price;  // empty: costs nothing
};

// A price for every kind of token that it is expected to take. A model that
// is charged by the second or the picture stands in the table without.
bool is_priced(const Need& need);

// With that much output, at the dearest rates that it may take, so that
// what is charged later is not more.
int64_t most_nano(const Need& need, int64_t output);

// The output that so much money pays for, the prompt paid first; all that is
// needed where nothing costs anything.
int64_t output_for(const Need& need, int64_t nano);

}  // namespace llm::exchange
