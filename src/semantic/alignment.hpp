// Alignment: which words of one prompt stand in the other, in whatever order
// and spelling, and which are left over. The common ground of guards and
// features.
//
// A word finds its equal by canonical key, then by what it is made of (an
// abbreviation by initials, two words written as one), then by one slip of
// the pen if exactly one of the two is a known word, or by the stem that two
// known words were derived from; what is left then by a sense that two words
// share.
//
// Ownership: points into the two Facts, which outlive it. Bounded by
// Facts::kMaxFacts on each side. Threads: a plain value.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "src/semantic/facts.hpp"
#include "src/semantic/word_counts.hpp"

namespace llm::semantic {

class Alignment {
public:
    static constexpr uint16_t kNone = UINT16_MAX;

    // Left is the query, right what is stored. `counts`: of the traffic, for
    // what a shared word is worth; nullptr: as the background says.
    Alignment(const Facts& left, const Facts& right,
              const WordCounts* counts = nullptr);

    struct Side {
        const Facts* facts;
        std::vector<uint16_t> other;   // by fact: its equal, or kNone
        std::vector<uint16_t> lacked;  // content that the other side lacks
        double rarity = 0;             // sum over content
        double missing = 0;            // sum over lacked
        double shared = 0;             // what the others are worth here
        size_t words = 0;              // of content
    };

    const Side& left() const { return sides_[0]; }
    const Side& right() const { return sides_[1]; }

    // A word of content: not light, not a courtesy.
    static bool content(const Fact& fact) {
        return (fact.flags & (kLight | kPolite)) == 0
               || fact.kind != FactKind::kWord;
    }

    // What the texts have in common, summed by rarity.
    double shared() const {
        return std::min(sides_[0].shared, sides_[1].shared);
    }

    // Whether the two exclude one another: one set, two members.
    static bool exclude(const Fact& a, const Fact& b);

private:
    void match_keys();
    void match_compounds(Side& one, Side& two);
    void match_initials(Side& one, Side& two);
    void match_spellings();
    void match_senses();
    bool same_word(const Fact& a, const Fact& b) const;
    void join(size_t left, size_t right);
    void sum(Side& side, const WordCounts* counts);

    Side sides_[2];
};

}  // namespace llm::semantic
