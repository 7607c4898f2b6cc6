// Words as the guards compare them: folded (lower case, no marks that many
// leave out: accents, the points of Hebrew and Arabic), then
// stemmed lightly, so that endings which say only number or tense are gone.
// Stems are keys, not words; prefixes stay, since they may say the opposite.
//
// Threads: no state. Bytes that are not UTF-8 become U+FFFD.
#pragma once

#include <string>

#include "src/semantic/lists.hpp"
#include "src/semantic/unicode.hpp"

namespace llm::semantic {

// Letters, marks and digits of any script.
bool is_wide_word_char(uint32_t code);  // of what is no ASCII
bool is_wide_upper(uint32_t code);

inline bool is_word_char(uint32_t code) {
    return code >= 0x80 ? is_wide_word_char(code)
                        : (code >= '0' && code <= '9')
                              || (code >= 'a' && code <= 'z')
                              || (code >= 'A' && code <= 'Z');
}
inline bool is_upper(uint32_t code) {
    return code >= 0x80 ? is_wide_upper(code) : code >= 'A' && code <= 'Z';
}

bool is_optional_mark(uint32_t code);

// Appends lower case without optional marks, UTF-8.
void fold_to(uint32_t code, std::string& out);
void fold_to(Bytes text, std::string& out);

// A digest of the accents of Latin letters, and of where they stand; 0: there
// are none.
uint32_t accents_of(Bytes word);

// Appends lower case, marks and all, UTF-8.
void lower_to(uint32_t code, std::string& out);

// Cuts the ending of a folded word of one to Word::kMaxChars characters.
void stem(Language language, std::string& word);

}  // namespace llm::semantic
