#include "src/semantic/persons.hpp"

#include <algorithm>
#include <string>

namespace llm::semantic {
namespace {

using Side = Alignment::Side;

constexpr unsigned kFirstAndSecond = 1U << 1 | 1U << 2;

unsigned owner_of(const Fact& fact) {
    return fact.term != nullptr ? fact.term->owner : 0U;
}

unsigned actors_of(const Facts& facts, const Lists& lists) {
    unsigned all = 0;
    for (const Fact& fact : facts.items()) {
        all |= actors_of(facts, fact, lists);
    }
    return all;
}

bool is_but_owners_lacked(const Side& side) {
    return std::all_of(side.lacked.begin(), side.lacked.end(), [&](auto i) {
        return owner_of(side.facts->items()[i]) != 0;
    });
}

// Whether "to" or a verb in "-ing" stands before fact i: "how to paint your".
bool is_in_general(const Facts& facts, size_t i) {
    for (size_t k = 0; k < i; k++) {
        Bytes text = facts.text(facts.items()[k]);
        if (text == "to" || text.ends_with(" to") || text.ends_with("ing")) {
            return true;
        }
    }
    return false;
}

// Whether the sides differ in whose it is and in nothing else.
bool is_all_else_equal(const Alignment& alignment) {
    const Side& left = alignment.left();
    const Side& right = alignment.right();
    const std::vector<Fact>& a = left.facts->items();
    const std::vector<Fact>& b = right.facts->items();
    if (a.size() != b.size()) {
        return false;
    }
    for (size_t i = 0; i < a.size(); i++) {
        bool owners = owner_of(a[i]) != 0 && owner_of(b[i]) != 0;
        if (!owners && left.facts->text(a[i]) != right.facts->text(b[i])) {
            return false;
        }
    }
    return true;
}

}  // namespace

unsigned actors_of(const Facts& facts, const Fact& fact, const Lists& lists) {
    if (fact.term == nullptr) {
        return 0;
    }
    if (fact.term->words < 2) {
        return fact.term->actor == 0 ? 0U : 1U << fact.term->actor;
    }
    unsigned all = 0;
    std::string word;
    for (Bytes rest = facts.text(fact); !rest.empty();) {
        word = rest.substr(0, rest.find(' '));
        rest.remove_prefix(std::min(word.size() + 1, rest.size()));
        lists.stem(facts.language(), word);
        const Term* term = lists.find(facts.language(), word);
        all |= term == nullptr || term->actor == 0 ? 0U : 1U << term->actor;
    }
    return all;
}

bool owners_differ(const Alignment& alignment, const Lists& lists) {
    const Facts& left = *alignment.left().facts;
    const Facts& right = *alignment.right().facts;
    if (!is_but_owners_lacked(alignment.left())
        || !is_but_owners_lacked(alignment.right())) {
        return false;
    }
    auto left_over = [](const Side& side, size_t i) {
        return side.other[i] == Alignment::kNone
               && owner_of(side.facts->items()[i]) != 0;
    };
    for (size_t i = 0; i < left.items().size(); i++) {
        for (size_t j = 0; left_over(alignment.left(), i)
                           && j < right.items().size(); j++) {
            unsigned a = owner_of(left.items()[i]);
            unsigned b = owner_of(right.items()[j]);
            if (!left_over(alignment.right(), j) || a == b) {
                continue;
            }
            if (left.language() != Language::kEnglish) {
                return is_all_else_equal(alignment);
            }
            unsigned who = actors_of(left, lists);
            bool general = who == 0 && (1U << a | 1U << b) == kFirstAndSecond
                           && is_in_general(left, i)
                           && is_in_general(right, j);
            return who == actors_of(right, lists) && !general;
        }
    }
    return false;
}

}  // namespace llm::semantic
