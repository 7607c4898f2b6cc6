// The word lists that come with the program.
#include "src/base/embed.hpp"
#include "src/route/word_list.hpp"

LLM_EMBED(words_en, "route/en.txt")
LLM_EMBED(words_es, "route/es.txt")
LLM_EMBED(words_ro, "route/ro.txt")
LLM_EMBED(words_ru, "route/ru.txt")

namespace llm::route {

std::vector<BuiltInList> built_in_lists() {
    return {
        {"route/en.txt", embedded_words_en()},
        {"route/es.txt", embedded_words_es()},
        {"route/ro.txt", embedded_words_ro()},
        {"route/ru.txt", embedded_words_ru()},
    };
}

}  // namespace llm::route
