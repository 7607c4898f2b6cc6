#include "src/semantic/names.hpp"

#include <algorithm>

#include "src/semantic/left_over.hpp"
#include "src/semantic/persons.hpp"

namespace llm::semantic {
namespace {

using Side = Alignment::Side;

// "Pro" behind a model's name or number, where the other side says no such
// thing. The front of a list of facts has nothing before it.
bool variant_left_over(const Side& side) {
    const std::vector<Fact>& items = side.facts->items();
    for (size_t i = 1; i < items.size(); i++) {
        const Fact& before = items[i - 1];
        bool model = before.kind != FactKind::kWord || before.code
                     || before.capital || (before.flags & kVariant) != 0;
        bool sum = i + 1 < items.size()
                   && items[i + 1].kind == FactKind::kNumber;  // 2 plus 2
        bool named = ((items[i].flags & kVariant) != 0 && !sum)
                     || (items[i].capital && Alignment::content(items[i])
                         && before.kind == FactKind::kIdentifier);
        if (side.other[i] == Alignment::kNone && named && model) {
            return true;
        }
    }
    return false;
}

// "New" before a name that both texts have, or "City" behind it, where the
// other side lacks it.
bool part_left_over(const Side& side) {
    const std::vector<Fact>& items = side.facts->items();
    auto named = [&](size_t i) {
        return i < items.size() && items[i].capital
               && side.other[i] != Alignment::kNone;
    };
    for (size_t i = 0; i < items.size(); i++) {
        if ((items[i].flags & kNamePart) != 0 && items[i].capital
            && side.other[i] == Alignment::kNone
            && (named(i + 1) || (i > 0 && named(i - 1)))) {
            return true;
        }
    }
    return false;
}

size_t count_key(const Facts& facts, uint64_t key) {
    return static_cast<size_t>(std::count_if(
        facts.items().begin(), facts.items().end(),
        [&](const Fact& fact) { return fact.key == key; }));
}

// "Polish" here and "polish" there, by two who set capitals alike: who leaves
// out or adds one at a word that has but one sense says nothing by them.
bool sense_differs(const Alignment& alignment) {
    const Side& left = alignment.left();
    const Side& right = alignment.right();
    if (!left.facts->cased() || !right.facts->cased()) {
        return false;
    }
    const std::vector<Fact>& a = left.facts->items();
    const std::vector<Fact>& b = right.facts->items();
    bool differs = false;
    for (size_t i = 0; i < a.size(); i++) {
        if (left.other[i] == Alignment::kNone || a[i].first) {
            continue;
        }
        const Fact& other = b[left.other[i]];
        if (other.first || other.capital == a[i].capital) {
            continue;
        }
        bool senses = a[i].term != nullptr
                      && (a[i].term->flags & kCapital) != 0
                      && (a[i].flags & other.flags & kDate) == 0;
        if (!senses || count_key(*left.facts, a[i].key) != 1
            || count_key(*right.facts, a[i].key) != 1) {
            return false;
        }
        differs = true;
    }
    return differs;
}

// "IT" here and "it" there, where the word in small letters has no content: a
// name that nobody writes so.
bool is_abbreviation(const Fact& a, const Fact& b) {
    return a.caps && !b.caps && b.term != nullptr
           && (b.term->flags & kCapital) != 0 && (b.flags & kLight) != 0;
}

bool abbreviation_differs(const Alignment& alignment) {
    const Side& left = alignment.left();
    const std::vector<Fact>& a = left.facts->items();
    const std::vector<Fact>& b = alignment.right().facts->items();
    for (size_t i = 0; i < a.size(); i++) {
        uint16_t j = left.other[i];
        if (j != Alignment::kNone
            && (is_abbreviation(a[i], b[j]) || is_abbreviation(b[j], a[i]))
            && count_key(*left.facts, a[i].key) == 1
            && count_key(*alignment.right().facts, a[i].key) == 1) {
            return true;
        }
    }
    return false;
}

// "My brother's" and "my brothers'", by two who set apostrophes.
bool owner_differs(const Alignment& alignment) {
    using Owner = Scanned::Owner;
    const Side& left = alignment.left();
    const std::vector<Fact>& a = left.facts->items();
    const std::vector<Fact>& b = alignment.right().facts->items();
    for (size_t i = 0; i < a.size(); i++) {
        uint16_t j = left.other[i];
        if (j != Alignment::kNone && a[i].owner != b[j].owner
            && a[i].owner != Owner::kNone && b[j].owner != Owner::kNone) {
            return true;
        }
    }
    return false;
}

// "Años" here and "anos" there, by two who set accents. In Romanian an accent
// may be but an ending: limita, limită.
bool accents_differ(const Alignment& alignment) {
    const Side& left = alignment.left();
    const std::vector<Fact>& a = left.facts->items();
    const std::vector<Fact>& b = alignment.right().facts->items();
    if (!left.facts->accented() || !alignment.right().facts->accented()
        || left.facts->language() == Language::kRomanian) {
        return false;
    }
    for (size_t i = 0; i < a.size(); i++) {
        uint16_t j = left.other[i];
        if (j != Alignment::kNone && a[i].accents != b[j].accents
            && Alignment::content(a[i]) && a[i].size == b[j].size
            && left.facts->text(a[i])
                   == alignment.right().facts->text(b[j])) {
            return true;
        }
    }
    return false;
}

// Whether fact i is a name that no determiner counts among others: not "a
// Beetle", "our two Beetles".
bool stands_alone(const Facts& facts, size_t i) {
    const std::vector<Fact>& items = facts.items();
    size_t before = i;
    while (before > 0 && items[before - 1].capital) {
        before--;
    }
    return before > 0
           && (items[before - 1].flags & kDeterminer) == 0
           && items[before - 1].kind == FactKind::kWord;
}

// "Gremlin" and "Gremlins", two films: a name in the singular, not counted,
// and the plural of it, where all else is equal.
bool plural_differs(const Side& one, const Side& two) {
    const std::vector<Fact>& a = one.facts->items();
    const std::vector<Fact>& b = two.facts->items();
    if (one.facts->language() != Language::kEnglish || !one.lacked.empty()
        || !two.lacked.empty()) {
        return false;
    }
    for (size_t i = 0; i < a.size(); i++) {
        uint16_t j = one.other[i];
        if (j == Alignment::kNone || !a[i].capital || !b[j].capital
            || (a[i].flags & kDate) != 0 || !stands_alone(*one.facts, i)) {
            continue;
        }
        Bytes x = one.facts->text(a[i]);
        Bytes y = two.facts->text(b[j]);
        bool owned = a[i].owner != Scanned::Owner::kNone
                     || b[j].owner != Scanned::Owner::kNone;
        if (y.size() == x.size() + 1 && y.starts_with(x) && y.back() == 's'
            && !owned) {
            return true;
        }
    }
    return false;
}

}  // namespace

bool name_differs(const Alignment& alignment, const Lists& lists) {
    return sense_differs(alignment)
           || owners_differ(alignment, lists)
           || plural_differs(alignment.left(), alignment.right())
           || plural_differs(alignment.right(), alignment.left())
           || abbreviation_differs(alignment)
           || owner_differs(alignment)
           || accents_differ(alignment)
           || part_left_over(alignment.left())
           || part_left_over(alignment.right())
           || variant_left_over(alignment.left())
           || variant_left_over(alignment.right())
           || on_either(alignment,
                     [](const Fact& fact) {
                         return (fact.flags & kPerson) != 0;
                     })
           || on_both(alignment, [](const Fact& fact) {
                  return fact.capital && Alignment::content(fact);
              });
}

}  // namespace llm::semantic
