// Who is asked when the first one fails: llm_fallback and the clocks.
#include "ngx_llm_module/conf.hpp"

namespace llm::door {

constinit const Room ladder_room = {
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
