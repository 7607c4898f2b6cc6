// What it costs, and on whose account: llm_prices, llm_tag, llm_baseline.
#include "ngx_llm_module/conf.hpp"

namespace llm::door {

constinit const Room price_room = {
    .commands = {},
    .variables = nullptr,
    .create_main = nullptr,
    .create_loc = nullptr,
    .merge_loc = nullptr,
    .postconfiguration = nullptr,
    .init_process = nullptr,
    .exit_process = nullptr,
};

}  // namespace llm::door
