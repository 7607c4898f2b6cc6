// What the upstream is asked instead: llm_model, llm_set, llm_system,
// llm_model_response, llm_provider_cache.
#include "ngx_llm_module/conf.hpp"

namespace llm::door {

constinit const Room route_room = {
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
