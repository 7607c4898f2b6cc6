// Data files inside the program: LLM_EMBED(words_en, "route/en.txt") at file
// scope makes embedded_words_en(), the bytes of data/route/en.txt as they
// were when the program was built.
//
// Used in a file called embedded.cpp of a room and nowhere else: the build
// gives those files LLM_DATA_DIR and builds them anew when a file under
// data/ changes. The bytes live as long as the program.
#pragma once

#include <cstddef>

#include "src/base/bytes.hpp"

#define LLM_EMBED(name, path)                                             \
    asm(".pushsection .rodata\n"                                          \
        ".balign 16\n"                                                    \
        ".local llm_embed_begin_" #name "\n"                              \
        ".local llm_embed_end_" #name "\n"                                \
        "llm_embed_begin_" #name ":\n"                                    \
        ".incbin \"" LLM_DATA_DIR "/" path "\"\n"                         \
        "llm_embed_end_" #name ":\n"                                      \
        ".byte 0\n"                                                       \
        ".popsection\n");                                                 \
    extern "C" __attribute__((visibility("hidden")))                      \
    const char llm_embed_begin_##name[];                                  \
    extern "C" __attribute__((visibility("hidden")))                      \
    const char llm_embed_end_##name[];                                    \
    static inline llm::Bytes embedded_##name() {                          \
        return {llm_embed_begin_##name,                                   \
                static_cast<size_t>(llm_embed_end_##name                  \
                                    - llm_embed_begin_##name)};           \
    }
