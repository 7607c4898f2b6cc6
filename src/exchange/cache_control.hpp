// The client's Cache-Control request directives (RFC 9111, section 5.2.1)
// as far as a cache of answers can honour them. What is not understood is
// skipped; a number that overflows counts as very large.
#pragma once

#include <cstdint>
#include <optional>

#include "src/base/bytes.hpp"

namespace llm::exchange {

struct ClientControl {
    bool no_cache = false;        // no-cache, max-age=0
    bool no_store = false;
    bool only_if_cached = false;
    std::optional<int64_t> max_age_s;
    std::optional<int64_t> min_fresh_s;

    // Joins one header value to what stands already; the stricter wins.
    void read(Bytes value);
};

}  // namespace llm::exchange
