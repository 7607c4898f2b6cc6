// Word lists: terms of a language or a subject, in files that people edit.
//
//   # a comment, as the whole line or after a space
//   [reasoning 0.4]        a section, and the strength of each term below
//   step by step           a term: words, one term a line
//   compar*                words that begin so
//   *itis                  one word that ends so
//   breach* of contract    a phrase; each word of it may end in *
//   transfer * to          * alone: any one word
//   send 1-9* to           1-9* alone: one word that begins with such a digit
//
// A term matches whole words, whatever their case, accents or the signs
// between them; word_list_fold.hpp says what a word is. Sections of the
// built-in lists: the signals of terms (signals.hpp), task.<name> (task.hpp),
// critical.<class> (critical.hpp). In a list of the operator's a section is
// only a strength: [0.4].
//
// Errc::kInvalid with "file:line: what": bytes that are not UTF-8, a section
// that is not known or not closed, a strength outside 0.001 to 1, a term
// without a letter, of more than kMaxWords words or kMaxBytes bytes, or with
// a * where none may stand. Errc::kTooLarge: more than kMaxTerms terms.
//
// Threads: no state. Ownership: entries own their terms.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/base/bytes.hpp"
#include "src/base/result.hpp"

namespace llm::route {

constexpr char kStar = '\x01';  // in a folded term, at the end of a word

struct WordListEntry {
    std::string section;   // "" before the first and in [0.4]
    int strength = 1000;   // thousandths
    std::string term;      // folded words with one space between them; kStar
                           // for a *. A *suffix begins with kStar.
    bool operator==(const WordListEntry&) const = default;
};

class WordList {
public:
    static constexpr size_t kMaxTerms = 100000;
    static constexpr size_t kMaxWords = 8;
    static constexpr size_t kMaxBytes = 200;

    // `known` says which sections may stand there.
    using Known = bool (*)(Bytes section);
    static Result<std::vector<WordListEntry>> parse(Bytes file, Bytes text,
                                                    Known known);

    // One term as it would stand in a list; messages say only what is wrong.
    static Result<std::string> fold_term(Bytes term);
};

// The lists in the program: English, Spanish, Russian, Romanian.
struct BuiltInList {
    Bytes file;
    Bytes text;
};
std::vector<BuiltInList> built_in_lists();

}  // namespace llm::route
