// FactReader: makes Facts of a text: scans words, tells the language, joins
// phrases, gives each its key. Of the room's inside; see facts.hpp.
//
// Threads: belongs to one call.
#pragma once

#include "src/semantic/facts.hpp"
#include "src/semantic/text_scan.hpp"

namespace llm::semantic {

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
    };

    void scan(Bytes text);
    void drop_interjection(Bytes text);
    void split(const Scanned& word);
    void tell_language(Language fallback);
    void stem_all();
    bool shouted() const;

    size_t add_at(size_t i);
    void add_number(Raw& raw);
    void add_identifier(Raw& raw);
    void add_word(size_t i, size_t count, const Term* term, Bytes stem);
    bool find_phrase(size_t i, size_t count, const Term*& term,
                     std::string& stem) const;
    Term::Apart operator_term(size_t i, size_t count) const;
    void place(Fact& fact, Bytes text);
    void join_numbers();
    void give_units();
    void tell_months();

    Facts& facts_;
    const Lists& lists_;
    const Idf& idf_;
    std::vector<Raw> raws_;
    bool shouted_ = false;
};

}  // namespace llm::semantic
