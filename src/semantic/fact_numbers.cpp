// Numbers of FactReader: digits, words, places in a row (third, 3rd, II), and
// the units that stand beside them.
#include <algorithm>
#include <utility>

#include "src/base/hash.hpp"
#include "src/semantic/fact_reader.hpp"
#include "src/semantic/fold.hpp"

namespace llm::semantic {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// "1,000" and "1000" are one number, "3,5" and "3.5", "07" and "7",
// "2.50" and "2.5".
std::string plain_number(Bytes raw) {
    std::string out;
    for (size_t i = 0; i < raw.size(); i++) {
        if (raw[i] != ',') {
            out += raw[i];
            continue;
        }
        size_t digits = 0;
        while (i + 1 + digits < raw.size() && is_digit(raw[i + 1 + digits])) {
            digits++;
        }
        if (digits != 3) {
            out += '.';
        }
    }
    size_t zeros = 0;
    while (zeros + 1 < out.size() && out[zeros] == '0'
           && is_digit(out[zeros + 1])) {
        zeros++;
    }
    out.erase(0, zeros);
    if (std::count(out.begin(), out.end(), '.') == 1
        && out.find(':') == std::string::npos) {
        while (out.back() == '0') {
            out.pop_back();
        }
        if (out.back() == '.') {
            out.pop_back();
        }
    }
    return out;
}

struct Sign {
    uint32_t code;
    Bytes word;
};

// What a sign beside a number stands for, in words of the English list.
constexpr Sign kSigns[] = {
    {'$', "usd"},      {'%', "percent"},   {0x20ac, "euro"},
    {0xa3, "gbp"},     {0xa5, "yen"},      {0x20bd, "rouble"},
    {0x20b9, "rupee"}, {0x20bf, "bitcoin"},
};

// How many digits "3rd", "16th", "2º" begin with; 0: it is no place in a row.
size_t place_digits(Bytes folded) {
    constexpr Bytes kEnds[] = {"st", "nd", "rd", "th", "\u00ba", "\u00aa"};
    size_t digits = 0;
    while (digits < folded.size() && is_digit(folded[digits])) {
        digits++;
    }
    Bytes end = folded.substr(digits);
    return std::find(std::begin(kEnds), std::end(kEnds), end)
                   != std::end(kEnds)
               ? digits
               : 0;
}

struct BoundWord {
    Bytes text;
    Bound bound;
};

// English, Spanish, Russian, Romanian; folded.
constexpr BoundWord kBoundWords[] = {
    {"over", Bound::kOver},       {"above", Bound::kOver},
    {"exceeding", Bound::kOver},  {"beyond", Bound::kOver},
    {"under", Bound::kUnder},     {"below", Bound::kUnder},
    {"least", Bound::kLeast},     {"minimum", Bound::kLeast},
    {"up to", Bound::kMost},      {"most", Bound::kMost},
    {"maximum", Bound::kMost},    {"before", Bound::kBefore},
    {"until", Bound::kBefore},    {"till", Bound::kBefore},
    {"after", Bound::kAfter},     {"since", Bound::kAfter},
    {"mas", Bound::kOver},        {"menos", Bound::kUnder},
    {"minimo", Bound::kLeast},    {"maximo", Bound::kMost},
    {"hasta", Bound::kMost},      {"antes", Bound::kBefore},
    {"desde", Bound::kAfter},     {"despues", Bound::kAfter},
    {"partir", Bound::kAfter},    {"tras", Bound::kAfter},
    {"свыше", Bound::kOver},      {"более", Bound::kOver},
    {"больше", Bound::kOver},     {"менее", Bound::kUnder},
    {"меньше", Bound::kUnder},    {"до", Bound::kMost},
    {"от", Bound::kAfter},        {"с", Bound::kAfter},
    {"после", Bound::kAfter},     {"peste", Bound::kOver},
    {"sub", Bound::kUnder},       {"minim", Bound::kLeast},
    {"putin", Bound::kLeast},     {"maxim", Bound::kMost},
    {"mult", Bound::kMost},       {"pana", Bound::kMost},
    {"inainte", Bound::kBefore},  {"dupa", Bound::kAfter},
};

template <size_t N>
bool is_one_of(const Bytes (&words)[N], Bytes text) {
    return std::find(std::begin(words), std::end(words), text)
           != std::end(words);
}

// II to XXXIX; 0: not one. A single letter is none.
int roman(Bytes folded) {
    int value = 0;
    int before = 0;
    if (folded.size() < 2 || folded.size() > 7) {
        return 0;
    }
    for (size_t i = folded.size(); i > 0; i--) {
        char c = folded[i - 1];
        int one = c == 'i' ? 1 : c == 'v' ? 5 : c == 'x' ? 10 : 0;
        if (one == 0) {
            return 0;
        }
        value += one < before ? -one : one;
        before = std::max(before, one);
    }
    std::string back;
    for (int rest = value; rest > 0;) {
        constexpr std::pair<int, Bytes> kParts[] = {
            {10, "x"}, {9, "ix"}, {5, "v"}, {4, "iv"}, {1, "i"}};
        for (const auto& [part, letters] : kParts) {
            if (rest >= part) {
                rest -= part;
                back += letters;
                break;
            }
        }
    }
    return back == folded ? value : 0;
}

}  // namespace

bool FactReader::is_number(Bytes word) {
    return std::count(word.begin(), word.end(), '.') <= 1
           && std::all_of(word.begin(), word.end(), [](char c) {
                  return is_digit(c) || c == ',' || c == '.' || c == ':';
              });
}

uint32_t FactReader::capitals_of(Bytes raw) {
    constexpr size_t kLongestUnit = 6;
    while (!raw.empty() && is_digit(raw.front())) {
        raw.remove_prefix(1);
    }
    bool capital = std::any_of(raw.begin(), raw.end(),
                               [](char c) { return c >= 'A' && c <= 'Z'; });
    return capital && raw.size() <= kLongestUnit
               ? static_cast<uint32_t>(hash64(raw, kUnitSeed)) | 1
               : 0;
}

void FactReader::add_raw(const Scanned& word, std::string folded,
                         Rank rank) {
    Raw& raw = raws_.emplace_back();
    raw.word = word;
    raw.folded = std::move(folded);
    raw.rank = rank;
}

// "3rd", and "II" behind a name; "1st" is a word as "first" is.
bool FactReader::split_place(const Scanned& word, Bytes folded) {
    bool name = !raws_.empty() && raws_.back().word.upper
                && !raws_.back().word.first && word.caps;
    bool small = word.raw == "ii" || word.raw == "iii";
    if (!word.digits && !name && !small) {
        return false;
    }
    Scanned number = word;
    number.letters = false;
    number.digits = true;
    if (size_t digits = place_digits(folded); digits > 0) {
        number.raw = word.raw.substr(0, digits);
        if (number.raw == "1") {
            Scanned first = word;
            first.digits = false;
            add_raw(first, "first");
        } else {
            add_raw(number, std::string(number.raw), Rank::kPlace);
        }
        return true;
    }
    int value = name || small ? roman(folded) : 0;
    if (value > 0) {
        add_raw(number, std::to_string(value), Rank::kEither);
    }
    return value > 0;
}

// "10kg", "5pm" and "10k" are a number and a word, if the list says so.
bool FactReader::split_unit(const Scanned& word, Bytes folded) {
    Bytes raw = word.raw;
    size_t digits = 0;
    while (digits < raw.size()
           && (is_digit(raw[digits]) || raw[digits] == '.'
               || raw[digits] == ',' || raw[digits] == ':')) {
        digits++;
    }
    if (digits == 0 || digits == raw.size() || !is_digit(raw[digits - 1])
        || lists_.find(Language::kEnglish, folded) != nullptr) {  // 401k
        return false;
    }
    std::string suffix;
    fold_to(raw.substr(digits), suffix);
    std::string cut = suffix;
    lists_.stem(Language::kEnglish, cut);
    const Term* term = lists_.find(Language::kEnglish, cut);
    bool kilo = suffix == "k" && is_number(raw.substr(0, digits));
    if (!kilo && (term == nullptr || (term->flags & kUnit) == 0)) {
        return false;
    }
    Scanned number = word;
    number.raw = raw.substr(0, digits);
    number.letters = false;
    add_raw(number, std::string(number.raw));
    Scanned unit = {};
    unit.raw = raw.substr(digits);
    unit.letters = true;
    add_raw(unit, kilo ? "thousand" : std::move(suffix));
    return true;
}

void FactReader::split(const Scanned& word) {
    std::string folded;
    fold_to(word.raw, folded);
    bool plain = word.tail.empty() && !word.date;
    if (plain && (split_place(word, folded)
                  || (word.digits && split_unit(word, folded)))) {
        return;
    }
    if (!word.code && !word.digits) {
        std::erase(folded, '.');  // u.s., e.g.
    }
    fold_to(word.tail, folded);
    add_raw(word, std::move(folded));
}

void FactReader::add_number(Raw& raw) {
    Fact fact;
    fact.kind = FactKind::kNumber;
    fact.known = true;
    fact.rank = raw.rank;
    fact.idf = Idf::kMiddling;
    std::string value = raw.word.before == '.'
                            ? plain_number("0." + raw.folded)
                        : names_version() ? raw.folded
                                          : plain_number(raw.folded);
    if (raw.word.before == '-' || negates_number()) {
        value.insert(value.begin(), '-');
    }
    fact.key = hash64(value, kNumberSeed);
    give_sign(raw.word.before, fact);
    give_sign(raw.word.after, fact);
    place(fact, value);
}

// A currency that no list knows is a unit of its own.
void FactReader::give_sign(uint32_t code, Fact& fact) const {
    constexpr uint32_t kFirstCurrency = 0x20a0;
    constexpr uint32_t kPermille = 0x2030;
    constexpr uint16_t kUnlisted = 0x8000;  // behind those of the lists
    auto at = std::find_if(
        std::begin(kSigns), std::end(kSigns),
        [&](const Sign& sign) { return sign.code == code; });
    if (at == std::end(kSigns)) {
        if (code >= kFirstCurrency || code == kPermille) {
            fact.unit = static_cast<uint16_t>(kUnlisted | code);
        }
        return;
    }
    std::string word(at->word);
    const Term* unit = lists_.find(Language::kEnglish, word);
    if (unit == nullptr) {
        lists_.stem(Language::kEnglish, word);
        unit = lists_.find(Language::kEnglish, word);
    }
    fact.unit = unit != nullptr ? unit->unit : uint16_t{0};
    fact.dimension = unit != nullptr ? unit->dimension : uint8_t{0};
}

// Whether what comes next is behind a name: Python 3.10 is not Python 3.1.
bool FactReader::names_version() const {
    if (facts_.items_.empty()) {
        return false;
    }
    const Fact& before = facts_.items_.back();
    Bytes text = facts_.text(before);
    return before.capital || text == "version" || text == "release";
}

// "Minus 5" and "negative 5", but not "7 minus 5".
bool FactReader::negates_number() const {
    const std::vector<Fact>& items = facts_.items_;
    size_t size = items.size();
    Bytes text = size > 0 ? facts_.text(items[size - 1]) : Bytes();
    return (text == "minus" || text == "negative")
           && (size < 2 || items[size - 2].kind != FactKind::kNumber);
}

// A word for a number or for a place in a row. "Second" is a place behind an
// article that a thing follows or before the highest degree of something; it
// is a time elsewhere ("per second", "30 seconds").
bool FactReader::add_number_word(size_t i, size_t count, const Term& term) {
    bool place = term.place > 0;
    if (place && (term.flags & kUnit) != 0) {
        const Raw* before = i > 0 ? &raws_[i - 1] : nullptr;
        const Raw* after = i + count < raws_.size() ? &raws_[i + count]
                                                    : nullptr;
        bool one = !raws_[i].folded.ends_with('s');
        bool thing = before != nullptr && after != nullptr
                     && is_a(*before, kDeterminer) && !is_a(*after, kLight);
        bool degree = after != nullptr
                      && (is_a(*after, kMost)
                          || (after->folded.size() > 5
                              && after->folded.ends_with("est")));
        place = one && (thing || degree);
    }
    if (term.number < 0 && !place) {
        return false;
    }
    Raw number = raws_[i];
    number.folded = std::to_string(place ? term.place : term.number);
    number.rank = place ? Rank::kPlace : Rank::kCount;
    add_number(number);
    facts_.items_.back().term = &term;
    return true;
}

// "two hundred" is 200, "twenty one" 21, "5 million" 5000000.
void FactReader::join_numbers() {
    std::vector<Fact>& items = facts_.items_;
    size_t kept = 0;
    for (size_t i = 0; i < items.size(); i++) {
        Fact& fact = items[i];
        uint64_t value = 0;
        uint64_t before = 0;
        bool both = kept > 0 && fact.kind == FactKind::kNumber
                    && items[kept - 1].kind == FactKind::kNumber
                    && fact.rank == Rank::kCount
                    && items[kept - 1].rank == Rank::kCount
                    && parse_decimal(facts_.text(fact), value)
                    && parse_decimal(facts_.text(items[kept - 1]), before)
                    && value < (uint64_t{1} << 31)
                    && before < (uint64_t{1} << 31);
        bool times = both && before > 0 && value > before
                     && (value == 100 || value == 1000 || value == 1000000
                         || value == 1000000000);
        bool plus = both && before >= 20 && before < 100 && before % 10 == 0
                    && value > 0 && value < 10 && i == kept
                    && raws_.size() == items.size() && !raws_[i].word.digits;
        if (times || plus) {
            std::string text =
                std::to_string(times ? before * value : before + value);
            Fact& first = items[kept - 1];
            first.begin = static_cast<uint32_t>(facts_.folded_.size());
            first.size = static_cast<uint32_t>(text.size());
            first.key = hash64(text, kNumberSeed);
            facts_.folded_ += text;
            continue;
        }
        items[kept++] = fact;
    }
    items.resize(kept);
}

void FactReader::give_units() {
    std::vector<Fact>& items = facts_.items_;
    for (size_t i = 0; i + 1 < items.size(); i++) {
        if (items[i].kind == FactKind::kNumber && items[i].unit == 0
            && (items[i + 1].flags & kUnit) != 0) {
            items[i].unit = items[i + 1].unit;
            items[i].dimension = items[i + 1].dimension;
        }
    }
}

// "May 3" and "May 3rd" are one, "the 3 best" and "the 3rd best" are not; a
// number behind a name is either: World War 2.
void FactReader::give_ranks() {
    std::vector<Fact>& items = facts_.items_;
    for (size_t i = 0; i < items.size(); i++) {
        bool beside = (i > 0 && ((items[i - 1].flags & kDate) != 0
                                 || items[i - 1].capital))
                      || (i + 1 < items.size()
                          && (items[i + 1].flags & kDate) != 0);
        if (beside && items[i].kind == FactKind::kNumber) {
            items[i].rank = Rank::kEither;
        }
    }
}

// What the words before item i make of it.
Bound FactReader::bound_of(size_t i) const {
    constexpr Bytes kBetween[] = {"age", "de", "la", "el", "los", "las"};
    constexpr Bytes kLess[] = {"less", "fewer", "lower", "younger", "shorter",
                               "smaller", "cheaper"};
    const std::vector<Fact>& items = facts_.items_;
    auto text = [&](size_t at) {
        return at < items.size() ? facts_.text(items[at]) : Bytes();
    };
    auto counts = [&](size_t at) {
        return at < items.size()
               && (items[at].kind == FactKind::kNumber
                   || (items[at].flags & kDate) != 0);
    };
    size_t at = i - 1;  // behind the end where there is none
    while (at < items.size()
           && ((items[at].flags & kDeterminer) != 0
               || is_one_of(kBetween, text(at))
               || (text(at) == "of" && text(at - 1) == "age"))) {
        at--;
    }
    if (text(at) == "than") {
        return is_one_of(kLess, text(at - 1)) ? Bound::kUnder : Bound::kOver;
    }
    if ((items[i].flags & kDate) != 0 && text(at) == "by") {
        return Bound::kBefore;
    }
    if (text(at) == "and" && counts(at - 1)) {
        return Bound::kAnother;
    }
    Bytes word = text(at);
    word = word == "up to" ? word : word.substr(0, word.find(' '));
    auto known = std::find_if(
        std::begin(kBoundWords), std::end(kBoundWords),
        [&](const BoundWord& bound) { return bound.text == word; });
    return known == std::end(kBoundWords) ? Bound::kNone : known->bound;
}

void FactReader::give_bounds() {
    std::vector<Fact>& items = facts_.items_;
    for (size_t i = 0; i < items.size(); i++) {
        if (items[i].kind == FactKind::kNumber
            || (items[i].flags & kDate) != 0) {
            items[i].bound = bound_of(i);
        }
    }
}

}  // namespace llm::semantic
