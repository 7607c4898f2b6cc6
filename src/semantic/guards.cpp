#include "src/semantic/guards.hpp"

#include <algorithm>

#include "src/semantic/alignment.hpp"
#include "src/semantic/left_over.hpp"
#include "src/semantic/names.hpp"
#include "src/semantic/opposites.hpp"
#include "src/semantic/order.hpp"

namespace llm::semantic {
namespace {

using Side = Alignment::Side;

constexpr Bytes kNames[kVetoes] = {
    "",             "veto:number",   "veto:unit",  "veto:date",
    "veto:identifier", "veto:negation", "veto:antonym", "veto:order",
    "veto:name",    "veto:rare_word", "veto:term"};

bool is_number(const Fact& fact) {
    return fact.kind == FactKind::kNumber;
}

bool is_date(const Fact& fact) {
    return (fact.flags & kDate) != 0;
}

// Of facts for which `is` holds: up to 10 and over 10, by Friday and on
// Friday.
template <typename Is>
bool bound_differs(const Alignment& alignment, Is&& is) {
    const Side& left = alignment.left();
    const std::vector<Fact>& a = left.facts->items();
    const std::vector<Fact>& b = alignment.right().facts->items();
    for (size_t i = 0; i < a.size(); i++) {
        if (left.other[i] != Alignment::kNone && is(a[i])
            && a[i].bound != b[left.other[i]].bound) {
            return true;
        }
    }
    return false;
}

// Whether one side says one of numbers in a row more often: 1 1/2 and 1/2.
bool said_more_often(const Side& one, const Side& two) {
    const std::vector<Fact>& items = one.facts->items();
    for (size_t i = 0; i < items.size(); i++) {
        uint16_t j = one.other[i];
        bool row = (i > 0 && is_number(items[i - 1]))
                   || (i + 1 < items.size() && is_number(items[i + 1]));
        if (row && is_number(items[i]) && j != Alignment::kNone
            && two.other[j] != i) {
            return true;
        }
    }
    return false;
}

// "1 month" where the other side says "one month" or "a month".
bool said_in_words(const Side& one, const Side& two, size_t i) {
    constexpr Bytes kOne[] = {"one",  "a",    "an",   "un",   "una",   "uno",
                              "o",    "unu",  "один", "одна", "одно",  "одну",
                              "одного", "одном"};
    const std::vector<Fact>& a = one.facts->items();
    uint16_t j = i + 1 < a.size() ? one.other[i + 1] : Alignment::kNone;
    bool single = is_number(a[i]) && a[i].rank != Rank::kPlace
                  && a[i].bound == Bound::kNone
                  && one.facts->text(a[i]) == "1";
    return single && j != Alignment::kNone && j > 0
           && std::ranges::find(kOne, two.facts->text(
                                          two.facts->items()[j - 1u]))
                  != std::end(kOne);
}

bool number_left_over(const Side& one, const Side& two) {
    const std::vector<Fact>& items = one.facts->items();
    for (size_t i = 0; i < items.size(); i++) {
        if (one.other[i] == Alignment::kNone && is_number(items[i])
            && !said_in_words(one, two, i)) {
            return true;
        }
    }
    return false;
}

// Another number, or three things and the third.
bool number_differs(const Alignment& alignment) {
    const Side& left = alignment.left();
    const std::vector<Fact>& a = left.facts->items();
    const std::vector<Fact>& b = alignment.right().facts->items();
    if (bound_differs(alignment, is_number)
        || said_more_often(left, alignment.right())
        || said_more_often(alignment.right(), left)) {
        return true;
    }
    for (size_t i = 0; i < a.size(); i++) {
        if (a[i].kind == FactKind::kNumber && a[i].rank != Rank::kEither
            && left.other[i] != Alignment::kNone) {
            const Fact& other = b[left.other[i]];
            if (other.rank != Rank::kEither && other.rank != a[i].rank) {
                return true;
            }
        }
    }
    return number_left_over(left, alignment.right())
           || number_left_over(alignment.right(), left);
}

constexpr uint8_t kShare = 9;
constexpr uint8_t kClock = 10;

// Equal numbers of other units, a share (10 %) and a count (10), or the same
// letters with other capitals (Mb and MB, Co and CO).
bool unit_of_equal_differs(const Fact& a, const Fact& b) {
    bool unit = a.unit != 0 && b.unit != 0 && a.unit != b.unit;
    bool share = (a.unit == 0 && b.dimension == kShare)
                 || (b.unit == 0 && a.dimension == kShare);
    return (a.kind == FactKind::kNumber && (unit || share))
           || (a.capitals != 0 && b.capitals != 0
               && a.capitals != b.capitals);
}

bool is_unit(const Fact& fact) {
    return fact.kind == FactKind::kWord && fact.dimension != 0
           && fact.dimension != kClock;
}

// Whether the right side has a word for another unit left over, whatever it
// measures: litres, kilos.
bool unit_left_over(const Alignment& alignment, const Fact& unit) {
    const Side& right = alignment.right();
    const std::vector<Fact>& b = right.facts->items();
    for (size_t j = 0; j < b.size(); j++) {
        if (is_unit(b[j]) && b[j].unit != unit.unit
            && right.other[j] == Alignment::kNone) {
            return true;
        }
    }
    return false;
}

bool unit_differs(const Alignment& alignment) {
    const Side& left = alignment.left();
    const std::vector<Fact>& a = left.facts->items();
    const std::vector<Fact>& b = alignment.right().facts->items();
    for (size_t i = 0; i < a.size(); i++) {
        uint16_t j = left.other[i];
        if (j == Alignment::kNone ? is_unit(a[i])
                                        && unit_left_over(alignment, a[i])
                                  : unit_of_equal_differs(a[i], b[j])) {
            return true;
        }
    }
    return false;
}

// Among the words that open a question, where its own verb stands.
bool opens_with(const Side& side, uint32_t flag) {
    constexpr size_t kReach = 5;
    const std::vector<Fact>& items = side.facts->items();
    auto end = items.begin() + static_cast<ptrdiff_t>(
                   std::min(kReach, items.size()));
    return std::any_of(items.begin(), end, [&](const Fact& fact) {
        return (fact.flags & flag) != 0;
    });
}

// What was on one side, what will be on the other.
bool tense_differs(const Side& one, const Side& two) {
    return opens_with(one, kPast) && !opens_with(one, kFuture)
           && opens_with(two, kFuture) && !opens_with(two, kPast);
}

bool date_differs(const Alignment& alignment) {
    return tense_differs(alignment.left(), alignment.right())
           || tense_differs(alignment.right(), alignment.left())
           || bound_differs(alignment, is_date)
           || on_either(alignment, is_date);
}

bool is_literal(const Side& side) {
    const std::vector<Fact>& items = side.facts->items();
    return std::any_of(items.begin(), items.end(), [](const Fact& fact) {
        return (fact.flags & kLiteral) != 0;
    });
}

// Where one asks how a word is spelt, another word of the same meaning is
// another question.
bool wording_differs(const Alignment& alignment) {
    const Side& left = alignment.left();
    const Side& right = alignment.right();
    if (!is_literal(left) && !is_literal(right)) {
        return false;
    }
    if (left.facts->signs().sample != right.facts->signs().sample) {
        return true;
    }
    const std::vector<Fact>& a = left.facts->items();
    const std::vector<Fact>& b = right.facts->items();
    for (size_t i = 0; i < a.size(); i++) {
        uint16_t j = left.other[i];
        if (j != Alignment::kNone && (a[i].flags & kLiteral) == 0
            && Alignment::content(a[i])
            && left.facts->text(a[i]) != right.facts->text(b[j])) {
            return true;
        }
    }
    return on_both(alignment, Alignment::content);
}

// The same words, indented otherwise: other code.
bool layout_differs(const Alignment& alignment) {
    return alignment.left().facts->signs().layout
                   != alignment.right().facts->signs().layout
           && !on_either(alignment, [](const Fact&) { return true; });
}

bool identifier_differs(const Alignment& alignment) {
    return wording_differs(alignment) || layout_differs(alignment)
           || signs_differ(alignment.left().facts->signs(),
                        alignment.right().facts->signs())
           || on_either(alignment,
                     [](const Fact& fact) {
                         return fact.kind == FactKind::kIdentifier;
                     })
           || on_both(alignment, [](const Fact& fact) { return fact.code; });
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

// What is said in a language of which the guards know nothing is the same only
// in the same words and order: one more may deny it, two that change places
// may say who does what to whom.
bool strange_words_differ(const Alignment& alignment) {
    const Side& left = alignment.left();
    return (left.facts->foreign() || alignment.right().facts->foreign())
           && (on_either(alignment, [](const Fact&) { return true; })
               || !std::is_sorted(left.other.begin(), left.other.end()));
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
    if (strange_words_differ(alignment)) {
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
        return opposite_differs(alignment, lists);
    case Veto::kOrder:
        return order_differs(alignment, lists);
    case Veto::kName:
        return name_differs(alignment, lists);
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
