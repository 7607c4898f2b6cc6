// What a fuzzer says when something does not hold, before it aborts.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace llm::fuzz {

// The caller's place by the builtins, which GCC and Clang share: Clang 14 has
// no std::source_location.
inline void check(bool holds, const char* what = "this",
                  const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
    if (!holds) {
        std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
        std::abort();
    }
}

}  // namespace llm::fuzz
