#include "src/semantic/opposites.hpp"

#include <algorithm>
#include <string>

#include "src/semantic/left_over.hpp"

namespace llm::semantic {
namespace {

using Side = Alignment::Side;

// "Sugar free" says that there is none, "free" what it costs: where both texts
// have it, it denies nothing. A "no" that opens a sentence which has a negation
// of its own says it only once more, "or not" at the end leaves it open.
size_t count_negations(const Side& side) {
    const std::vector<Fact>& items = side.facts->items();
    size_t count = 0;
    for (size_t i = 0; i < items.size(); i++) {
        bool free = (items[i].flags & kFreeOf) != 0
                    && side.other[i] == Alignment::kNone;
        count += (items[i].flags & kNegation) != 0 || free;
    }
    size_t last = items.size() - 1;
    bool open = items.size() > 1 && (items[last].flags & kNegation) != 0
                && (items[last - 1].flags & kJoint) != 0;
    count -= open ? 1 : 0;
    bool opens = count > 1 && (items.front().flags & kNegation) != 0
                 && side.facts->text(items.front()) == "no";
    return opens ? count - 1 : count;
}

// Whether `is` holds for what a word denies by a prefix ("unusable"), of which
// another may be but the beginning, or by a suffix ("hopeless").
template <typename Is>
bool denies(Bytes word, const Lists& lists, Language language, Is&& is) {
    for (const std::string& prefix : lists.negative_prefixes(language)) {
        if (word.starts_with(prefix)
            && is(word.substr(prefix.size()), true)) {
            return true;
        }
    }
    for (const std::string& suffix : lists.negative_suffixes(language)) {
        if (word.ends_with(suffix)
            && is(word.substr(0, word.size() - suffix.size()), false)) {
            return true;
        }
    }
    return false;
}

bool is_denied(Bytes denied, bool may_be_longer, Bytes plain) {
    constexpr size_t kLeast = 3;
    return plain.size() >= kLeast && denied.starts_with(plain.front())
           && (denied == plain
               || (may_be_longer && plain.size() > kLeast + 1
                   && denied.starts_with(plain)));
}

// "usable" and "unusable", "hope" and "hopeless".
bool is_negated(Bytes word, Bytes plain, const Lists& lists,
                Language language) {
    return denies(word, lists, language, [&](Bytes denied, bool longer) {
        return is_denied(denied, longer, plain);
    });
}

// Words of one side that are the other's with a negative affix.
size_t count_affixes(const Side& one, const Side& two, const Lists& lists) {
    const std::vector<Fact>& a = one.facts->items();
    const std::vector<Fact>& b = two.facts->items();
    auto lacks = [&](Bytes denied, bool longer) {
        for (size_t j = 0; j < b.size(); j++) {
            if (two.other[j] == Alignment::kNone
                && b[j].kind == FactKind::kWord
                && is_denied(denied, longer, two.facts->text(b[j]))) {
                return true;
            }
        }
        return false;
    };
    size_t count = 0;
    for (uint16_t i : one.lacked) {
        count += a[i].kind == FactKind::kWord
                 && (a[i].flags & kNegation) == 0
                 && denies(one.facts->text(a[i]), lists,
                           one.facts->language(), lacks);
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

// Behind courtesies; nullptr: nothing is, or the other text has it too.
const Fact* opening_left_over(const Side& side) {
    const std::vector<Fact>& items = side.facts->items();
    for (size_t i = 0; i < items.size(); i++) {
        if ((items[i].flags & kPolite) == 0) {
            return side.other[i] == Alignment::kNone ? &items[i] : nullptr;
        }
    }
    return nullptr;
}

// The word right before "than", or kNone: none, or not of content.
size_t compared(const Side& side, size_t than) {
    const std::vector<Fact>& items = side.facts->items();
    return than > 0 && Alignment::content(items[than - 1])
                   && side.other[than - 1] == Alignment::kNone
               ? than - 1
               : size_t{Alignment::kNone};
}

// "Is A cheaper than B?" and "Is A more reliable than B?".
bool comparison_differs(const Alignment& alignment) {
    const Side& left = alignment.left();
    const std::vector<Fact>& items = left.facts->items();
    for (size_t i = 1; i < items.size(); i++) {
        if ((items[i].flags & kThan) != 0
            && left.other[i] != Alignment::kNone
            && compared(left, i) != Alignment::kNone
            && compared(alignment.right(), left.other[i])
                   != Alignment::kNone) {
            return true;
        }
    }
    return false;
}

// "As big as"; where a language has one phrase for it, by that: "la fel de".
bool says_equal(const Side& side) {
    constexpr size_t kReach = 4;
    const std::vector<Fact>& items = side.facts->items();
    auto equal = [&](size_t i) { return (items[i].flags & kEqual) != 0; };
    for (size_t i = 0; i < items.size(); i++) {
        bool twice = side.facts->text(items[i]) == "as";
        size_t end = std::min(items.size(), i + kReach + 1);
        for (size_t j = i + (twice ? 2 : 0); equal(i) && j < end; j++) {
            if (equal(j)) {
                return true;
            }
        }
    }
    return false;
}

bool says_than(const Side& side) {
    const std::vector<Fact>& items = side.facts->items();
    return std::any_of(items.begin(), items.end(), [](const Fact& fact) {
        return (fact.flags & kThan) != 0;
    });
}

// "Is A as big as B?" and "Is A bigger than B?".
bool equality_differs(const Side& one, const Side& two) {
    return says_equal(one) && !says_equal(two) && says_than(two)
           && !says_than(one);
}

// "Payer" and "payee": who does it and whom it is done to.
bool ends_turned(Bytes a, Bytes b) {
    constexpr size_t kEnd = 2;
    constexpr size_t kLeast = 3;
    return a.size() >= kLeast + kEnd && b.ends_with("ee")
           && (a.ends_with("er") || a.ends_with("or"))
           && a.substr(0, a.size() - kEnd) == b.substr(0, b.size() - kEnd);
}

// Whether one of the first words has one of `flags` or asks which, what or how
// much, in Spanish, Russian and Romanian.
bool asks(const Side& side, size_t reach, uint32_t flags) {
    constexpr Bytes kAsked[] = {"que", "care", "ce",   "cat",
                                "cata", "cati", "cate", "что"};
    constexpr Bytes kBegins[] = {"cual", "cuant", "как", "скольк"};
    const std::vector<Fact>& items = side.facts->items();
    auto end = items.begin() + static_cast<std::ptrdiff_t>(
                   std::min(reach, items.size()));
    return std::any_of(items.begin(), end, [&](const Fact& fact) {
        Bytes text = side.facts->text(fact);
        return (fact.flags & flags) != 0
               || std::ranges::any_of(kBegins, [&](Bytes begin) {
                      return text.starts_with(begin);
                  })
               || std::ranges::find(kAsked, text.substr(0, text.find(' ')))
                      != std::end(kAsked);
    });
}

// "Which passport is needed?" and "Is a passport needed?". Words alone, "price
// of the plan", may ask for anything. English asks by more than these.
bool asking_differs(const Side& one, const Side& two) {
    constexpr size_t kOpening = 2;
    const std::vector<Fact>& items = two.facts->items();
    return one.facts->language() != Language::kEnglish && asks(one, kOpening, 0)
           && !asks(two, items.size(), kQuestion)
           && !std::ranges::all_of(items, Alignment::content);
}

// "Can I ...?" and "Must I ...?", "When ...?" and "How ...?".
bool opening_differs(const Alignment& alignment) {
    const Fact* a = opening_left_over(alignment.left());
    const Fact* b = opening_left_over(alignment.right());
    return a != nullptr && b != nullptr && a->term != nullptr
           && b->term != nullptr && a->term->opening.set != 0
           && a->term->opening.set == b->term->opening.set
           && a->term->opening.member != b->term->opening.member;
}

// Whether a phrase of the side, joined by "and" or "or" to its fact i, says a
// word that `text` has and fact i has not: "a debit and a credit card".
bool is_joined_to(const Side& side, size_t i, Bytes text) {
    constexpr size_t kReach = 3;
    const std::vector<Fact>& items = side.facts->items();
    Bytes own = side.facts->text(items[i]);
    Bytes word = text.substr(0, text.find(' '));
    if (own == word || own.starts_with(std::string(word) + ' ')) {
        return false;
    }
    auto says = [&](size_t j) {
        Bytes other = side.facts->text(items[j]);
        return other == word || other.starts_with(std::string(word) + ' ');
    };
    auto joint = [&](size_t j) { return (items[j].flags & kJoint) != 0; };
    bool joined = false;
    for (size_t j = i + 1; j < std::min(items.size(), i + 1 + kReach); j++) {
        if (joined && says(j)) {
            return true;
        }
        joined = joined || joint(j);
    }
    joined = false;
    for (size_t j = i; j > 0 && i - j < kReach; j--) {
        if (joined && says(j - 1)) {
            return true;
        }
        joined = joined || joint(j - 1);
    }
    return false;
}

// Whether both sides say both, joined by "and" or "or", in whatever order.
bool both_said(const Alignment& alignment, size_t i, size_t j) {
    const Side& left = alignment.left();
    const Side& right = alignment.right();
    return is_joined_to(left, i, right.facts->text(right.facts->items()[j]))
           && is_joined_to(right, j, left.facts->text(left.facts->items()[i]));
}

// "Not allowed" is "prohibited", "not safe" "unsafe": one side denies what the
// other says no to in itself.
bool denied(const Alignment& alignment, const Lists& lists, size_t i,
            size_t j) {
    bool left = count_negations(alignment.left()) % 2 != 0;
    bool right = count_negations(alignment.right()) % 2 != 0;
    const Fact& a = alignment.left().facts->items()[i];
    const Fact& b = alignment.right().facts->items()[j];
    Bytes x = alignment.left().facts->text(a);
    Bytes y = alignment.right().facts->text(b);
    Language language = alignment.left().facts->language();
    return left != right
           && (((left ? b : a).flags & kAgainst) != 0
               || is_negated(left ? y : x, left ? x : y, lists, language));
}

// "Is paid", "is my rent paid": a form of "be" or "get" a few words before.
bool is_passive(const Side& side, size_t i) {
    constexpr Bytes kPassive[] = {"is",   "are",   "was", "were", "be",
                                  "been", "being", "am",  "get",  "gets"};
    constexpr size_t kReach = 5;
    const std::vector<Fact>& items = side.facts->items();
    bool passive = false;
    for (size_t j = i; j > 0 && i - j < kReach; j--) {
        Bytes text = side.facts->text(items[j - 1]);
        passive = passive
                  || std::ranges::find(kPassive, text) != std::end(kPassive);
    }
    return passive && !side.facts->text(items[i]).ends_with("ing");
}

// "When is it paid?" is "When do I get it?".
bool seen_from_ends(const Alignment& alignment, size_t i, size_t j) {
    const Side& left = alignment.left();
    const Side& right = alignment.right();
    return (left.facts->items()[i].flags & right.facts->items()[j].flags
            & kConverse) != 0
           && is_passive(left, i) != is_passive(right, j);
}

bool opposite(const Alignment& alignment, const Lists& lists) {
    const Side& left = alignment.left();
    const Side& right = alignment.right();
    const std::vector<Fact>& a = left.facts->items();
    const std::vector<Fact>& b = right.facts->items();
    for (size_t i = 0; i < a.size(); i++) {
        if (left.other[i] != Alignment::kNone
            || a[i].kind != FactKind::kWord) {
            continue;
        }
        Bytes x = left.facts->text(a[i]);
        bool may = x.ends_with("ee") || x.ends_with("er")
                   || x.ends_with("or")
                   || (a[i].term != nullptr && a[i].term->aparts > 0);
        for (size_t j = 0; may && j < b.size(); j++) {
            if (right.other[j] == Alignment::kNone
                && (Alignment::exclude(a[i], b[j])
                    || ends_turned(x, right.facts->text(b[j]))
                    || ends_turned(right.facts->text(b[j]), x))
                && !both_said(alignment, i, j)
                && !seen_from_ends(alignment, i, j)
                && !denied(alignment, lists, i, j)) {
                return true;
            }
        }
    }
    return false;
}

// Where all else is equal, "only" makes another question.
bool focus_differs(const Alignment& alignment) {
    auto focus = [](const Fact& fact) { return (fact.flags & kFocus) != 0; };
    return on_either(alignment, focus)
           && !on_either(alignment, [&](const Fact& fact) {
                  return Alignment::content(fact) && !focus(fact);
              });
}

}  // namespace

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

bool opposite_differs(const Alignment& alignment, const Lists& lists) {
    return opposite(alignment, lists) || focus_differs(alignment)
           || equality_differs(alignment.left(), alignment.right())
           || equality_differs(alignment.right(), alignment.left())
           || opening_differs(alignment)
           || asking_differs(alignment.left(), alignment.right())
           || asking_differs(alignment.right(), alignment.left())
           || comparison_differs(alignment);
}

}  // namespace llm::semantic
