// Where clients are: llm_geoip.
#pragma once

#include "ngx_llm_module/room.hpp"

namespace llm::door {

struct GeoMain {};

}  // namespace llm::door
