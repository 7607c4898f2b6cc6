// What the route keeps of one request, by value in its Context.
#pragma once

#include <string>

namespace llm::door {

struct RouteState {
    std::string prefix;  // $llm_prefix, where somebody reads it
};

}  // namespace llm::door
