#include "src/semantic/fact_reader.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "src/base/hash.hpp"
#include "src/semantic/fold.hpp"
#include "src/semantic/unicode.hpp"

namespace llm::semantic {
namespace {

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

// Whether a letter is of a Cyrillic alphabet, but not of the Russian one, or
// is a hard sign where Russian has none: before all but its soft vowels.
bool has_other_cyrillic(Bytes folded) {
    constexpr uint32_t kHardSign = 0x44a;
    constexpr uint32_t kYe = 0x435;
    constexpr uint32_t kYu = 0x44e;
    constexpr uint32_t kYa = 0x44f;
    const char* p = folded.data();
    const char* end = p + folded.size();
    bool hard = false;
    while (p < end) {
        uint32_t code = next_code_point(p, end);
        bool other = code >= 0x400 && code < 0x530
                     && (code < 0x430 || code > 0x44f);
        if (other
            || (hard && code != kYe && code != kYu && code != kYa)) {
            return true;
        }
        hard = code == kHardSign;
    }
    return hard;
}

constexpr Language kLatin[] = {Language::kEnglish, Language::kSpanish,
                               Language::kRomanian};

// Whether signs of that language alone stand in the text.
bool is_marked(Bytes text, Language language) {
    constexpr Bytes kSpanishMarks[] = {"¿", "¡"};
    constexpr Bytes kRomanianMarks[] = {"ă", "ș", "ț", "Ș", "Ț"};
    auto stands = [&](Bytes mark) { return text.find(mark) != Bytes::npos; };
    return language == Language::kSpanish
               ? std::ranges::any_of(kSpanishMarks, stands)
               : language == Language::kRomanian
                     && std::ranges::any_of(kRomanianMarks, stands);
}

// How much a word says for the language in whose lists it is found.
size_t points_of(const Term* term) {
    if (term == nullptr) {
        return 0;
    }
    return (term->flags & (kLight | kQuestion)) != 0 ? 2 : 1;
}

// Whether a colon stands between two words of one text: what is behind it is
// what the text is about, a courtesy too: "say in French: thank you".
bool behind_colon(Bytes before, Bytes word) {
    const char* from = before.data() + before.size();
    return std::find(from, word.data(), ':') != word.data();
}

}  // namespace

void FactReader::scan(Bytes text) {
    constexpr size_t kBytesPerWord = 4;
    raws_.reserve(std::min(Facts::kMaxFacts, text.size() / kBytesPerWord + 2));
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

// Counts how much the first words say for each language.
FactReader::Votes FactReader::count_votes() {
    constexpr size_t kLooked = 32;
    constexpr auto kRussian = static_cast<size_t>(Language::kRussian);
    Votes votes;
    size_t looked = std::min(raws_.size(), kLooked);
    std::string other;
    for (size_t i = 0; i < looked; i++) {
        Raw& raw = raws_[i];
        votes.words += raw.word.letters && !raw.word.code ? 1 : 0;
        if (cyrillic(raw.folded)) {
            votes.cyrillic++;
            votes.other_cyrillic =
                votes.other_cyrillic || has_other_cyrillic(raw.folded)
                || lists_.is_foreign(Language::kRussian, raw.folded)
                || (i > 0 && lists_.is_foreign(
                                 Language::kRussian,
                                 raws_[i - 1].folded + ' ' + raw.folded));
            other = raw.folded;
            lists_.stem(Language::kRussian, other);
            votes.of[kRussian] +=
                points_of(lists_.find(Language::kRussian, other));
            continue;
        }
        for (Language language : kLatin) {
            bool english = language == Language::kEnglish;
            std::string& word = english ? raw.stem : other;
            word = raw.folded;
            lists_.stem(language, word);
            const Term* term = lists_.find(language, word);
            if (english) {
                raw.english = true;
                raw.term = term;
            }
            votes.of[static_cast<size_t>(language)] += points_of(term);
        }
    }
    votes.looked = looked;
    return votes;
}

// Relatives of Russian, Spanish and Romanian share words with them, so that
// more has to speak for these than for English; less where a sign does that
// their relatives do not write.
void FactReader::tell_language(Bytes text, Language fallback) {
    Votes votes = count_votes();
    auto votes_of = [&](Language language) {
        return votes.of[static_cast<size_t>(language)];
    };
    if (votes.cyrillic * 2 > votes.looked) {
        facts_.language_ = Language::kRussian;
        facts_.sure_ = true;
        facts_.foreign_ =
            votes.other_cyrillic
            || votes_of(Language::kRussian) * 2 < votes.cyrillic;
        return;
    }
    facts_.language_ = fallback;
    size_t best = votes_of(fallback);
    size_t second = 0;
    for (Language language : kLatin) {
        size_t own = votes_of(language);
        if (own > best) {
            facts_.language_ = language;
            best = own;
        }
    }
    for (Language language : kLatin) {
        if (language != facts_.language_) {
            second = std::max(second, votes_of(language));
        }
    }
    facts_.sure_ = best >= second + 3;
    bool plain = facts_.language_ == Language::kEnglish
                 || is_marked(text, facts_.language_);
    facts_.foreign_ = best * 2 < votes.words * (plain ? 1 : 2);
}

void FactReader::stem_all() {
    for (Raw& raw : raws_) {
        if (!raw.english || facts_.language_ != Language::kEnglish) {
            raw.stem = raw.folded;
            lists_.stem(facts_.language_, raw.stem);
            raw.term = lists_.find(facts_.language_, raw.stem);
        }
        raw.term = lists_.base_of(facts_.language_, raw.term, raw.stem);
        raw.longest = lists_.phrase_from(facts_.language_, raw.stem);
        raw.accents = accents_of(raw.word.raw);
        facts_.accented_ = facts_.accented_ || raw.accents != 0;
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

// "Turn the alarm off" is read as "turn off the alarm": where the second word
// of a phrase stands at the end of a clause, a few words behind the first.
void FactReader::join_verbs() {
    constexpr size_t kReach = 7;
    std::string joined;
    for (size_t i = 0; i + 2 < raws_.size(); i++) {
        if (raws_[i].longest < 2 || is_a(raws_[i], kLight)) {
            continue;
        }
        for (size_t k = i + 2; k < std::min(raws_.size(), i + kReach); k++) {
            bool ends = k + 1 == raws_.size() || raws_[k + 1].word.first
                        || (is_a(raws_[k + 1], kLight)
                            && !is_a(raws_[k + 1], kDeterminer));
            if (raws_[k].word.first) {
                break;
            }
            if (!ends || !is_a(raws_[k], kParticle)) {
                continue;
            }
            joined = raws_[i].stem;
            joined += ' ';
            joined += raws_[k].stem;
            if (lists_.find(facts_.language_, joined) != nullptr) {
                auto from = raws_.begin() + static_cast<std::ptrdiff_t>(i + 1);
                auto last = raws_.begin() + static_cast<std::ptrdiff_t>(k);
                std::rotate(from, last, last + 1);
            }
            break;
        }
    }
}

bool FactReader::is_a(const Raw& raw, uint32_t flags) {
    return raw.term != nullptr && (raw.term->flags & flags) != 0;
}

// Of words [i, i + count), whose stems, joined, are `stems`.
const Term* FactReader::find_phrase(size_t i, size_t count,
                                    Bytes stems) const {
    if (count == 1) {
        return raws_[i].term;
    }
    const Term* term = lists_.find(facts_.language_, stems);
    return term != nullptr && term->words == count ? term : nullptr;
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

// "Vitamin A", "USB-C": a capital that stands alone is a name, but "I" and what
// a hyphen joins to the word behind it: X-ray.
bool FactReader::is_letter(const Scanned& word) const {
    return !shouted_ && !word.first && word.upper && word.raw.size() == 1
           && word.raw != "I" && !word.joined;
}

void FactReader::add_letter(const Raw& raw) {
    Fact fact;
    fact.kind = FactKind::kIdentifier;
    fact.idf = Idf::kUnknown;
    fact.capital = true;
    fact.key = hash64(raw.word.raw, kIdentifierSeed);
    place(fact, raw.folded);
}

void FactReader::add_word(size_t i, size_t count, const Term* term,
                          Bytes joined) {
    const Raw& raw = raws_[i];
    if (is_letter(raw.word) && count == 1) {
        add_letter(raw);
        return;
    }
    if (term != nullptr && (term->number >= 0 || term->place > 0)
        && add_number_word(i, count, *term)) {
        return;
    }
    Fact fact;
    fact.term = term;
    fact.code = raw.word.code && count == 1;
    fact.first = raw.word.first;
    fact.owner = raw.word.owner;
    fact.caps = !shouted_ && count == 1 && raw.word.caps;
    fact.capital = !shouted_ && count == 1
                   && ((raw.word.upper && !raw.word.first) || raw.word.caps);
    bool english = facts_.language_ == Language::kEnglish;
    std::optional<uint16_t> counted =
        english ? idf_.find(joined) : std::nullopt;
    fact.idf = english ? counted.value_or(Idf::kUnknown) : Idf::kMiddling;
    fact.known = term != nullptr || counted.has_value();
    fact.key = hash64(joined, kWordSeed);
    fact.accents = count == 1 ? raw.accents : 0;
    bool behind_number = i > 0 && raws_[i - 1].word.digits;
    if (!shouted_ && count == 1
        && (behind_number || is_symbol(raw.word))) {
        fact.capitals = capitals_of(raw.word.raw);
    }
    if (fact.code && is_snake_case(raw.word.raw)) {
        // but for the first letter, which may begin a sentence
        fact.key = hash64(raw.word.raw.substr(1),
                          hash64(raw.folded.substr(0, 1), kIdentifierSeed));
    }
    if (term != nullptr) {
        fact.flags = term->flags;
        if (raw.word.caps && !shouted_ && count == 1 && term->same != 0) {
            fact.flags &= ~uint32_t{kLight};  // US is not us
        }
        if (count > 1) {
            fact.idf = Idf::kMiddling;
        }
        if (term->same != 0) {
            fact.key = key_of_number(kGroupSeed, term->same);
        }
        if (term->unit != 0) {
            fact.unit = term->unit;
            fact.dimension = term->dimension;
            fact.key = key_of_number(kUnitSeed, term->unit);
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
    size_t longest = std::min(raw.longest, raws_.size() - i);
    bool owned = lists_.has_operator_terms();
    if (owned) {
        longest = std::max(longest,
                           std::min(kMaxPhrase, raws_.size() - i));
    }
    std::string stems = raw.stem;
    std::array<size_t, kMaxPhrase + 1> size{0, stems.size()};  // by words
    for (size_t k = 1; k < longest; k++) {
        stems += ' ';
        stems += raws_[i + k].stem;
        size[k + 1] = stems.size();
    }
    for (size_t count = longest; count > 0; count--) {
        Term::Apart own = owned ? operator_term(i, count) : Term::Apart{};
        Bytes joined = Bytes(stems).substr(0, size[count]);
        const Term* term = find_phrase(i, count, joined);
        if (own.set == 0 && term == nullptr && count > 1) {
            continue;
        }
        if (raw.word.digits && count == 1) {
            if (raw.word.letters || raw.word.date || !is_number(raw.folded)) {
                add_identifier(raw);
            } else {
                add_number(raw);
            }
        } else {
            add_word(i, count, term, joined);
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

// Whether a mark, not but space, stands behind word i.
bool FactReader::set_apart(Bytes text, size_t i) const {
    Bytes raw = raws_[i].word.raw;
    const char* from = raw.data() + raw.size();
    const char* to = i + 1 < raws_.size() ? raws_[i + 1].word.raw.data()
                                          : text.data() + text.size();
    return std::any_of(from, to, [](char c) { return c != ' ' && c != '\n'; });
}

// How many words from word i on are a cue of `flag`; 0: none. Backward: that
// end before it.
size_t FactReader::cue_at(size_t i, uint16_t flag, bool backward) const {
    const Cue* end = lists_.find_cue(raws_[backward ? i - 1 : i].folded);
    if (end == nullptr
        || ((backward ? end->last_of : end->first_of) & flag) == 0) {
        return 0;
    }
    size_t count = backward
                       ? std::min<size_t>(i, end->longest_to)
                       : std::min<size_t>(raws_.size() - i,
                                          end->longest_from);
    auto language = static_cast<size_t>(facts_.language_);
    std::string joined;
    for (; count > 0; count--) {
        size_t from = backward ? i - count : i;
        joined = raws_[from].folded;
        for (size_t k = 1; k < count; k++) {
            joined += ' ';
            joined += raws_[from + k].folded;
        }
        const Cue* cue = lists_.find_cue(joined);
        if (cue != nullptr && (cue->in[language] & flag) != 0) {
            break;
        }
    }
    return count;
}

// Greetings, courtesies and what leads into the question, at both ends, as
// normalise() cuts them; "Yes, ..." and "No, ..." answer what is not there.
void FactReader::drop_courtesies(Bytes text) {
    constexpr size_t kMostCourtesies = 4;
    size_t from = 0;
    for (size_t i = 0; i < kMostCourtesies && from < raws_.size(); i++) {
        size_t count = cue_at(from, kLead, false);
        if (count == 0) {
            count = cue_at(from, kPolite, false);
            const std::string& said = raws_[from].folded;
            count = count == 0 && (said == "yes" || said == "no") ? 1 : count;
            count = count > 0 && set_apart(text, from + count - 1) ? count : 0;
        }
        if (count == 0 || from + count >= raws_.size()) {
            break;
        }
        from += count;
    }
    size_t to = raws_.size();
    for (size_t i = 0; i < kMostCourtesies && to > from; i++) {
        size_t count = cue_at(to, kPolite, true);
        if (count == 0 || from + count >= to
            || !set_apart(text, to - count - 1)
            || behind_colon(raws_[to - count - 1].word.raw,
                            raws_[to - count].word.raw)) {
            break;
        }
        to -= count;
    }
    raws_.resize(to);
    auto first = raws_.begin() + static_cast<std::ptrdiff_t>(from);
    raws_.erase(raws_.begin(), first);
    if (from > 0) {
        raws_.front().word.first = true;
    }
}

// Little words and courtesies alone behind a colon are what is asked about:
// "say in French: thank you".
void FactReader::take_sample(size_t from) {
    std::vector<Fact>& items = facts_.items_;
    auto little = [](const Fact& fact) {
        return fact.kind == FactKind::kWord
               && (fact.flags & (kLight | kPolite)) != 0;
    };
    if (from >= items.size()
        || !std::all_of(items.begin() + static_cast<std::ptrdiff_t>(from),
                        items.end(), little)) {
        return;
    }
    for (size_t i = from; i < items.size(); i++) {
        items[i].kind = FactKind::kIdentifier;
        items[i].flags = 0;
        items[i].key = hash64(facts_.text(items[i]), kIdentifierSeed);
    }
}

void FactReader::read(Bytes text, Language fallback) {
    facts_.signs_ = signs_of(text);
    scan(text);
    tell_language(text, fallback);
    bool upper = !raws_.empty() && raws_.front().word.upper;
    drop_courtesies(text);
    stem_all();
    join_verbs();
    shouted_ = shouted();
    facts_.cased_ = !shouted_ && upper;
    facts_.items_.reserve(raws_.size());
    const char* colon = text.data() + std::min(text.find(": "), text.size());
    size_t sample = Facts::kMaxFacts;
    for (size_t i = 0; i < raws_.size();) {
        if (raws_[i].word.raw.data() > colon) {
            sample = std::min(sample, facts_.items_.size());
        }
        i += add_at(i);
    }
    take_sample(sample);
    join_numbers();
    give_units();
    tell_months();
    give_ranks();
    give_bounds();
}

Facts Facts::read(Bytes text, const Lists& lists, const Idf& idf,
                  Language fallback) {
    Facts facts;
    FactReader(facts, lists, idf).read(text, fallback);
    return facts;
}

}  // namespace llm::semantic
