// What it costs, and on whose account: llm_prices, llm_tag, llm_baseline.
#pragma once

#include "ngx_llm_module/room.hpp"

namespace llm::door {

struct PriceMain {};

struct PriceLoc {};

}  // namespace llm::door
