// What a fuzzer says when something does not hold, before it aborts.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>

namespace llm::fuzz {

inline void check(
    bool holds, const char* what = "this",
    std::source_location where = std::source_location::current()) {
    if (!holds) {
        std::fprintf(stderr, "%s:%u: does not hold: %s\n",
                     where.file_name(), where.line(), what);
        std::abort();
    }
}

}  // namespace llm::fuzz
