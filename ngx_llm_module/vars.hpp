// The $llm_* variables, one table a room.
#pragma once

#include "ngx_llm_module/room.hpp"

namespace llm::door {

std::span<const Variable> core_variables();
std::span<const Variable> cache_variables();
std::span<const Variable> metrics_variables();

// Registers every room's variables. NGX_OK or NGX_ERROR.
ngx_int_t add_variables(ngx_conf_t* cf, std::span<const Room* const> rooms);

}  // namespace llm::door
