// What the kernel files need of the compiler: a region whose functions are
// compiled for another machine than the rest, unrolled loops, and inlining
// that does not wait for the compiler's opinion.
#pragma once

#define LLM_PRAGMA(text) _Pragma(#text)

#if defined(__clang__)
#define LLM_TARGET_BEGIN(features) \
    LLM_PRAGMA(clang attribute push(__attribute__((target(features))), \
                                    apply_to = function))
#define LLM_TARGET_END LLM_PRAGMA(clang attribute pop)
#define LLM_UNROLL LLM_PRAGMA(unroll)
#else
#define LLM_TARGET_BEGIN(features) \
    LLM_PRAGMA(GCC push_options) LLM_PRAGMA(GCC target(features))
#define LLM_TARGET_END LLM_PRAGMA(GCC pop_options)
#define LLM_UNROLL LLM_PRAGMA(GCC unroll 16)
#endif

// For a function, and behind the parameters of a lambda.
#define LLM_INLINE __attribute__((always_inline))
