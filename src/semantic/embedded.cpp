#include "src/base/embed.hpp"
#include "src/semantic/calibration.hpp"
#include "src/semantic/idf.hpp"
#include "src/semantic/lists.hpp"

LLM_EMBED(semantic_en, "semantic/en.txt")
LLM_EMBED(semantic_en_like, "semantic/en_like.txt")
LLM_EMBED(semantic_es, "semantic/es.txt")
LLM_EMBED(semantic_es_like, "semantic/es_like.txt")
LLM_EMBED(semantic_ro, "semantic/ro.txt")
LLM_EMBED(semantic_ro_like, "semantic/ro_like.txt")
LLM_EMBED(semantic_ru, "semantic/ru.txt")
LLM_EMBED(semantic_ru_like, "semantic/ru_like.txt")
LLM_EMBED(semantic_idf, "semantic/idf.txt")
LLM_EMBED(semantic_calibration, "semantic/calibration.txt")

namespace llm::semantic {

Result<Lists> Lists::built_in() {
    struct File {
        Language language;
        Bytes text;
        const char* name;
    };
    const File files[] = {
        {Language::kEnglish, embedded_semantic_en(), "en.txt"},
        {Language::kEnglish, embedded_semantic_en_like(), "en_like.txt"},
        {Language::kSpanish, embedded_semantic_es(), "es.txt"},
        {Language::kSpanish, embedded_semantic_es_like(), "es_like.txt"},
        {Language::kRomanian, embedded_semantic_ro(), "ro.txt"},
        {Language::kRomanian, embedded_semantic_ro_like(), "ro_like.txt"},
        {Language::kRussian, embedded_semantic_ru(), "ru.txt"},
        {Language::kRussian, embedded_semantic_ru_like(), "ru_like.txt"},
    };
    Lists lists;
    for (const File& file : files) {
        Result<void> done = lists.add(file.language, file.text, file.name);
        if (!done) {
            return done.error();
        }
    }
    return lists;
}

Result<Idf> Idf::built_in() {
    return create(embedded_semantic_idf());
}

Result<Calibration> Calibration::built_in() {
    return create(embedded_semantic_calibration());
}

}  // namespace llm::semantic
