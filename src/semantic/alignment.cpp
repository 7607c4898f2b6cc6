#include "src/semantic/alignment.hpp"

#include <algorithm>
#include <string>

#include "src/semantic/unicode.hpp"

namespace llm::semantic {
namespace {

// Bytes of a word that may have another form; one with a slip has more letters.
constexpr size_t kShortest = 4;
// Words left over that are compared with each other, so that time is bounded.
constexpr size_t kMostLeftOver = 64;

struct Keyed {
    uint64_t key;
    uint16_t at;

    bool operator<(const Keyed& other) const {
        return key != other.key ? key < other.key : at < other.at;
    }
};

std::vector<Keyed> sorted_keys(const std::vector<Fact>& facts) {
    std::vector<Keyed> keys;
    keys.reserve(facts.size());
    for (size_t i = 0; i < facts.size(); i++) {
        keys.push_back({facts[i].key, static_cast<uint16_t>(i)});
    }
    std::sort(keys.begin(), keys.end());
    return keys;
}

size_t run_of(const std::vector<Keyed>& keys, size_t from) {
    size_t end = from;
    while (end < keys.size() && keys[end].key == keys[from].key) {
        end++;
    }
    return end - from;
}

// The letters of a word, of a long one not all.
struct Letters {
    static constexpr size_t kMax = 32;

    explicit Letters(Bytes word) {
        const char* p = word.data();
        const char* end = p + word.size();
        while (p < end && size <= kMax) {
            at[size++] = next_code_point(p, end);
        }
    }

    size_t size = 0;
    uint32_t at[kMax + 1];
};

// One letter too many, too few, another or two that changed places; of long
// words two such slips.
bool slip(const Letters& a, const Letters& b, size_t allowed) {
    constexpr size_t kMax = Letters::kMax;
    if (a.size > kMax || b.size > kMax || a.at[0] != b.at[0]) {
        return false;
    }
    uint8_t rows[3][kMax + 1];
    for (size_t j = 0; j <= b.size; j++) {
        rows[0][j] = static_cast<uint8_t>(j);
    }
    for (size_t i = 1; i <= a.size; i++) {
        uint8_t* row = rows[i % 3];
        const uint8_t* above = rows[(i + 2) % 3];
        const uint8_t* before = rows[(i + 1) % 3];
        row[0] = static_cast<uint8_t>(i);
        for (size_t j = 1; j <= b.size; j++) {
            int same = a.at[i - 1] == b.at[j - 1] ? 0 : 1;
            int best = std::min({above[j] + 1, row[j - 1] + 1,
                                 above[j - 1] + same});
            if (i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2]
                && a.at[i - 2] == b.at[j - 1]) {
                best = std::min(best, before[j - 2] + 1);
            }
            row[j] = static_cast<uint8_t>(best);
        }
    }
    return rows[a.size % 3][b.size] <= allowed;
}

// Endings that make another part of speech of a word, not another thing.
bool is_ending(Bytes end) {
    constexpr Bytes kEndings[] = {
        "",      "e",     "ion",  "ation",   "tion",  "ment",  "al",
        "ance",  "ence",  "ing",  "ness",    "ive",   "y",     "i",
        "ed",    "s",     "es",   "ication", "ly",    "ally",  "t",
        "d",     "sion",  "ption", "ibe",    "rib",   "fi",    "fication",
        "icat",  "at",    "ate",  "fy",      "able",  "abl",   "en",
        "n",     "ative", "ativ", "iv"};
    return std::find(std::begin(kEndings), std::end(kEndings), end)
           != std::end(kEndings);
}

// An interviewee is whom an interviewer asks.
bool done_to(Bytes a, Bytes b) {
    return a.ends_with("ee") && (b.ends_with("er") || b.ends_with("or"));
}

bool derived(Bytes a, Bytes b) {
    size_t common = 0;
    size_t shorter = std::min(a.size(), b.size());
    while (common < shorter && a[common] == b[common]) {
        common++;
    }
    return common >= kShortest && !done_to(a, b) && !done_to(b, a)
           && is_ending(a.substr(common)) && is_ending(b.substr(common));
}

bool apart(const Fact& a, const Fact& b) {
    if (a.term == nullptr || b.term == nullptr) {
        return false;
    }
    for (size_t i = 0; i < a.term->aparts; i++) {
        for (size_t j = 0; j < b.term->aparts; j++) {
            if (a.term->apart[i].set == b.term->apart[j].set
                && a.term->apart[i].member != b.term->apart[j].member) {
                return true;
            }
        }
    }
    return false;
}

bool has_senses(const Fact& fact) {
    return fact.term != nullptr && !fact.term->like.empty() && !fact.capital
           && (fact.flags & kNegation) == 0;
}

bool share_sense(const Fact& a, const Fact& b) {
    const std::vector<uint16_t>& x = a.term->like;
    const std::vector<uint16_t>& y = b.term->like;
    size_t i = 0;
    size_t j = 0;
    while (i < x.size() && j < y.size() && x[i] != y[j]) {
        (x[i] < y[j] ? i : j)++;
    }
    return i < x.size() && j < y.size() && !apart(a, b);
}

struct LeftOver {
    const uint16_t* begin() const { return at; }
    const uint16_t* end() const { return at + size; }

    size_t size = 0;
    uint16_t at[kMostLeftOver];
};

// Words that have no equal, those for which `is` holds.
template <typename Is>
LeftOver left_over(const Alignment::Side& side, Is&& is) {
    const std::vector<Fact>& items = side.facts->items();
    LeftOver found;
    for (size_t i = 0; i < items.size() && found.size < kMostLeftOver; i++) {
        if (side.other[i] == Alignment::kNone && is(items[i])) {
            found.at[found.size++] = static_cast<uint16_t>(i);
        }
    }
    return found;
}

}  // namespace

Alignment::Alignment(const Facts& left, const Facts& right,
                     const WordCounts* counts) {
    const Facts* facts[] = {&left, &right};
    for (size_t i = 0; i < 2; i++) {
        sides_[i].facts = facts[i];
        sides_[i].other.assign(facts[i]->items().size(), kNone);
    }
    match_keys();
    match_compounds(sides_[0], sides_[1]);
    match_compounds(sides_[1], sides_[0]);
    match_initials(sides_[0], sides_[1]);
    match_initials(sides_[1], sides_[0]);
    match_spellings();
    match_senses();
    sum(sides_[0], counts);
    sum(sides_[1], counts);
}

bool Alignment::exclude(const Fact& a, const Fact& b) {
    return apart(a, b);
}

void Alignment::join(size_t left, size_t right) {
    sides_[0].other[left] = static_cast<uint16_t>(right);
    sides_[1].other[right] = static_cast<uint16_t>(left);
}

// The i-th of one side with the i-th of the other; what is said more often
// on one side finds the last of the other.
void Alignment::match_keys() {
    std::vector<Keyed> a = sorted_keys(sides_[0].facts->items());
    std::vector<Keyed> b = sorted_keys(sides_[1].facts->items());
    size_t i = 0;
    size_t j = 0;
    while (i < a.size() && j < b.size()) {
        if (a[i].key != b[j].key) {
            (a[i].key < b[j].key ? i : j)++;
            continue;
        }
        size_t in_a = run_of(a, i);
        size_t in_b = run_of(b, j);
        for (size_t k = 0; k < std::min(in_a, in_b); k++) {
            join(a[i + k].at, b[j + k].at);
        }
        for (size_t k = in_b; k < in_a; k++) {
            sides_[0].other[a[i + k].at] = b[j + in_b - 1].at;
        }
        for (size_t k = in_a; k < in_b; k++) {
            sides_[1].other[b[j + k].at] = a[i + in_a - 1].at;
        }
        i += in_a;
        j += in_b;
    }
}

// "web site" and "website".
void Alignment::match_compounds(Side& one, Side& two) {
    const std::vector<Fact>& parts = two.facts->items();
    LeftOver whole = left_over(one, [](const Fact& fact) {
        return fact.size >= kShortest;
    });
    LeftOver begins = left_over(two, [](const Fact&) { return true; });
    for (size_t i : whole) {
        Bytes text = one.facts->text(one.facts->items()[i]);
        for (size_t j : begins) {
            Bytes first = two.facts->text(parts[j]);
            if (two.other[j] != kNone || j + 1 == parts.size()
                || two.other[j + 1] != kNone || !text.starts_with(first)) {
                continue;
            }
            if (text.substr(first.size()) == two.facts->text(parts[j + 1])) {
                one.other[i] = static_cast<uint16_t>(j);
                two.other[j] = two.other[j + 1] = static_cast<uint16_t>(i);
                break;
            }
        }
    }
}

// "AI" and "artificial intelligence".
void Alignment::match_initials(Side& one, Side& two) {
    constexpr size_t kLongest = 5;
    const std::vector<Fact>& parts = two.facts->items();
    LeftOver whole = left_over(one, [](const Fact& fact) {
        return fact.size >= 2 && fact.size <= kLongest
               && fact.kind == FactKind::kWord;
    });
    LeftOver begins = left_over(two, [](const Fact&) { return true; });
    for (size_t i : whole) {
        Bytes text = one.facts->text(one.facts->items()[i]);
        for (size_t j : begins) {
            bool equal = j + text.size() <= parts.size();
            for (size_t k = 0; equal && k < text.size(); k++) {
                Bytes word = two.facts->text(parts[j + k]);
                equal = two.other[j + k] == kNone && word.size() > 1
                        && word[0] == text[k];
            }
            if (equal) {
                one.other[i] = static_cast<uint16_t>(j);
                for (size_t k = 0; k < text.size(); k++) {
                    two.other[j + k] = static_cast<uint16_t>(i);
                }
                break;
            }
        }
    }
}

bool Alignment::same_word(const Fact& a, const Fact& b) const {
    Bytes x = sides_[0].facts->text(a);
    Bytes y = sides_[1].facts->text(b);
    if (a.kind != FactKind::kWord || b.kind != FactKind::kWord
        || std::min(x.size(), y.size()) < kShortest || apart(a, b)) {
        return false;
    }
    if (a.known && b.known && !a.capital && !b.capital) {
        return derived(x, y);
    }
    if (a.known == b.known || done_to(x, y) || done_to(y, x)) {
        return false;
    }
    Letters one(x);
    Letters two(y);
    size_t shorter = std::min(one.size, two.size);
    return shorter > kShortest && slip(one, two, shorter < 9 ? 1 : 2);
}

void Alignment::match_spellings() {
    const std::vector<Fact>& a = sides_[0].facts->items();
    const std::vector<Fact>& b = sides_[1].facts->items();
    LeftOver others = left_over(sides_[1], content);
    for (size_t i : left_over(sides_[0], content)) {
        for (size_t j : others) {
            if (sides_[1].other[j] == kNone && same_word(a[i], b[j])) {
                join(i, j);
                break;
            }
        }
    }
}

// A word of content finds its like even among light words: "obtain", "get".
void Alignment::match_senses() {
    const std::vector<Fact>& a = sides_[0].facts->items();
    const std::vector<Fact>& b = sides_[1].facts->items();
    LeftOver others = left_over(sides_[1], has_senses);
    for (size_t i : left_over(sides_[0], has_senses)) {
        for (size_t j : others) {
            if (sides_[1].other[j] == kNone
                && (content(a[i]) || content(b[j]))
                && share_sense(a[i], b[j])) {
                join(i, j);
                break;
            }
        }
    }
}

void Alignment::sum(Side& side, const WordCounts* counts) {
    const std::vector<Fact>& items = side.facts->items();
    for (size_t i = 0; i < items.size(); i++) {
        if (!content(items[i])) {
            continue;
        }
        side.words++;
        side.rarity += items[i].idf;
        if (side.other[i] == kNone) {
            side.missing += items[i].idf;
            side.lacked.push_back(static_cast<uint16_t>(i));
        } else {
            side.shared += counts == nullptr || items[i].known
                               ? items[i].idf
                               : counts->weight(items[i].key, items[i].idf);
        }
    }
}

}  // namespace llm::semantic
