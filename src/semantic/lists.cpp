#include "src/semantic/lists.hpp"

#include <algorithm>

#include "src/base/hash.hpp"
#include "src/semantic/fold.hpp"
#include "src/semantic/text_scan.hpp"

namespace llm::semantic {
namespace {

constexpr Bytes kDimensions[] = {"time",   "money", "temperature", "length",
                                 "mass",   "volume", "data",       "speed",
                                 "share",  "clock", "area",       "pressure",
                                 "energy", "power", "electric",   "frequency",
                                 "angle"};

struct Section {
    Bytes name;
    uint32_t flags;
};

constexpr Section kFlagSections[] = {
    {"light", kLight},       {"question", kQuestion | kLight},
    {"negation", kNegation}, {"date", kDate},
    {"month", kMonthOrWord}, {"marker", kMarker},
    {"person", kPerson},     {"against", kAgainst},
    {"variant", kVariant},   {"joint", kJoint},
    {"determiner", kDeterminer},
    {"most", kMost},         {"free", kFreeOf},
    {"capital", kCapital},   {"opening", kLight},
    {"past", kPast},         {"future", kFuture},
    {"part", kNamePart},       {"than", kThan},
    {"particle", kParticle}, {"literal", kLiteral},
    {"focus", kFocus},       {"clause", kClause},
    {"equal", kEqual | kLight},       {"reflexive", kReflexive},
    {"converse", kConverse},
};
constexpr Section kCueSections[] = {
    {"polite", kPolite},
    {"lead", kLead},
    {"errand", kErrand},
    {"fresh", kFresh},
    {"lasting", kLasting},
    {"action", kAction},
    {"asking", kAsking},
};

Bytes trim(Bytes text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'
                             || text.back() == '\r')) {
        text.remove_suffix(1);
    }
    return text;
}

// The piece up to `mark`, which `text` loses with it.
Bytes take_until(Bytes& text, char mark) {
    size_t end = std::min(text.find(mark), text.size());
    Bytes piece = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return trim(piece);
}

// Folded words joined by spaces, `made` bases or not; returns how many.
template <typename Made>
size_t canonical(Bytes phrase, std::string& out, Made&& made) {
    out.clear();
    Scanner scanner(phrase);
    Scanned word;
    size_t count = 0;
    while (scanner.next(word)) {
        std::string one;
        fold_to(word.raw, one);
        made(one);
        out += count++ == 0 ? "" : " ";
        out += one;
    }
    return count;
}

}  // namespace

// One file on its way into the lists.
struct Lists::Reader {
    Lists& lists;
    Words& words;
    Language language;
    Bytes section;
    std::string phrase = {};

    Result<void> line(Bytes text);
    Result<void> member(Bytes text, uint16_t set, uint16_t number);
    Term* term(Bytes text);
    bool cue(Bytes text);
    void apply(Term& term);

    uint32_t flags = 0;
    uint16_t cue_flags = 0;
    uint8_t dimension = 0;
    uint32_t same = 0;
    uint16_t like = 0;
    uint16_t unit = 0;
    Result<void> open(Bytes name);
};

size_t Lists::Hash::operator()(Bytes text) const {
    return hash64(text);
}

Result<void> Lists::Reader::open(Bytes name) {
    section = name;
    flags = cue_flags = 0;
    dimension = 0;
    for (const Section& known : kFlagSections) {
        flags = known.name == name ? known.flags : flags;
    }
    for (const Section& known : kCueSections) {
        cue_flags = known.name == name ? static_cast<uint16_t>(known.flags)
                                       : cue_flags;
    }
    if (name.starts_with("unit ")) {
        auto at = std::find(std::begin(kDimensions), std::end(kDimensions),
                            name.substr(5));
        if (at == std::end(kDimensions)) {
            return Error{Errc::kInvalid, "unknown dimension"};
        }
        dimension = static_cast<uint8_t>(at - kDimensions + 1);
        flags = kUnit;
    }
    constexpr Bytes kOthers[] = {"same", "like", "apart", "prefix", "suffix",
                                 "number", "place", "form", "foreign",
                                 "whole",  "actor", "owner"};
    bool known = flags != 0 || cue_flags != 0
                 || std::find(std::begin(kOthers), std::end(kOthers), name)
                        != std::end(kOthers);
    if (!known) {
        return Error{Errc::kInvalid, "unknown section"};
    }
    return {};
}

// The term of a phrase, made if need be; nullptr when it holds no word or
// too many.
Term* Lists::Reader::term(Bytes text) {
    size_t count = canonical(text, phrase, [&](std::string& word) {
        lists.stem(language, word);
        (void)lists.find_base(language, word);
    });
    if (count == 0 || count > kMaxPhrase) {
        return nullptr;
    }
    if (count > 1) {
        size_t space = phrase.find(' ');
        uint8_t& longest = words.first_words[phrase.substr(0, space)];
        longest = std::max(longest, static_cast<uint8_t>(count));
    }
    Term& term = words.terms[phrase];
    term.words = static_cast<uint8_t>(count);
    return &term;
}

bool Lists::Reader::cue(Bytes text) {
    size_t count = canonical(text, phrase, [](std::string&) {});
    if (count == 0 || count > kMaxPhrase) {
        return false;
    }
    Cue& whole = lists.cues_[phrase];
    whole.in[static_cast<size_t>(language)] |= cue_flags;
    whole.flags |= cue_flags;
    Cue& head = lists.cues_[phrase.substr(0, phrase.find(' '))];
    head.first_of |= cue_flags;
    head.longest_from = std::max(head.longest_from,
                                 static_cast<uint8_t>(count));
    Cue& tail = lists.cues_[phrase.substr(phrase.rfind(' ') + 1)];
    tail.last_of |= cue_flags;
    tail.longest_to = std::max(tail.longest_to, static_cast<uint8_t>(count));
    // A phrase that leads into a question says nothing; one that greets may be
    // what is asked about: "how do I say good morning".
    if ((cue_flags & kLead) != 0
        || ((cue_flags & kPolite) != 0 && count == 1)) {
        term(text)->flags |= kPolite;
    }
    return true;
}

void Lists::Reader::apply(Term& term) {
    // What but opens a question carries no content: "must I".
    bool content = section == "opening" && (term.same != 0 || term.flags != 0);
    term.flags |= content ? 0 : flags;
    if (section == "same" || section == "question") {
        term.same = term.same != 0 ? term.same : same;
    }
    if (section == "like"
        && (term.like.empty() || term.like.back() != like)) {
        term.like.push_back(like);
    }
    if (dimension != 0 && term.dimension == 0) {
        term.dimension = dimension;
        term.unit = unit;
    }
    if (section == "date" && term.same == 0) {
        term.same = same;
    }
}

Result<void> Lists::Reader::member(Bytes text, uint16_t set,
                                   uint16_t number) {
    while (!text.empty()) {
        Bytes word = take_until(text, ',');
        if (word.empty()) {
            continue;
        }
        if (section == "prefix" || section == "suffix"
            || section == "foreign" || section == "whole") {
            std::string folded;
            fold_to(word, folded);
            if (section == "foreign" || section == "whole") {
                (section == "whole" ? words.whole
                                    : words.foreign)[folded] = true;
            } else {
                (section == "prefix" ? words.prefixes : words.suffixes)
                    .push_back(folded);
            }
            continue;
        }
        if (cue_flags != 0) {
            if (!cue(word)) {
                return Error{Errc::kInvalid, "a phrase of too many words"};
            }
            continue;
        }
        Term* made = term(word);
        if (made == nullptr) {
            return Error{Errc::kInvalid, "a phrase of too many words"};
        }
        apply(*made);
        if (section == "actor" || section == "owner") {
            (section == "actor" ? made->actor : made->owner) =
                static_cast<uint8_t>(number);
        } else if (section == "opening" || section == "marker") {
            made->opening = {set, number};
        } else if (made->aparts > 0
                   && made->apart[made->aparts - 1].set == set && set != 0
                   && made->apart[made->aparts - 1].member != number) {
            return Error{Errc::kInvalid,
                         std::string(word) + ": of two members, see [whole]"};
        } else if (set != 0 && made->aparts < Term::kMaxApart) {
            made->apart[made->aparts++] = {set, number};
        }
    }
    return {};
}

Result<void> Lists::Reader::line(Bytes text) {
    if (section.empty()) {
        return Error{Errc::kInvalid, "a line before the first [section]"};
    }
    if (section == "form") {
        auto stem_of = [&](Bytes word) {
            std::string folded;
            fold_to(word, folded);
            lists.stem(language, folded);
            return folded;
        };
        std::string base = stem_of(take_until(text, '='));
        lists.bases_.push_back(std::move(base));
        while (!text.empty()) {
            Term& made = words.terms[stem_of(take_until(text, ','))];
            made.words = 0;
            made.base = static_cast<uint16_t>(lists.bases_.size());
        }
        return {};
    }
    if (section == "number" || section == "place") {
        Bytes word = take_until(text, '=');
        uint64_t value = 0;
        Term* made = term(word);
        if (made == nullptr || !parse_decimal(trim(text), value)
            || value > INT32_MAX) {
            return Error{Errc::kInvalid, "not `word = number`"};
        }
        (section == "number" ? made->number : made->place) =
            static_cast<int32_t>(value);
        return {};
    }
    same = lists.next_same_++;
    unit = lists.next_unit_++;
    like = section == "like" ? lists.next_like_++ : uint16_t{0};
    bool sets = section == "apart" || section == "opening"
                || section == "marker" || section == "converse";
    uint16_t set = sets ? lists.next_set_++ : uint16_t{0};
    for (uint16_t number = 1; !text.empty(); number++) {
        Result<void> done = member(take_until(text, '|'), set, number);
        if (!done) {
            return done;
        }
    }
    return {};
}

Result<void> Lists::add(Language language, Bytes text,
                        const std::string& name) {
    Reader reader{*this, words_[static_cast<size_t>(language)], language, {}};
    std::string pending;  // lines that end in a comma go on in the next
    for (size_t number = 1; !text.empty(); number++) {
        Bytes rest = take_until(text, '\n');
        Bytes line = take_until(rest, '#');
        if (line.empty()) {
            continue;
        }
        bool head = line.front() == '[' && line.back() == ']';
        bool more = !head && line.back() == ',';
        pending += more || !pending.empty() ? line : Bytes();
        if (more) {
            continue;
        }
        Result<void> done = head
                                ? reader.open(line.substr(1, line.size() - 2))
                                : reader.line(pending.empty() ? line
                                                              : Bytes(pending));
        pending.clear();
        if (!done) {
            return Error{done.error().code, name + ":" + std::to_string(number)
                                                + ": "
                                                + done.error().message};
        }
    }
    return {};
}

Result<void> Lists::add_terms(Bytes text, const std::string& name) {
    constexpr size_t kMaxTerms = 100000;
    std::string phrase;
    for (size_t number = 1; !text.empty(); number++) {
        Bytes rest = take_until(text, '\n');
        Bytes line = take_until(rest, '#');
        uint16_t member = 1;
        for (; !line.empty(); member++) {
            Bytes words = take_until(line, '|');
            while (!words.empty()) {
                Bytes word = take_until(words, ',');
                size_t count =
                    canonical(word, phrase, [](std::string& one) {
                        semantic::stem(Language::kEnglish, one);
                    });
                bool full = operator_terms_.size() >= kMaxTerms
                            || next_set_ == UINT16_MAX;
                if (count > kMaxPhrase || full) {
                    return Error{
                        Errc::kInvalid,
                        name + ":" + std::to_string(number) + ": "
                            + (full ? "too many terms"
                                    : "a term of more than 5 words")};
                }
                if (count == 0) {
                    continue;
                }
                operator_terms_.try_emplace(
                    phrase, Term::Apart{next_set_, member});
                uint8_t& longest =
                    operator_first_words_[phrase.substr(0, phrase.find(' '))];
                longest = std::max(longest, static_cast<uint8_t>(count));
            }
        }
        next_set_ += member > 1 ? 1 : 0;
    }
    return {};
}

void Lists::stem(Language language, std::string& word) const {
    if (!words_[static_cast<size_t>(language)].whole.contains(word)) {
        semantic::stem(language, word);
    }
}

const Term* Lists::find(Language language, Bytes words) const {
    const Map<Term>& terms = words_[static_cast<size_t>(language)].terms;
    auto at = terms.find(words);
    return at == terms.end() ? nullptr : &at->second;
}

const Term* Lists::base_of(Language language, const Term* term,
                           std::string& stem) const {
    if (term != nullptr && term->base != 0) {
        stem = bases_[term->base - 1u];
        term = find(language, stem);
    }
    return term;
}

const Cue* Lists::find_cue(Bytes words) const {
    auto at = cues_.find(words);
    return at == cues_.end() ? nullptr : &at->second;
}

Term::Apart Lists::find_operator_term(Bytes words) const {
    auto at = operator_terms_.find(words);
    return at == operator_terms_.end() ? Term::Apart{} : at->second;
}

size_t Lists::phrase_from(Language language, Bytes word) const {
    const Words& words = words_[static_cast<size_t>(language)];
    auto at = words.first_words.find(word);
    size_t longest = at == words.first_words.end() ? 1 : at->second;
    if (!operator_terms_.empty()) {
        auto own = operator_first_words_.find(word);
        if (own != operator_first_words_.end()) {
            longest = std::max<size_t>(longest, own->second);
        }
    }
    return longest;
}

}  // namespace llm::semantic
