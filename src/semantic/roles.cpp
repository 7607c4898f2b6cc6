#include "src/semantic/roles.hpp"

#include <algorithm>
#include <iterator>
#include <span>

#include "src/semantic/persons.hpp"

namespace llm::semantic {
namespace {

using Side = Alignment::Side;

constexpr Bytes kAsking[] = {"who", "whom", "what", "which"};
constexpr Bytes kDo[] = {"do", "does", "did"};
constexpr Bytes kBe[] = {"is", "are", "was", "were", "be", "been", "being"};
constexpr Bytes kModal[] = {"can",  "could", "will",  "would",
                            "shall", "should", "must", "may",
                            "might", "have", "has", "had"};
constexpr Bytes kSelf[] = {"i", "we"};
constexpr Bytes kSelfObject[] = {"me", "us"};
constexpr Bytes kSelfOwn[] = {"my", "our"};

bool in(std::span<const Bytes> words, Bytes text) {
    return std::find(words.begin(), words.end(), text) != words.end();
}

// One side, word by word.
class Reading {
public:
    Reading(const Side& side, bool left) : side_(side), left_(left) {}

    size_t size() const { return side_.facts->items().size(); }
    Bytes text(size_t i) const {
        return side_.facts->text(side_.facts->items()[i]);
    }
    bool content(size_t i) const {
        return i < size() && Alignment::content(side_.facts->items()[i]);
    }
    // What both sides share has one id, other words have none.
    uint16_t id_of_any(size_t i) const {
        if (side_.other[i] == Alignment::kNone) {
            return Alignment::kNone;
        }
        return left_ ? static_cast<uint16_t>(i) : side_.other[i];
    }
    uint16_t id(size_t i) const {
        return content(i) ? id_of_any(i) : uint16_t{Alignment::kNone};
    }
    // The place of an id, size() when there is none.
    size_t place(uint16_t of) const {
        size_t i = 0;
        while (i < size() && (of == Alignment::kNone || id_of_any(i) != of)) {
            i++;
        }
        return i;
    }
    bool has(std::span<const Bytes> words) const {
        for (size_t i = 0; i < size(); i++) {
            if (in(words, text(i))) {
                return true;
            }
        }
        return false;
    }
    // The nearest word of content before i that both share, or kNone.
    uint16_t before(size_t i) const {
        while (i > 0 && id(i - 1) == Alignment::kNone) {
            i--;
        }
        return i > 0 ? id(i - 1) : Alignment::kNone;
    }
    // Whether `words`, alone or at the end of a phrase ("can i"), stand
    // right before word i.
    bool follows(size_t i, std::span<const Bytes> words) const {
        if (i == 0) {
            return false;
        }
        Bytes last = text(i - 1);
        size_t space = last.rfind(' ');
        return in(words, space == Bytes::npos ? last : last.substr(space + 1));
    }
    // As has(), within phrases too ("do i have to").
    bool says(std::span<const Bytes> words) const {
        for (size_t i = 0; i < size(); i++) {
            for (Bytes rest = text(i); !rest.empty();) {
                Bytes word = rest.substr(0, rest.find(' '));
                if (in(words, word)) {
                    return true;
                }
                rest.remove_prefix(std::min(word.size() + 1, rest.size()));
            }
        }
        return false;
    }
    // Whether the other side has all that this one says, but for persons.
    bool lacks_nothing() const {
        const std::vector<Fact>& items = side_.facts->items();
        return std::ranges::all_of(side_.lacked, [&](uint16_t i) {
            return items[i].term != nullptr
                   && (items[i].term->owner != 0 || items[i].term->actor != 0);
        });
    }
    bool is_caps(size_t i) const { return side_.facts->items()[i].caps; }
    bool is(size_t i, uint32_t flag) const {
        return (side_.facts->items()[i].flags & flag) != 0;
    }
    bool precedes(size_t i, std::span<const Bytes> words) const {
        return i + 1 < size() && in(words, text(i + 1));
    }

private:
    const Side& side_;
    bool left_;
};

enum class Asked : uint8_t { kOther, kSubject, kObject };

// Whether "who" or "what" does it (who hired A) or is whom it is done to
// (who did A hire).
Asked asked_of(const Reading& one) {
    constexpr size_t kReach = 3;
    for (size_t i = 0; i < one.size(); i++) {
        if (!in(kAsking, one.text(i))) {
            continue;
        }
        for (size_t j = i + 1; j < std::min(one.size(), i + 1 + kReach); j++) {
            if (in(kDo, one.text(j))) {
                return Asked::kObject;
            }
            if (in(kBe, one.text(j)) || in(kModal, one.text(j))) {
                return Asked::kOther;
            }
        }
        return Asked::kSubject;
    }
    return Asked::kOther;
}

// Two neighbours of the one that stand the other way round in the other.
bool neighbours_turned(const Reading& one, const Reading& two) {
    for (size_t i = 0; i < one.size(); i++) {
        uint16_t before = one.before(i);
        if (before == Alignment::kNone || one.id(i) == Alignment::kNone) {
            continue;
        }
        size_t first = two.place(before);
        size_t second = two.place(one.id(i));
        if (second < first && first < two.size()) {
            return true;
        }
    }
    return false;
}

// Whether word i stands behind a preposition: not what the verb is done to.
bool is_aside(const Reading& one, size_t i) {
    constexpr Bytes kBefore[] = {"with", "using", "by",   "through", "via",
                                 "at",   "on",    "in",   "for",     "from",
                                 "to",   "of",    "about"};
    return one.follows(i, kBefore) || (i > 1 && one.follows(i - 1, kBefore));
}

// "Can I see my A's B" (one) and "can A see my B" (two), "can I call" and
// "can A call me".
bool self_acts(const Reading& one, const Reading& two) {
    for (size_t i = 0; i < one.size(); i++) {
        size_t j = two.place(one.id_of_any(i));
        if (j >= two.size() || !one.follows(i, kSelf)
            || two.follows(j, kSelf)) {
            continue;
        }
        if (two.precedes(j, kSelfObject) && !one.has(kSelfObject)) {
            return true;
        }
        uint16_t actor = two.before(j);
        size_t there = one.place(actor);
        if ((two.precedes(j, kSelfOwn) || two.precedes(j, kSelfObject))
            && actor != Alignment::kNone && there > i && there < one.size()
            && !is_aside(one, there)) {
            return true;
        }
    }
    return false;
}

// "How do I store your A" (one) and "how do you store my A" (two).
bool owners_changed(const Reading& one, const Reading& two) {
    constexpr Bytes kYou[] = {"you"};
    constexpr Bytes kYours[] = {"your"};
    for (size_t i = 0; i < one.size(); i++) {
        size_t j = two.place(one.id_of_any(i));
        if (j < two.size() && one.follows(i, kSelf) && two.follows(j, kYou)) {
            return one.has(kYours) && !one.has(kSelfOwn)
                   && two.has(kSelfOwn) && !two.has(kYours);
        }
    }
    return false;
}

// A form of "be" at most two words before word i.
bool is_passive(const Reading& one, size_t i) {
    constexpr size_t kReach = 3;
    for (size_t j = i; j > 0 && i - j < kReach; j--) {
        if (in(kBe, one.text(j - 1))) {
            return true;
        }
    }
    return false;
}

// The place of the next word of content behind i, over articles alone.
size_t next_thing(const Reading& one, size_t i) {
    constexpr Bytes kArticles[] = {"the", "a", "an"};
    i++;
    while (i < one.size() && in(kArticles, one.text(i))) {
        i++;
    }
    return i;
}

// "Did A hire B" (one) and "was A hired by B" (two).
bool voice_turned(const Reading& one, const Reading& two) {
    constexpr Bytes kBy[] = {"by"};
    for (size_t i = 0; i < one.size(); i++) {
        size_t j = two.place(one.id(i));
        if (j >= two.size() || !two.precedes(j, kBy) || !is_passive(two, j)
            || is_passive(one, i)) {
            continue;
        }
        size_t done_to = next_thing(one, i);
        size_t done_by = next_thing(two, j + 1);
        if (done_to < one.size() && done_by < two.size()
            && one.id(done_to) != Alignment::kNone
            && one.id(done_to) == two.id(done_by)) {
            return true;
        }
    }
    return false;
}

// "How do I pay" (one) and "how do I get paid" (two); not of what one does to
// oneself: "register", "get registered".
bool done_to_self(const Reading& one, const Reading& two) {
    constexpr Bytes kPassive[] = {"get",  "gets", "got", "getting", "be",
                                  "been", "am",   "being"};
    constexpr Bytes kActing[] = {"i", "we", "to", "not", "t"};
    constexpr Bytes kOthers[] = {"s", "ing", "er", "est"};
    if (!one.says(kSelf) || !two.says(kSelf)) {
        return false;
    }
    for (size_t i = 0; i < two.size(); i++) {
        size_t j = one.place(two.id(i));
        if (j >= one.size() || !two.follows(i, kPassive)
            || !one.follows(j, kActing) || two.is(i, kReflexive)
            || two.content(i + 1)) {
            continue;
        }
        Bytes text = two.text(i);
        bool other = std::ranges::any_of(kOthers, [&](Bytes end) {
            return text.ends_with(end);
        });
        if (text.ends_with("ed") || (text != one.text(j) && !other)) {
            return true;
        }
    }
    return false;
}

// Who acts in the one is whom it is done to in the other, where nothing else
// that has content differs: "which A does she manage", "which A manage her".
// Not "show me ..." nor what "you" do for me.
bool pronouns_turned(const Reading& one, const Reading& two) {
    constexpr Bytes kThey[] = {"he", "she", "they"};
    constexpr Bytes kThem[] = {"him", "her", "them"};
    constexpr Bytes kYou[] = {"you"};
    constexpr Bytes kInfinitive[] = {"to"};  // "for me to do"
    constexpr Bytes kTo[] = {"tell", "show",  "give",   "let",    "help",
                             "teach", "allow", "remind", "enable", "advise",
                             "take", "takes", "cost",   "costs",  "to",
                             "in",   "of",    "by",     "describe",
                             "explain"};
    auto turned = [&](std::span<const Bytes> acts,
                      std::span<const Bytes> object) {
        if (!one.says(acts) || one.has(object) || two.says(acts)
            || two.says(kYou)) {
            return false;
        }
        for (size_t i = 1; i < two.size(); i++) {
            if (in(object, two.text(i)) && !two.is_caps(i)
                && !two.follows(i, kTo) && !two.precedes(i, kInfinitive)
                && !two.content(i + 1)) {
                return true;
            }
        }
        return false;
    };
    return one.lacks_nothing() && two.lacks_nothing()
           && (turned(kSelf, kSelfObject) || turned(kThey, kThem));
}

// "Whose A did I see" (one) and "who saw my A" (two).
bool asked_acts(const Reading& one, const Reading& two) {
    constexpr Bytes kWho[] = {"who"};
    for (size_t i = 0; i < two.size(); i++) {
        size_t j = one.place(two.id(i));
        if (j < one.size() && two.follows(i, kWho) && one.follows(j, kSelf)) {
            return true;
        }
    }
    return false;
}

// "¿Puedo leer las notas de mi A?" (one) and "¿Puede mi A leer mis notas?"
// (two): what the verb of two's opening says to act stands behind it in one,
// where the asking one acts.
bool actor_turned(const Side& one, const Side& two, const Lists& lists) {
    constexpr unsigned kFirst = 1U << 1;
    constexpr unsigned kThird = 1U << 3;
    constexpr size_t kOpening = 3;
    const std::vector<Fact>& a = one.facts->items();
    const std::vector<Fact>& b = two.facts->items();
    unsigned acts = 0;
    for (size_t i = 0; i < std::min(kOpening, a.size()); i++) {
        acts |= actors_of(*one.facts, a[i], lists);
    }
    for (size_t j = 0; (acts & kFirst) != 0 && j + 2 < b.size(); j++) {
        unsigned who = actors_of(*two.facts, b[j], lists);
        if ((who & kFirst) != 0 || j == kOpening) {
            return false;
        }
        if ((who & kThird) == 0) {
            continue;
        }
        auto begin = b.begin() + static_cast<std::ptrdiff_t>(j + 1);
        auto actor = std::find_if(begin, b.end(), [&](const Fact& fact) {
            bool whose = fact.term != nullptr && fact.term->owner != 0;
            return !whose && (fact.flags & kDeterminer) == 0
                   && two.facts->text(fact) != "ли";
        });
        auto verb = actor == b.end()
                        ? b.end()
                        : std::find_if(actor + 1, b.end(), Alignment::content);
        if (verb == b.end() || !Alignment::content(*actor)) {
            return false;
        }
        uint16_t x = two.other[static_cast<size_t>(actor - b.begin())];
        uint16_t v = two.other[static_cast<size_t>(verb - b.begin())];
        return x != Alignment::kNone && v != Alignment::kNone && v < x;
    }
    return false;
}

bool differ(const Reading& one, const Reading& two) {
    bool asked = asked_of(one) == Asked::kSubject
                 && asked_of(two) == Asked::kObject
                 && neighbours_turned(one, two);
    return asked || self_acts(one, two) || owners_changed(one, two)
           || voice_turned(one, two) || done_to_self(one, two)
           || pronouns_turned(one, two) || asked_acts(one, two);
}

}  // namespace

bool roles_differ(const Alignment& alignment, const Lists& lists) {
    constexpr size_t kMost = 64;  // words: longer texts tell more than once
    const Facts& left = *alignment.left().facts;
    const Facts& right = *alignment.right().facts;
    if (left.language() != right.language()
        || std::max(left.items().size(), right.items().size()) > kMost) {
        return false;
    }
    if (left.language() != Language::kEnglish) {
        return actor_turned(alignment.left(), alignment.right(), lists)
               || actor_turned(alignment.right(), alignment.left(), lists);
    }
    Reading a(alignment.left(), true);
    Reading b(alignment.right(), false);
    return differ(a, b) || differ(b, a);
}

}  // namespace llm::semantic
