#include "src/semantic/fact_reader.hpp"

#include <algorithm>

#include "src/base/hash.hpp"
#include "src/semantic/fold.hpp"

namespace llm::semantic {
namespace {

constexpr uint64_t kWordSeed = 1;
constexpr uint64_t kGroupSeed = 2;
constexpr uint64_t kNumberSeed = 3;
constexpr uint64_t kIdentifierSeed = 4;
constexpr uint64_t kUnitSeed = 5;
constexpr uint64_t kOperatorSeed = 6;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

uint64_t key_of_number(uint64_t seed, uint64_t number) {
    return hash64(Bytes(reinterpret_cast<const char*>(&number),
                        sizeof(number)), seed);
}

bool cyrillic(Bytes folded) {
    return folded.size() > 1
           && (static_cast<unsigned char>(folded[0]) == 0xd0
               || static_cast<unsigned char>(folded[0]) == 0xd1);
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

// Whether `word` is but digits with points, commas and colons.
bool is_number(Bytes word) {
    return std::count(word.begin(), word.end(), '.') <= 1
           && std::all_of(word.begin(), word.end(), [](char c) {
                  return is_digit(c) || c == ',' || c == '.' || c == ':';
              });
}

struct Sign {
    uint32_t code;
    Bytes word;
};

// A digest of a unit as it is written, 0 without a capital letter: Mb and MB
// are two, who writes "mb" may mean either.
uint32_t capitals_of(Bytes raw) {
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

// What a sign beside a number stands for, in words of the English list.
constexpr Sign kSigns[] = {
    {'$', "usd"},      {'%', "percent"},   {0x20ac, "euro"},
    {0xa3, "gbp"},     {0xa5, "yen"},      {0x20bd, "rouble"},
    {0x20b9, "rupee"}, {0x20bf, "bitcoin"},
};

}  // namespace

// "10kg", "5pm" and "10k" are a number and a word, if the list says so.
void FactReader::split(const Scanned& word) {
    Bytes raw = word.raw;
    size_t digits = 0;
    while (digits < raw.size()
           && (is_digit(raw[digits]) || raw[digits] == '.'
               || raw[digits] == ',' || raw[digits] == ':')) {
        digits++;
    }
    std::string folded;
    fold_to(raw, folded);
    bool listed = lists_.find(Language::kEnglish, folded) != nullptr;  // 401k
    if (word.digits && !word.date && word.tail.empty() && digits > 0
        && digits < raw.size() && is_digit(raw[digits - 1]) && !listed) {
        std::string suffix;
        fold_to(raw.substr(digits), suffix);
        std::string cut = suffix;
        stem(Language::kEnglish, cut);
        const Term* term = lists_.find(Language::kEnglish, cut);
        bool kilo = suffix == "k" && is_number(raw.substr(0, digits));
        if (kilo || (term != nullptr && (term->flags & kUnit) != 0)) {
            Scanned number = word;
            number.raw = raw.substr(0, digits);
            number.letters = false;
            raws_.push_back({number, std::string(number.raw), {}, {}});
            Scanned unit = {};
            unit.raw = raw.substr(digits);
            unit.letters = true;
            raws_.push_back({unit, kilo ? "thousand" : suffix, {}, {}});
            return;
        }
    }
    if (!word.code && !word.digits) {
        std::erase(folded, '.');  // u.s., e.g.
    }
    fold_to(word.tail, folded);
    raws_.push_back({word, std::move(folded), {}, {}});
}

void FactReader::scan(Bytes text) {
    Scanner scanner(text);
    Scanned word;
    while (raws_.size() < Facts::kMaxFacts && scanner.next(word)) {
        split(word);
    }
    Bytes rest = scanner.rest();
    if (raws_.size() >= Facts::kMaxFacts && scanner.next(word)) {
        facts_.rest_ = hash64(rest) | 1;
    }
}

void FactReader::tell_language(Language fallback) {
    constexpr size_t kLooked = 32;
    constexpr Language kLatin[] = {Language::kEnglish, Language::kSpanish,
                                   Language::kRomanian};
    std::array<size_t, kLanguages> score{};
    size_t slavic = 0;
    size_t looked = std::min(raws_.size(), kLooked);
    std::string word;
    for (size_t i = 0; i < looked; i++) {
        if (cyrillic(raws_[i].folded)) {
            slavic++;
            continue;
        }
        for (Language language : kLatin) {
            word = raws_[i].folded;
            stem(language, word);
            const Term* term = lists_.find(language, word);
            if (term != nullptr) {
                score[static_cast<size_t>(language)] +=
                    (term->flags & (kLight | kQuestion)) != 0 ? 2 : 1;
            }
        }
    }
    facts_.language_ = fallback;
    if (slavic * 2 > looked) {
        facts_.language_ = Language::kRussian;
        facts_.sure_ = true;
        return;
    }
    size_t best = score[static_cast<size_t>(fallback)];
    size_t second = 0;
    for (Language language : kLatin) {
        size_t own = score[static_cast<size_t>(language)];
        if (own > best) {
            facts_.language_ = language;
            best = own;
        }
    }
    for (Language language : kLatin) {
        if (language != facts_.language_) {
            second = std::max(second, score[static_cast<size_t>(language)]);
        }
    }
    facts_.sure_ = best >= second + 3;
}

void FactReader::stem_all() {
    for (Raw& raw : raws_) {
        raw.stem = raw.folded;
        stem(facts_.language_, raw.stem);
        if (lists_.has_operator_terms()) {
            raw.own_stem = raw.folded;
            stem(Language::kEnglish, raw.own_stem);
        }
    }
}

// Whether upper case says nothing here: titles, shouting.
bool FactReader::shouted() const {
    size_t words = 0;
    size_t uppers = 0;
    for (const Raw& raw : raws_) {
        words += raw.word.letters ? 1 : 0;
        uppers += raw.word.upper ? 1 : 0;
    }
    return words > 3 && uppers * 3 > words * 2;
}

bool FactReader::find_phrase(size_t i, size_t count, const Term*& term,
                             std::string& joined) const {
    joined = raws_[i].stem;
    for (size_t k = 1; k < count; k++) {
        joined += ' ';
        joined += raws_[i + k].stem;
    }
    term = lists_.find(facts_.language_, joined);
    return term != nullptr && term->words == count;
}

Term::Apart FactReader::operator_term(size_t i, size_t count) const {
    std::string joined = raws_[i].own_stem;
    for (size_t k = 1; k < count; k++) {
        joined += ' ';
        joined += raws_[i + k].own_stem;
    }
    return lists_.find_operator_term(joined);
}

void FactReader::place(Fact& fact, Bytes text) {
    fact.begin = static_cast<uint32_t>(facts_.folded_.size());
    fact.size = static_cast<uint32_t>(text.size());
    facts_.folded_ += text;
    facts_.items_.push_back(fact);
}

void FactReader::add_number(Raw& raw) {
    Fact fact;
    fact.kind = FactKind::kNumber;
    fact.known = true;
    fact.idf = Idf::kMiddling;
    std::string value = plain_number(raw.folded);
    if (raw.word.before == '-') {
        value.insert(value.begin(), '-');
    }
    fact.key = hash64(value, kNumberSeed);
    for (const Sign& sign : kSigns) {
        if (sign.code == raw.word.before || sign.code == raw.word.after) {
            const Term* unit = lists_.find(Language::kEnglish, sign.word);
            if (unit == nullptr) {
                std::string cut(sign.word);
                stem(Language::kEnglish, cut);
                unit = lists_.find(Language::kEnglish, cut);
            }
            fact.unit = unit != nullptr ? unit->unit : uint16_t{0};
            fact.dimension = unit != nullptr ? unit->dimension : uint8_t{0};
        }
    }
    place(fact, value);
}

void FactReader::add_identifier(Raw& raw) {
    Fact fact;
    fact.kind = FactKind::kIdentifier;
    fact.idf = Idf::kUnknown;
    fact.flags = raw.word.date ? uint32_t{kDate} : 0;
    fact.key = hash64(raw.folded, kIdentifierSeed);
    if (is_digit(raw.word.raw.front())) {
        fact.capitals = capitals_of(raw.word.raw);
    }
    place(fact, raw.folded);
}

void FactReader::add_word(size_t i, size_t count, const Term* term,
                          Bytes joined) {
    const Raw& raw = raws_[i];
    if (term != nullptr && term->number >= 0) {
        Raw number = raw;
        number.folded = std::to_string(term->number);
        add_number(number);
        facts_.items_.back().term = term;
        return;
    }
    Fact fact;
    fact.term = term;
    fact.code = raw.word.code && count == 1;
    fact.capital = !shouted_ && count == 1
                   && ((raw.word.upper && !raw.word.first) || raw.word.caps);
    bool english = facts_.language_ == Language::kEnglish;
    fact.idf = english ? idf_.of(joined) : Idf::kMiddling;
    fact.known = term != nullptr || (english && idf_.knows(joined));
    fact.key = hash64(joined, kWordSeed);
    if (!shouted_ && count == 1 && i > 0 && raws_[i - 1].word.digits) {
        fact.capitals = capitals_of(raw.word.raw);
    }
    if (term != nullptr) {
        fact.flags = term->flags;
        if (raw.word.caps && !shouted_ && count == 1 && term->same != 0) {
            fact.flags &= ~uint32_t{kLight};  // US is not us
        }
        if (count > 1) {
            fact.idf = Idf::kMiddling;
        }
        if (term->unit != 0) {
            fact.unit = term->unit;
            fact.dimension = term->dimension;
            fact.key = key_of_number(kUnitSeed, term->unit);
        }
        if (term->same != 0) {
            fact.key = key_of_number(kGroupSeed, term->same);
        }
    }
    std::string text = raw.folded;
    for (size_t k = 1; k < count; k++) {
        text += ' ';
        text += raws_[i + k].folded;
    }
    place(fact, text);
}

// Adds what begins with word i; returns how many words that took.
size_t FactReader::add_at(size_t i) {
    Raw& raw = raws_[i];
    const Term* term = nullptr;
    std::string joined;
    size_t longest = std::min(lists_.phrase_from(facts_.language_, raw.stem),
                              raws_.size() - i);
    if (lists_.has_operator_terms()) {
        longest = std::max(longest,
                           std::min(kMaxPhrase, raws_.size() - i));
    }
    for (size_t count = longest; count > 0; count--) {
        Term::Apart own = operator_term(i, count);
        bool found = find_phrase(i, count, term, joined);
        if (own.set == 0 && !found && count > 1) {
            continue;
        }
        if (raw.word.digits && count == 1) {
            if (raw.word.letters || raw.word.date || !is_number(raw.folded)) {
                add_identifier(raw);
            } else {
                add_number(raw);
            }
        } else {
            add_word(i, count, found ? term : nullptr, joined);
        }
        Fact& made = facts_.items_.back();
        made.operator_term = own;
        if (own.set != 0) {
            made.key = key_of_number(kOperatorSeed,
                                     uint64_t{own.set} << 16 | own.member);
        }
        return count;
    }
    return 1;
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

// "may" and "march" are months beside a number, behind a word of time, or
// written with a capital.
void FactReader::tell_months() {
    constexpr Bytes kBefore[] = {"in",   "on",   "of",   "since", "until",
                                 "last", "next", "every", "by",   "during"};
    std::vector<Fact>& items = facts_.items_;
    for (size_t i = 0; i < items.size(); i++) {
        Fact& fact = items[i];
        if ((fact.flags & kMonthOrWord) == 0) {
            continue;
        }
        bool number =
            (i > 0 && items[i - 1].kind == FactKind::kNumber)
            || (i + 1 < items.size()
                && items[i + 1].kind == FactKind::kNumber);
        bool word = i > 0
                    && std::find(std::begin(kBefore), std::end(kBefore),
                                 facts_.text(items[i - 1]))
                           != std::end(kBefore);
        if (number || word || fact.capital) {
            fact.flags = kDate;
        }
    }
}

// "Yes, ..." and "No, ..." answer what is not in the text.
void FactReader::drop_interjection(Bytes text) {
    if (raws_.size() < 2
        || (raws_[0].folded != "yes" && raws_[0].folded != "no")) {
        return;
    }
    Bytes raw = raws_[0].word.raw;
    const char* after = raw.data() + raw.size();
    if (after < text.data() + text.size() && *after == ',') {
        raws_.erase(raws_.begin());
    }
}

void FactReader::read(Bytes text, Language fallback) {
    facts_.signs_ = signs_of(text);
    scan(text);
    drop_interjection(text);
    tell_language(fallback);
    stem_all();
    shouted_ = shouted();
    facts_.items_.reserve(raws_.size());
    for (size_t i = 0; i < raws_.size();) {
        i += add_at(i);
    }
    join_numbers();
    give_units();
    tell_months();
}

Facts Facts::read(Bytes text, const Lists& lists, const Idf& idf,
                  Language fallback) {
    Facts facts;
    FactReader(facts, lists, idf).read(text, fallback);
    return facts;
}

}  // namespace llm::semantic
