// Keys, rates and budgets: llm_keys, llm_limit, llm_budget, llm_snapshot.
#include "ngx_llm_module/conf.hpp"

namespace llm::door {

constinit const Room limit_room = {
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
