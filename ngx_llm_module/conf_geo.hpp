// Where clients are: llm_geoip, $llm_country, $llm_continent.
#pragma once

#include "ngx_llm_module/room.hpp"

namespace llm::door {

struct GeoFile;  // conf_geo.cpp

struct GeoMain {
    GeoFile* file;  // nullptr: the variables are empty
};

}  // namespace llm::door
