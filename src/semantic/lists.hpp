// Lists: what the guards know of a language, from the files of
// data/semantic/: words without content, words that mean the same or exclude
// one another, negations, numbers, units, dates, courtesies, words that ask
// for something fresh or for an action.
//
// [same] is one meaning, its words are equal; a line of [like] is one sense,
// which a word may share with others and yet have more.
//
// A file is UTF-8 text. `#` begins a comment; `[section]` says what the lines
// after it are; of a line, `|` parts the members, `,` the words of a member
// that stand for one another; a phrase is words with spaces, a line that ends
// in a comma goes on in the next. [whole] and [form] come before what their
// words stand in. Terms are kept as the reader of facts makes them: folded
// (lower case, accents stripped) and stemmed, so "opens" finds "open", but for
// [whole] words, whose ending makes another thing of them: hermano, hermana.
//
// Ownership: immutable once made, shared by all who judge. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/base/bytes.hpp"
#include "src/base/result.hpp"

namespace llm::semantic {

enum class Language : uint8_t { kEnglish, kSpanish, kRussian, kRomanian };
constexpr size_t kLanguages = 4;

enum TermFlag : uint32_t {
    kLight = 1,        // carries no content of its own
    kNegation = 2,
    kDate = 4,
    kMonthOrWord = 8,  // a date only beside a number or a word of time
    kUnit = 16,
    kMarker = 32,      // says which way: to, from, before, than …
    kPerson = 64,      // whom it is about: must not come or go
    kPolite = 128,
    kFresh = 256,
    kAction = 512,
    kAsking = 1024,
    kQuestion = 2048,  // what is asked for: when, why, how much …
    kLead = 4096,      // courtesies that lead into the question
    kErrand = 8192,    // leads into an order: can you, I want to
    kAgainst = 16384,  // says no in itself: refuse, avoid, missing
    kVariant = 32768,  // behind a name, of another product: 8 Pro, 4o mini
    kJoint = 65536,    // what it joins has no order: and, or
    kDeterminer = 1 << 17,  // before a thing: the, my, which
    kMost = 1 << 18,        // the highest degree: most, best
    kFreeOf = 1 << 19,      // denies where the other text lacks it: sugar free
    kCapital = 1 << 20,     // with a capital another thing: polish, Polish
    kPast = 1 << 21,
    kFuture = 1 << 22,
    kNamePart = 1 << 23,    // beside a name, of another: North, City
    kThan = 1 << 24,        // behind what is compared
    kParticle = 1 << 25,    // may stand away from its verb: turn ... off
    kLiteral = 1 << 26,     // asks about words as they are written: spell
    kFocus = 1 << 27,       // leaves out all others: only
    kClause = 1 << 28,      // leads a clause: if, then
    kEqual = 1 << 29,       // compares what is equal: as big as
    kReflexive = 1 << 30,   // who does it is who it is done to: register
    kConverse = 1U << 31,   // tells one thing from either end: pay, receive
};

// Of cues alone: what asks for nothing fresh though a part of it seems to.
constexpr uint16_t kLasting = 1;

// One word or phrase of a list.
struct Term {
    static constexpr size_t kMaxApart = 6;

    struct Apart {
        uint16_t set = 0;     // 0: none
        uint16_t member = 0;
    };

    uint32_t flags = 0;
    uint8_t words = 1;       // of the phrase; 0: it is but a form
    uint8_t aparts = 0;
    uint32_t same = 0;       // terms of one number mean the same; 0: none
    int32_t number = -1;     // what a number word counts
    int32_t place = 0;       // where in a row: second, third
    uint16_t unit = 0;       // which unit
    uint8_t dimension = 0;   // what it measures
    std::array<Apart, kMaxApart> apart{};  // sets of which it is one member
    uint16_t base = 0;       // of a form: which base, from 1 on
    Apart opening;           // as apart, at the opening or in one slot
    uint8_t actor = 0;       // first, second or third person, as who acts
    uint8_t owner = 0;       // the same, as whose it is
    std::vector<uint16_t> like;  // senses that it shares with others, rising
};

// Words of phrases, joined by one space.
constexpr size_t kMaxPhrase = 5;

// What folded words joined by spaces, not stemmed, ask for: kPolite, kLead,
// kFresh, kLasting, kAction, kAsking, kErrand; of every language and every kind, so that
// one look tells of most words that they are nothing.
struct Cue {
    std::array<uint16_t, kLanguages> in{};  // as a whole, by language
    uint16_t flags = 0;                     // as a whole, in any language
    // Of the phrases that it is the first, or the last, word of: flags of all,
    // words of the longest. One word alone is such a phrase too.
    uint16_t first_of = 0;
    uint16_t last_of = 0;
    uint8_t longest_from = 0;
    uint8_t longest_to = 0;
};

class Lists {
public:
    // Those that the program carries.
    static Result<Lists> built_in();

    // Adds a file. Errors name `name` and the line.
    Result<void> add(Language language, Bytes text, const std::string& name);

    // An operator's terms: a line is a set of terms that exclude one another,
    // for every language; presence on one side alone tells them apart too.
    Result<void> add_terms(Bytes text, const std::string& name);

    // Cuts what a folded word's ending adds, if that is not part of its sense.
    void stem(Language language, std::string& word) const;

    // The term of stemmed words joined by spaces; nullptr when unknown.
    const Term* find(Language language, Bytes words) const;
    // The same of one stem, which a form that no ending tells makes its base:
    // "taught" becomes "teach".
    const Term* find_base(Language language, std::string& stem) const {
        return base_of(language, find(language, stem), stem);
    }
    // The same where `term` was found for the stem.
    const Term* base_of(Language language, const Term* term,
                        std::string& stem) const;
    // The operator's set and member of it; set 0: not a term.
    Term::Apart find_operator_term(Bytes words) const;

    // Of folded words joined by spaces; nullptr: neither a cue nor one end of
    // one.
    const Cue* find_cue(Bytes words) const;

    bool has_operator_terms() const { return !operator_terms_.empty(); }

    // How many words the longest phrase has that begins with this stem.
    size_t phrase_from(Language language, Bytes word) const;

    const std::vector<std::string>& negative_prefixes(Language l) const {
        return words_[static_cast<size_t>(l)].prefixes;
    }
    // Whether folded words joined by a space are not of this language but of a
    // relative of it.
    bool is_foreign(Language l, Bytes words) const {
        return words_[static_cast<size_t>(l)].foreign.contains(words);
    }
    const std::vector<std::string>& negative_suffixes(Language l) const {
        return words_[static_cast<size_t>(l)].suffixes;
    }

private:
    struct Hash {
        using is_transparent = void;
        size_t operator()(Bytes text) const;
    };
    template <typename T>
    using Map = std::unordered_map<std::string, T, Hash, std::equal_to<>>;

    struct Words {
        Map<Term> terms;
        Map<uint8_t> first_words;  // of phrases, with the longest's words
        std::vector<std::string> prefixes;
        std::vector<std::string> suffixes;
        Map<bool> foreign;
        Map<bool> whole;
    };
    struct Reader;

    std::array<Words, kLanguages> words_;
    Map<Cue> cues_;
    std::vector<std::string> bases_;
    Map<Term::Apart> operator_terms_;
    Map<uint8_t> operator_first_words_;
    uint32_t next_same_ = 1;
    uint16_t next_set_ = 1;
    uint16_t next_like_ = 1;
    uint16_t next_unit_ = 1;
};

}  // namespace llm::semantic
