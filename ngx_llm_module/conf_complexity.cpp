// How hard a request is, and what it is about: llm_complexity_signal,
// llm_critical, llm_complexity_levels.
#include "ngx_llm_module/conf.hpp"

namespace llm::door {

constinit const Room complexity_room = {
    .commands = {},
    .variables = nullptr,
    .create_main = nullptr,
    .create_loc = nullptr,
    .merge_loc = nullptr,
    .postconfiguration = nullptr,
    .init_process = nullptr,
    .exit_process = nullptr,
    .tick = nullptr,
};

}  // namespace llm::door
