// What the route keeps of one request, by value in its Context.
#pragma once

#include <string>

#include "src/base/bytes.hpp"

namespace llm::door {

struct RouteState {
    std::string prefix;  // $llm_prefix, where somebody reads it
    bool judged = false;  // its variant is known
    Bytes listed;  // the name of llm_model_list that is looked at, while it is
};

}  // namespace llm::door
