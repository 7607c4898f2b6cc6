// Near matches: llm_embedder, llm_semantic, llm_semantic_guard.
#include "ngx_llm_module/conf.hpp"

namespace llm::door {

constinit const Room semantic_room = {
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
