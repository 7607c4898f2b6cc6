// Where clients are: llm_geoip, $llm_country, $llm_continent.
#pragma once

#include "ngx_llm_module/room.hpp"
#include "src/geo/database.hpp"
#include "src/watch/watched.hpp"

namespace llm::door {

struct GeoMain {
    watch::Watched<geo::Database>* base;  // nullptr: the variables are empty
};

}  // namespace llm::door
