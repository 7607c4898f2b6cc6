// Instants as RFC 3339 writes them: "2026-12-31T23:59:59Z",
// "2026-12-31 23:59:59.5+01:00". A leap second is the second after it;
// fractions are cut. Strict otherwise, with real days of real months.
#pragma once

#include <cstdint>
#include <optional>

#include "src/base/bytes.hpp"

namespace llm::limit {

// Seconds since 1970 UTC.
std::optional<int64_t> parse_rfc3339(Bytes text);

}  // namespace llm::limit
