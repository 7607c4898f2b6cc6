#include "src/semantic/guards.hpp"

#include <algorithm>

#include "src/semantic/alignment.hpp"
#include "src/semantic/order.hpp"

namespace llm::semantic {
namespace {

using Side = Alignment::Side;

constexpr Bytes kNames[kVetoes] = {
    "",             "veto:number",   "veto:unit",  "veto:date",
    "veto:identifier", "veto:negation", "veto:antonym", "veto:order",
    "veto:name",    "veto:rare_word", "veto:term"};

// Whether a fact for which `is` holds has no equal on the other side.
template <typename Is>
bool any_left_over(const Side& side, Is&& is) {
    const std::vector<Fact>& items = side.facts->items();
    for (size_t i = 0; i < items.size(); i++) {
        if (side.other[i] == Alignment::kNone && is(items[i])) {
            return true;
        }
    }
    return false;
}

template <typename Is>
bool on_either(const Alignment& alignment, Is&& is) {
    return any_left_over(alignment.left(), is)
           || any_left_over(alignment.right(), is);
}

template <typename Is>
bool on_both(const Alignment& alignment, Is&& is) {
    return any_left_over(alignment.left(), is)
           && any_left_over(alignment.right(), is);
}

bool number_differs(const Alignment& alignment) {
    return on_either(alignment, [](const Fact& fact) {
        return fact.kind == FactKind::kNumber;
    });
}

// Equal numbers of other units, the same letters with other capitals (Mb and
// MB), or units of one dimension that differ.
bool unit_differs(const Alignment& alignment) {
    const Side& left = alignment.left();
    const std::vector<Fact>& a = left.facts->items();
    const std::vector<Fact>& b = alignment.right().facts->items();
    constexpr uint8_t kClock = 10;
    for (size_t i = 0; i < a.size(); i++) {
        if (a[i].kind == FactKind::kNumber && a[i].unit != 0
            && left.other[i] != Alignment::kNone) {
            const Fact& other = b[left.other[i]];
            if (other.unit != 0 && other.unit != a[i].unit) {
                return true;
            }
        }
        if (a[i].capitals != 0 && left.other[i] != Alignment::kNone
            && b[left.other[i]].capitals != 0
            && b[left.other[i]].capitals != a[i].capitals) {
            return true;
        }
        bool unit = a[i].kind == FactKind::kWord && a[i].dimension != 0
                    && a[i].dimension != kClock
                    && left.other[i] == Alignment::kNone;
        if (!unit) {
            continue;
        }
        for (size_t j = 0; j < b.size(); j++) {
            if (b[j].kind == FactKind::kWord
                && b[j].dimension == a[i].dimension
                && alignment.right().other[j] == Alignment::kNone) {
                return true;
            }
        }
    }
    return false;
}

bool date_differs(const Alignment& alignment) {
    return on_either(alignment, [](const Fact& fact) {
        return (fact.flags & kDate) != 0;
    });
}

bool identifier_differs(const Alignment& alignment) {
    return signs_differ(alignment.left().facts->signs(),
                        alignment.right().facts->signs())
           || on_either(alignment,
                     [](const Fact& fact) {
                         return fact.kind == FactKind::kIdentifier;
                     })
           || on_both(alignment, [](const Fact& fact) { return fact.code; });
}

// A "no" that opens a sentence which has a negation of its own says it only
// once more.
size_t count_negations(const Side& side) {
    const std::vector<Fact>& items = side.facts->items();
    auto count = static_cast<size_t>(
        std::count_if(items.begin(), items.end(), [](const Fact& fact) {
            return (fact.flags & kNegation) != 0;
        }));
    bool opens = count > 1 && (items.front().flags & kNegation) != 0
                 && side.facts->text(items.front()) == "no";
    return opens ? count - 1 : count;
}

// "usable" and "unusable", "hope" and "hopeless".
bool is_negated(Bytes word, Bytes plain, const Lists& lists,
                Language language) {
    constexpr size_t kLeast = 3;
    if (plain.size() < kLeast || word.size() <= plain.size()) {
        return false;
    }
    for (const std::string& prefix : lists.negative_prefixes(language)) {
        Bytes rest = word.substr(std::min(prefix.size(), word.size()));
        if (word.starts_with(prefix)
            && (rest == plain
                || (rest.size() >= plain.size() && plain.size() > kLeast + 1
                    && rest.starts_with(plain)))) {
            return true;
        }
    }
    for (const std::string& suffix : lists.negative_suffixes(language)) {
        if (word.size() == plain.size() + suffix.size()
            && word.starts_with(plain) && word.ends_with(suffix)) {
            return true;
        }
    }
    return false;
}

// Words of one side that are the other's with a negative affix.
size_t count_affixes(const Side& one, const Side& two, const Lists& lists) {
    const std::vector<Fact>& a = one.facts->items();
    const std::vector<Fact>& b = two.facts->items();
    size_t count = 0;
    for (uint16_t i : one.lacked) {
        for (uint16_t j : two.lacked) {
            if (a[i].kind == FactKind::kWord && b[j].kind == FactKind::kWord
                && is_negated(one.facts->text(a[i]), two.facts->text(b[j]),
                              lists, one.facts->language())) {
                count++;
                break;
            }
        }
    }
    return count;
}

// Whether a side says no by a word that the other lacks: "is refused" beside
// "does not work".
bool says_against(const Side& side) {
    const std::vector<Fact>& items = side.facts->items();
    return std::any_of(side.lacked.begin(), side.lacked.end(),
                       [&](uint16_t i) {
                           return (items[i].flags & kAgainst) != 0;
                       });
}

// Negations cancel out by two. What one side denies may be said by a word of
// the other; long texts that both deny something may deny it more than once.
// There the probability alone decides.
bool negation_differs(const Alignment& alignment, const Lists& lists) {
    const Side& left = alignment.left();
    const Side& right = alignment.right();
    size_t in_left = count_negations(left);
    size_t in_right = count_negations(right);
    size_t more_left = count_affixes(left, right, lists);
    size_t more_right = count_affixes(right, left, lists);
    if ((in_left + more_left) % 2 == (in_right + more_right) % 2) {
        return false;
    }
    if (more_left + more_right > 0) {
        return true;
    }
    if (in_left > 0 && in_right > 0) {
        return alignment.shared() < kMuchShared;
    }
    return !says_against(in_left > in_right ? right : left);
}

bool opposite(const Alignment& alignment) {
    const Side& left = alignment.left();
    const Side& right = alignment.right();
    const std::vector<Fact>& a = left.facts->items();
    const std::vector<Fact>& b = right.facts->items();
    for (size_t i = 0; i < a.size(); i++) {
        if (left.other[i] != Alignment::kNone || a[i].term == nullptr
            || a[i].term->aparts == 0) {
            continue;
        }
        for (size_t j = 0; j < b.size(); j++) {
            if (right.other[j] == Alignment::kNone
                && Alignment::exclude(a[i], b[j])) {
                return true;
            }
        }
    }
    return false;
}

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

bool name_differs(const Alignment& alignment) {
    return variant_left_over(alignment.left())
           || variant_left_over(alignment.right())
           || on_either(alignment,
                     [](const Fact& fact) {
                         return (fact.flags & kPerson) != 0;
                     })
           || on_both(alignment, [](const Fact& fact) {
                  return fact.capital && Alignment::content(fact);
              });
}

uint16_t rarest_left_over(const Side& side) {
    uint16_t most = 0;
    for (uint16_t i : side.lacked) {
        const Fact& fact = side.facts->items()[i];
        if (fact.kind == FactKind::kWord && (fact.flags & kNegation) == 0) {
            most = std::max(most, fact.idf);
        }
    }
    return most;
}

// Where all else is equal, a rare word in the slot of another asks about
// another thing; so do words of both sides that no background knows, unless
// the texts share much. Other wordings are left to the probability: on
// labelled pairs they are right as often as what no guard touches.
bool rare_word_differs(const Alignment& alignment) {
    const Side& left = alignment.left();
    const Side& right = alignment.right();
    if (left.facts->sure() && right.facts->sure()
        && left.facts->language() != right.facts->language()) {
        return true;
    }
    double shared = alignment.shared();
    uint16_t rare = std::min(rarest_left_over(left), rarest_left_over(right));
    bool slot = left.lacked.size() == 1 && right.lacked.size() == 1
                && rare > 0 && slot_rarity(alignment) >= kSlotIdf;
    return (slot && shared < kVeryMuchShared)
           || (rare >= kRareIdf && shared < kLittleShared);
}

bool term_differs(const Side& one, const Side& two) {
    for (const Fact& fact : one.facts->items()) {
        if (fact.operator_term.set == 0) {
            continue;
        }
        const std::vector<Fact>& items = two.facts->items();
        bool found = std::any_of(
            items.begin(), items.end(), [&](const Fact& other) {
                return other.operator_term.set == fact.operator_term.set
                       && other.operator_term.member
                              == fact.operator_term.member;
            });
        if (!found) {
            return true;
        }
    }
    return false;
}

bool applies(Veto veto, const Alignment& alignment, const Lists& lists) {
    switch (veto) {
    case Veto::kNumber:
        return number_differs(alignment);
    case Veto::kUnit:
        return unit_differs(alignment);
    case Veto::kDate:
        return date_differs(alignment);
    case Veto::kIdentifier:
        return identifier_differs(alignment);
    case Veto::kNegation:
        return negation_differs(alignment, lists);
    case Veto::kAntonym:
        return opposite(alignment);
    case Veto::kOrder:
        return order_differs(alignment);
    case Veto::kName:
        return name_differs(alignment);
    case Veto::kRareWord:
        return rare_word_differs(alignment);
    case Veto::kTerm:
        return term_differs(alignment.left(), alignment.right())
               || term_differs(alignment.right(), alignment.left());
    case Veto::kNone:
        break;
    }
    return false;
}

}  // namespace

Bytes name_of(Veto veto) {
    return kNames[static_cast<size_t>(veto)];
}

Veto veto_of(Bytes name) {
    constexpr Bytes kHead = "veto:";
    if (name.starts_with(kHead)) {
        name.remove_prefix(kHead.size());
    }
    for (size_t i = 1; i < kVetoes; i++) {
        if (kNames[i].substr(kHead.size()) == name) {
            return static_cast<Veto>(i);
        }
    }
    return Veto::kNone;
}

Veto find_veto(const Alignment& alignment, const Lists& lists,
               VetoSet which) {
    constexpr Veto kOrder[] = {
        Veto::kTerm,     Veto::kNumber,  Veto::kUnit,    Veto::kDate,
        Veto::kIdentifier, Veto::kNegation, Veto::kAntonym, Veto::kOrder,
        Veto::kName,     Veto::kRareWord};
    for (Veto veto : kOrder) {
        if ((which & bit(veto)) != 0 && applies(veto, alignment, lists)) {
            return veto;
        }
    }
    return Veto::kNone;
}

}  // namespace llm::semantic
