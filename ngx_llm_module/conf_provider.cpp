// Where models live: llm_provider.
#include "ngx_llm_module/conf.hpp"

namespace llm::door {

constinit const Room provider_room = {
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
