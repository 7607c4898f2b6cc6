#include "src/semantic/order.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "src/semantic/roles.hpp"

namespace llm::semantic {
namespace {

using Side = Alignment::Side;

constexpr size_t kReach = 2;  // words of content on each side of a marker

// The words around a marker, as ids that both sides share.
struct Roles {
    uint64_t marker;
    std::vector<uint16_t> before;
    std::vector<uint16_t> after;
};

bool has(const std::vector<uint16_t>& list, uint16_t id) {
    return std::find(list.begin(), list.end(), id) != list.end();
}

// Ids of a side's facts: places of the left side's.
uint16_t id_of(const Side& side, bool left, size_t i) {
    if (side.other[i] == Alignment::kNone) {
        return Alignment::kNone;
    }
    return left ? static_cast<uint16_t>(i) : side.other[i];
}

bool is_marker(const Fact& fact) {
    return (fact.flags & kMarker) != 0;
}

// Markers of one direction are one: "de pe", "din". Not in English, where "to"
// and "for" are two things beside one verb.
uint64_t direction_of(const Fact& marker, Language language) {
    bool directed = language != Language::kEnglish && marker.term != nullptr
                    && marker.term->opening.set != 0;
    return directed ? uint64_t{marker.term->opening.set} << 16
                          | marker.term->opening.member
                    : marker.key;
}

std::vector<Roles> roles_of(const Side& side, bool left) {
    constexpr size_t kMostMarkers = 16;
    const std::vector<Fact>& items = side.facts->items();
    std::vector<Roles> all;
    for (size_t i = 0; i < items.size() && all.size() < kMostMarkers; i++) {
        if (!is_marker(items[i])) {
            continue;
        }
        Roles roles{direction_of(items[i], side.facts->language()), {}, {}};
        for (size_t j = i; j > 0 && roles.before.size() < kReach; j--) {
            if (is_marker(items[j - 1])) {
                break;
            }
            uint16_t id = id_of(side, left, j - 1);
            if (Alignment::content(items[j - 1]) && id != Alignment::kNone) {
                roles.before.push_back(id);
            }
        }
        for (size_t j = i + 1;
             j < items.size() && roles.after.size() < kReach; j++) {
            if (is_marker(items[j])) {
                break;
            }
            uint16_t id = id_of(side, left, j);
            if (Alignment::content(items[j]) && id != Alignment::kNone) {
                roles.after.push_back(id);
            }
        }
        all.push_back(std::move(roles));
    }
    return all;
}

// A word that is before the marker here and after it there.
bool crosses(const std::vector<uint16_t>& here,
             const std::vector<uint16_t>& not_here,
             const std::vector<uint16_t>& there,
             const std::vector<uint16_t>& not_there) {
    return std::any_of(here.begin(), here.end(), [&](uint16_t id) {
        return has(there, id) && !has(not_here, id) && !has(not_there, id);
    });
}

bool sides_swapped(const std::vector<Roles>& a, const std::vector<Roles>& b) {
    for (const Roles& one : a) {
        for (const Roles& two : b) {
            if (one.marker == two.marker
                && crosses(one.before, one.after, two.after, two.before)
                && crosses(one.after, one.before, two.before, two.after)) {
                return true;
            }
        }
    }
    return false;
}

const Roles* with_marker(const std::vector<Roles>& all, uint64_t marker) {
    auto at = std::find_if(all.begin(), all.end(), [&](const Roles& roles) {
        return roles.marker == marker;
    });
    return at == all.end() ? nullptr : &*at;
}

// "from A to B" and "to A from B".
bool arguments_swapped(const std::vector<Roles>& a,
                       const std::vector<Roles>& b) {
    for (size_t i = 0; i < a.size(); i++) {
        for (size_t j = i + 1; j < a.size(); j++) {
            const Roles* x = with_marker(b, a[i].marker);
            const Roles* y = with_marker(b, a[j].marker);
            if (x != nullptr && y != nullptr && x != y
                && crosses(a[i].after, a[j].after, y->after, x->after)
                && crosses(a[j].after, a[i].after, x->after, y->after)) {
                return true;
            }
        }
    }
    return false;
}

// The keys beside a fact; 0 behind an end.
struct Slot {
    uint64_t before;
    uint64_t after;
    bool operator==(const Slot&) const = default;
};

Slot slot_of(const Side& side, size_t i) {
    const std::vector<Fact>& items = side.facts->items();
    return {i == 0 ? 0 : items[i - 1].key,
            i + 1 == items.size() ? 0 : items[i + 1].key};
}

// Whether fact i is a marker that the other side lacks.
bool marker_left_over(const Side& side, size_t i) {
    const Fact& fact = side.facts->items()[i];
    return is_marker(fact) && fact.term != nullptr
           && fact.term->opening.set != 0
           && side.other[i] == Alignment::kNone;
}

// "Ship to Norway" and "ship from Norway".
bool marker_exchanged(const Alignment& alignment) {
    const Side& left = alignment.left();
    const Side& right = alignment.right();
    const std::vector<Fact>& a = left.facts->items();
    const std::vector<Fact>& b = right.facts->items();
    for (size_t i = 0; i < a.size(); i++) {
        if (!marker_left_over(left, i)) {
            continue;
        }
        for (size_t j = 0; j < b.size(); j++) {
            if (marker_left_over(right, j)
                && slot_of(left, i) == slot_of(right, j)
                && a[i].term->opening.set == b[j].term->opening.set
                && a[i].term->opening.member != b[j].term->opening.member) {
                return true;
            }
        }
    }
    return false;
}

// Ids of matched content in the order of a side's text.
std::vector<uint16_t> sequence(const Side& side, bool left) {
    std::vector<uint16_t> ids;
    std::array<bool, Facts::kMaxFacts + 1> seen{};
    const std::vector<Fact>& items = side.facts->items();
    for (size_t i = 0; i < items.size(); i++) {
        uint16_t id = id_of(side, left, i);
        if (Alignment::content(items[i]) && id != Alignment::kNone
            && !seen[id]) {
            seen[id] = true;
            ids.push_back(id);
        }
    }
    return ids;
}

// Three neighbours that stand the other way round: who does what to whom. Not
// where what stands between is said twice: "red wine and white wine".
bool triple_turned(const std::vector<Fact>& items,
                   const std::vector<uint16_t>& a,
                   const std::vector<uint16_t>& b) {
    for (size_t i = 0; i + 2 < a.size(); i++) {
        if (std::ranges::count(items, items[a[i + 1]].key, &Fact::key) > 1) {
            continue;
        }
        for (size_t j = 0; j + 2 < b.size(); j++) {
            if (a[i] == b[j + 2] && a[i + 1] == b[j + 1]
                && a[i + 2] == b[j]) {
                return true;
            }
        }
    }
    return false;
}

// The facts of a side as places of the left one, without articles if so
// wanted. `from`: where each stands.
struct Whole {
    std::vector<uint16_t> ids;
    std::vector<uint16_t> from;
};

Whole whole_of(const Side& side, bool left, bool articles) {
    Whole whole;
    for (size_t i = 0; i < side.other.size(); i++) {
        const Fact& fact = side.facts->items()[i];
        bool article = (fact.flags & kDeterminer) != 0
                       && fact.term->owner == 0;
        if (article && !articles) {
            continue;
        }
        whole.ids.push_back(id_of(side, left, i));
        whole.from.push_back(static_cast<uint16_t>(i));
    }
    return whole;
}

// Whether every word, light ones too, has its equal: a mere permutation.
bool permuted(const Whole& a, const Whole& b) {
    return a.ids.size() == b.ids.size() && !has(a.ids, Alignment::kNone)
           && !has(b.ids, Alignment::kNone);
}

// What is said twice becomes the first of them: "my" dog and "my" bed.
void join_repeated(const std::vector<Fact>& items, Whole& whole) {
    for (uint16_t& id : whole.ids) {
        auto first = std::ranges::find(items, items[id].key, &Fact::key);
        id = static_cast<uint16_t>(first - items.begin());
    }
}

// Whether what stands between two phrases, facts [from, to), lets them change
// places without a change of meaning: "and", "and the"; "gas and" where the
// second phrase is followed by "gas" too, at `behind`.
bool joins(const std::vector<Fact>& items, size_t from, size_t to,
           size_t behind) {
    bool joint = false;
    for (size_t i = from; i < to; i++) {
        joint = joint || (items[i].flags & kJoint) != 0;
        bool again = !joint && behind < items.size()
                     && items[i].key == items[behind].key;
        behind += again ? 1 : 0;
        if (!again
            && (Alignment::content(items[i]) || is_marker(items[i]))) {
            return false;
        }
    }
    return joint;
}

// Whether `b` is `a`, but for two phrases that have changed places round what
// stands between them: who does what to whom, euros in lei, 3/4 and 4/3. A
// phrase that has but moved ("on Sunday ...", "... on Sunday") is none.
bool exchanged(const std::vector<Fact>& items, const Whole& left,
               const Whole& right) {
    constexpr size_t kLongest = 3;
    std::span<const uint16_t> a = left.ids;
    std::span<const uint16_t> b = right.ids;
    size_t from = 0;
    while (from < a.size() && a[from] == b[from]) {
        from++;
    }
    size_t to = a.size();
    while (to > from && a[to - 1] == b[to - 1]) {
        to--;
    }
    size_t size = to - from;
    a = a.subspan(from, size);
    b = b.subspan(from, size);
    for (size_t x = 1; x <= std::min(kLongest, size); x++) {
        for (size_t y = 1; y <= std::min(kLongest, size - x); y++) {
            if (!std::ranges::equal(a.first(x), b.last(x))
                || !std::ranges::equal(a.last(y), b.first(y))
                || !std::ranges::equal(a.subspan(x, size - x - y),
                                       b.subspan(y, size - x - y))) {
                continue;
            }
            size_t first = left.from[from];
            size_t last = left.from[to - 1];
            bool numbers = x == 1 && y == 1
                           && items[first].kind == FactKind::kNumber
                           && items[last].kind == FactKind::kNumber;
            bool around = size > x + y
                          && !joins(items, left.from[from + x],
                                    left.from[to - y], last + 1);
            return around || (numbers && size == 2);
        }
    }
    return false;
}

// Whether facts i and i + 1 are two names or two units, not of a list that
// "and" or "or" ends.
bool is_pair(const Side& side, size_t i) {
    constexpr size_t kReach = 4;
    const std::vector<Fact>& items = side.facts->items();
    const Fact& a = items[i];
    const Fact& b = items[i + 1];
    bool names = a.capital && b.capital && Alignment::content(a)
                 && Alignment::content(b);
    bool units = a.dimension != 0 && a.dimension == b.dimension;
    size_t end = std::min(items.size(), i + kReach);
    return (names || units)
           && std::none_of(items.begin() + static_cast<std::ptrdiff_t>(i),
                           items.begin() + static_cast<std::ptrdiff_t>(end),
                           [](const Fact& fact) {
                               return (fact.flags & kJoint) != 0;
                           });
}

// "The Paris London train" and "the London Paris train", "EUR/USD" and
// "USD/EUR": side by side, what stands first is where it begins.
bool pair_turned(const Alignment& alignment) {
    const Side& left = alignment.left();
    const Side& right = alignment.right();
    for (size_t i = 0; i + 1 < left.other.size(); i++) {
        uint16_t b = left.other[i + 1];
        if (b != Alignment::kNone && left.other[i] == b + 1
            && right.other[b] == i + 1 && right.other[b + 1u] == i
            && is_pair(left, i) && is_pair(right, b)) {
            return true;
        }
    }
    return false;
}

// The first word of content behind fact i, or before it.
size_t content_from(const Side& side, size_t i, bool back) {
    const std::vector<Fact>& items = side.facts->items();
    do {
        i += back ? size_t(-1) : size_t{1};
    } while (i < items.size() && !Alignment::content(items[i]));
    return i < items.size() ? i : size_t{Alignment::kNone};
}

// Whether what leads the clause behind a word of both texts, i and j, has
// changed places with what stands before that word, or, where that word opens
// both, with what they end in.
bool clause_turned_at(const Side& left, const Side& right, size_t i,
                      size_t j) {
    size_t a = content_from(left, i, false);
    size_t b = content_from(right, j, false);
    if (a == Alignment::kNone || b == Alignment::kNone || left.other[a] == b) {
        return false;
    }
    size_t from = right.other[b];
    size_t to = left.other[a];
    if (from < i && to < j) {
        return true;
    }
    size_t last = content_from(left, left.other.size(), true);
    return i == 0 && j == 0 && from > a && to > b
           && left.other[last]
                  != content_from(right, right.other.size(), true);
}

// "If it rains, is it cancelled?" and "If it is cancelled, does it rain?",
// "sign up, then pay" and "pay, then sign up", where all else is equal.
bool clause_turned(const Alignment& alignment) {
    const Side& left = alignment.left();
    const Side& right = alignment.right();
    if (!left.lacked.empty() || !right.lacked.empty()) {
        return false;
    }
    const std::vector<Fact>& items = left.facts->items();
    for (size_t i = 0; i < items.size(); i++) {
        bool leads = left.other[i] != Alignment::kNone
                     && (items[i].flags & kClause) != 0;
        if (leads && clause_turned_at(left, right, i, left.other[i])) {
            return true;
        }
    }
    return false;
}

// Whether the same words stand in an order that makes another question.
bool places_changed(const Alignment& alignment) {
    constexpr size_t kMost = 256;  // words: longer texts tell more than once
    const Side& left = alignment.left();
    const Side& right = alignment.right();
    const std::vector<Fact>& items = left.facts->items();
    if (std::max(left.other.size(), right.other.size()) > kMost) {
        return false;
    }
    for (bool articles : {true, false}) {
        Whole a = whole_of(left, true, articles);
        Whole b = whole_of(right, false, articles);
        if (!permuted(a, b)) {
            continue;
        }
        join_repeated(items, a);
        join_repeated(items, b);
        if (exchanged(items, a, b)
            || (articles && triple_turned(items, sequence(left, true),
                                          sequence(right, false)))) {
            return true;
        }
    }
    return false;
}

}  // namespace

bool order_differs(const Alignment& alignment, const Lists& lists) {
    constexpr double kMostMissing = 0.25;
    constexpr double kMostMissingOfLong = 0.1;
    constexpr double kLong = 2500;  // rarity that a long text shares
    const Side& left = alignment.left();
    const Side& right = alignment.right();
    if (left.facts->rest() != right.facts->rest()) {
        return true;
    }
    double most =
        alignment.shared() < kLong ? kMostMissing : kMostMissingOfLong;
    if (left.missing > most * left.rarity
        || right.missing > most * right.rarity) {
        return false;
    }
    std::vector<Roles> a = roles_of(left, true);
    std::vector<Roles> b = roles_of(right, false);
    if (sides_swapped(a, b) || arguments_swapped(a, b)
        || marker_exchanged(alignment) || roles_differ(alignment, lists)
        || clause_turned(alignment) || pair_turned(alignment)) {
        return true;
    }
    return places_changed(alignment);
}

uint16_t slot_rarity(const Alignment& alignment) {
    const Side& left = alignment.left();
    const Side& right = alignment.right();
    const std::vector<Fact>& a = left.facts->items();
    const std::vector<Fact>& b = right.facts->items();
    std::vector<Slot> slots;
    slots.reserve(right.lacked.size());
    for (uint16_t j : right.lacked) {
        slots.push_back(slot_of(right, j));
    }
    uint16_t most = 0;
    for (uint16_t i : left.lacked) {
        Slot slot = slot_of(left, i);
        for (size_t k = 0; k < slots.size(); k++) {
            if (slots[k] == slot) {
                most = std::max(most,
                                std::min(a[i].idf, b[right.lacked[k]].idf));
            }
        }
    }
    return most;
}

double moved_share(const Alignment& alignment) {
    std::vector<uint16_t> b = sequence(alignment.right(), false);
    size_t moved = 0;
    for (size_t i = 0; i + 1 < b.size(); i++) {
        moved += b[i] > b[i + 1] ? 1 : 0;
    }
    return b.size() < 2 ? 0
                        : static_cast<double>(moved)
                              / static_cast<double>(b.size() - 1);
}

}  // namespace llm::semantic
