// Facts: what a prompt says that a vector does not hold on to: its words in
// canonical form, numbers with units, dates, identifiers, names, negations,
// order and signs; without the courtesies at its ends. Two Facts are compared
// by guards.hpp and features.hpp.
//
// Made again from the stored prompt when it is needed, nothing of it is
// stored. Bounded: of a text of more than kMaxFacts words the rest is one
// digest. Time is linear in the text; a question takes a few microseconds.
//
// Ownership: holds its own text; terms point into the Lists, which outlive
// it. Threads: a plain value.
#pragma once

#include <string>
#include <vector>

#include "src/semantic/idf.hpp"
#include "src/semantic/lists.hpp"
#include "src/semantic/signs.hpp"
#include "src/semantic/text_scan.hpp"

namespace llm::semantic {

enum class FactKind : uint8_t {
    kWord,
    kNumber,      // value in the folded text: digits with at most one point
    kIdentifier,  // digits among letters, a path, an address, code
};

// What a number says: how many (3 cards), or the how manieth (3rd card).
enum class Rank : uint8_t { kEither, kCount, kPlace };

// How a number or a day is meant: up to it, from it on, and another one.
enum class Bound : uint8_t {
    kNone,
    kOver,
    kUnder,
    kLeast,
    kMost,
    kBefore,
    kAfter,
    kAnother,
};

struct Fact {
    uint64_t key = 0;        // equal for what means the same
    uint32_t begin = 0;      // in folded()
    uint32_t size = 0;
    uint32_t flags = 0;      // TermFlag
    FactKind kind = FactKind::kWord;
    bool capital = false;    // written like a name, not just a beginning
    bool first = false;      // of a sentence: a capital says nothing
    bool known = false;      // in the background table or in a list
    bool code = false;       // identifier without digits: snake_case, `code`
    uint32_t capitals = 0;   // of a word behind a number and of a symbol: how
                             // capitals stand in it; 0: there are none
    uint32_t accents = 0;    // how accents stand in it; 0: there are none
    bool caps = false;       // upper case throughout, where that says something
    Scanned::Owner owner = Scanned::Owner::kNone;
    Rank rank = Rank::kCount;  // of a number
    Bound bound = Bound::kNone;  // of a number or a date
    uint8_t dimension = 0;   // of the unit
    uint16_t unit = 0;
    uint16_t idf = 0;        // hundredths of a natural logarithm
    const Term* term = nullptr;
    Term::Apart operator_term;
};

class Facts {
public:
    static constexpr size_t kMaxFacts = 512;

    // In the language that the text seems to be in, `fallback` when it does
    // not say.
    static Facts read(Bytes text, const Lists& lists, const Idf& idf,
                      Language fallback = Language::kEnglish);

    const std::vector<Fact>& items() const { return items_; }
    Bytes text(const Fact& fact) const {
        return Bytes(folded_).substr(fact.begin, fact.size);
    }
    Language language() const { return language_; }
    // Whether the language was plain to see.
    bool sure() const { return sure_; }
    // Whether it seems to be in a language of which there are no lists.
    bool foreign() const { return foreign_; }
    // Whether who wrote it sets accents.
    bool accented() const { return accented_; }
    // Whether who wrote it sets capitals: it begins with one, and is neither
    // a title nor shouted.
    bool cased() const { return cased_; }
    // Of what passes kMaxFacts; 0: nothing does.
    uint64_t rest() const { return rest_; }
    const Signs& signs() const { return signs_; }

private:
    friend class FactReader;  // facts.cpp

    std::string folded_;
    std::vector<Fact> items_;
    Signs signs_;
    uint64_t rest_ = 0;
    Language language_ = Language::kEnglish;
    bool sure_ = false;
    bool foreign_ = false;
    bool accented_ = false;
    bool cased_ = false;
};

}  // namespace llm::semantic
