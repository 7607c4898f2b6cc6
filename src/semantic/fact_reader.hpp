// FactReader: makes Facts of a text: scans words, tells the language, joins
// phrases, gives each its key. Of the room's inside; see facts.hpp.
//
// Threads: belongs to one call.
#pragma once

#include "src/semantic/facts.hpp"
#include "src/semantic/text_scan.hpp"

namespace llm::semantic {

// So that a number is not the key of a word.
enum KeySeed : uint64_t {
    kWordSeed = 1,
    kGroupSeed,
    kNumberSeed,
    kIdentifierSeed,
    kUnitSeed,
    kOperatorSeed,
};

class FactReader {
public:
    FactReader(Facts& facts, const Lists& lists, const Idf& idf)
        : facts_(facts), lists_(lists), idf_(idf) {}

    void read(Bytes text, Language fallback);

private:
    struct Raw {
        Scanned word;
        std::string folded;
        std::string stem;
        std::string own_stem;  // as operator's terms are stemmed
        Rank rank = Rank::kCount;    // of a number
        const Term* term = nullptr;  // of the stem alone
        bool english = false;        // stem and term are made, of English
        uint32_t accents = 0;
        size_t longest = 1;          // words of phrases that begin with it
    };

    void scan(Bytes text);
    bool set_apart(Bytes text, size_t i) const;
    size_t cue_at(size_t i, uint16_t flag, bool backward) const;
    void drop_courtesies(Bytes text);
    void split(const Scanned& word);
    void add_raw(const Scanned& word, std::string folded,
                 Rank rank = Rank::kCount);
    bool split_place(const Scanned& word, Bytes folded);
    bool split_unit(const Scanned& word, Bytes folded);
    // Of the first words of the text, which language they speak for.
    struct Votes {
        std::array<size_t, kLanguages> of{};
        size_t looked = 0;
        size_t words = 0;     // of these: no numbers, no code
        size_t cyrillic = 0;  // of these
        bool other_cyrillic = false;  // letters that Russian does not have
    };
    Votes count_votes();
    void tell_language(Bytes text, Language fallback);
    void stem_all();
    void join_verbs();
    bool shouted() const;

    size_t add_at(size_t i);
    void add_number(Raw& raw);
    void give_sign(uint32_t code, Fact& fact) const;
    bool names_version() const;
    bool negates_number() const;
    bool add_number_word(size_t i, size_t count, const Term& term);
    void add_identifier(Raw& raw);
    bool is_letter(const Scanned& word) const;
    void add_letter(const Raw& raw);
    void add_word(size_t i, size_t count, const Term* term, Bytes stem);
    static bool is_a(const Raw& raw, uint32_t flags);
    const Term* find_phrase(size_t i, size_t count, Bytes stems) const;
    Term::Apart operator_term(size_t i, size_t count) const;
    void place(Fact& fact, Bytes text);
    void join_numbers();
    void give_units();
    void give_ranks();
    void give_bounds();
    Bound bound_of(size_t i) const;
    void tell_months();
    void take_sample(size_t from);

    // Whether `word` is but digits with points, commas and colons.
    static bool is_number(Bytes word);
    // A digest of a unit as it is written, 0 without a capital letter: Mb and
    // MB are two, who writes "mb" may mean either.
    static uint32_t capitals_of(Bytes raw);

    Facts& facts_;
    const Lists& lists_;
    const Idf& idf_;
    std::vector<Raw> raws_;
    bool shouted_ = false;
};

}  // namespace llm::semantic
