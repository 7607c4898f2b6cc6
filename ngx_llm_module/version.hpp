#pragma once

#include "src/base/bytes.hpp"

namespace llm {

inline constexpr Bytes kVersion = "0.1.0";

}  // namespace llm
