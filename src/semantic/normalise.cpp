#include "src/semantic/normalise.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "src/semantic/cues.hpp"
#include "src/semantic/fold.hpp"
#include "src/semantic/text_scan.hpp"
#include "src/semantic/unicode.hpp"

namespace llm::semantic {
namespace {

// Marks that end a sentence or set a courtesy apart; others, a bracket or a
// percent sign, may be part of what is asked.
bool is_closing(uint32_t code) {
    return code == '.' || code == '!' || code == '?' || code == ','
           || code == ';' || code == ':' || code == 0x2026 || code == 0xbf
           || code == 0xa1 || code == 0x2013 || code == 0x2014
           || is_space(code);
}

bool only_closing(Bytes text) {
    const char* p = text.data();
    const char* end = p + text.size();
    while (p < end) {
        if (!is_closing(next_code_point(p, end))) {
            return false;
        }
    }
    return true;
}

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Whether case and spaces may carry meaning: code, options of commands (-v and
// -V), a factorial, quotations.
bool is_literal(Bytes text) {
    if (text.find_first_of("`{}<>=\"\\|~^$#[]") != Bytes::npos) {
        return true;
    }
    for (Bytes quote : {Bytes("\xe2\x80\x9c"), Bytes("\xe2\x80\x9d"),
                        Bytes("\xe2\x80\x9e"), Bytes("\xc2\xab"),
                        Bytes("\xc2\xbb"), Bytes("\n ")}) {
        if (text.find(quote) != Bytes::npos) {
            return true;
        }
    }
    for (size_t i = 0; i + 1 < text.size(); i++) {
        bool option = (i == 0 || text[i - 1] == ' ') && text[i] == '-'
                      && (is_letter(text[i + 1]) || text[i + 1] == '-');
        bool factorial = text[i] >= '0' && text[i] <= '9'
                         && text[i + 1] == '!';
        if (option || factorial) {
            return true;
        }
    }
    Bytes quote = " '";  // a word in single quotes, not an apostrophe
    return text.find(quote) != Bytes::npos || text.starts_with("'");
}

// Whether but closing marks stand between, one of them not a space.
bool set_apart(Bytes text) {
    return only_closing(text)
           && text.find_first_not_of(" \t\r\n") != Bytes::npos;
}

// How many words of courtesy word `at` begins; 0: none. A greeting needs a
// mark behind it ("hey jude" is a song), a leading phrase does not.
size_t courtesy_at(Bytes text, const Cues& cues, size_t at) {
    const std::vector<CueWord>& words = cues.words();
    for (uint16_t flag : {uint16_t{kLead}, uint16_t{kPolite}}) {
        size_t count = cues.phrase_at(at, flag);
        size_t next = at + count;
        if (count == 0 || next >= words.size()) {
            continue;
        }
        size_t last = words[next - 1].end;
        Bytes gap = text.substr(last, words[next].begin - last);
        if (flag == kLead ? only_closing(gap) : set_apart(gap)) {
            return count;
        }
    }
    return 0;
}

// The same for words before `end`, which always need a mark before them; behind
// a colon they are what the text is about: "say in French: thank you".
size_t courtesy_before(Bytes text, const Cues& cues, size_t end) {
    const std::vector<CueWord>& words = cues.words();
    size_t count = cues.phrase_before(end, kPolite);
    if (count == 0 || count == end) {
        return 0;
    }
    size_t last = words[end - count - 1].end;
    Bytes gap = text.substr(last, words[end - count].begin - last);
    return set_apart(gap) && gap.find(':') == Bytes::npos ? count : 0;
}

// Where the words [from, to) are left when courtesies at both ends go.
void cut_courtesies(Bytes text, const Cues& cues, size_t& from, size_t& to) {
    constexpr size_t kMostCourtesies = 4;
    for (size_t i = 0; i < kMostCourtesies; i++) {
        size_t count = courtesy_at(text, cues, from);
        if (count == 0 || from + count >= to) {
            break;
        }
        from += count;
    }
    for (size_t i = 0; i < kMostCourtesies; i++) {
        size_t count = courtesy_before(text, cues, to);
        if (count == 0 || to - count <= from) {
            break;
        }
        to -= count;
    }
}

// Whether words stand behind a colon: what is to be done is told before it,
// what with, to the letter, behind.
bool has_sample(Bytes text) {
    return text.find(": ") != Bytes::npos;
}

// Cuts what stands after the last word, if it can but close the sentence.
size_t end_of(Bytes text, size_t last) {
    Bytes marks = text.substr(last);
    bool factorial = last > 0 && text[last - 1] >= '0' && text[last - 1] <= '9'
                     && marks.starts_with("!?");
    return !only_closing(marks) ? text.size() : factorial ? last + 1 : last;
}

// How many letters at `p` may be a unit in which a capital says something:
// Mb and MB, mW and MW. 0: none of it is one.
size_t unit_at(const char* p, const char* end, Bytes before) {
    constexpr size_t kLongest = 4;
    if (before.ends_with(' ')) {
        before.remove_suffix(1);
    }
    if (before.empty() || before.back() < '0' || before.back() > '9') {
        return 0;
    }
    const char* rest = std::find_if_not(p, end, is_letter);
    auto size = static_cast<size_t>(rest - p);
    bool capital = std::any_of(p, rest, [](char c) { return c < 'a'; });
    return capital && size <= kLongest ? size : 0;
}

// Whether word i of text that sets capitals begins with one that says which
// sense is meant: Polish, US.
bool says_sense(const CueWord& word, const Lists& lists) {
    if (!word.upper || word.first) {
        return false;
    }
    std::string cut = word.folded;
    lists.stem(Language::kEnglish, cut);
    const Term* term = lists.find(Language::kEnglish, cut);
    return term != nullptr && (term->flags & kCapital) != 0;
}

// "IT", which is not "it", in whatever text that is not shouted.
bool is_abbreviation(const CueWord& word, Bytes text) {
    Bytes raw = text.substr(word.begin, word.end - word.begin);
    return raw.size() > 1 && std::all_of(raw.begin(), raw.end(), [](char c) {
               return c >= 'A' && c <= 'Z';
           });
}

// "Co", in text that sets capitals, is not "CO".
bool is_symbol(const CueWord& word, Bytes text) {
    return word.upper && !word.first && word.end - word.begin == 2
           && text[word.begin + 1] >= 'a' && text[word.begin + 1] <= 'z';
}

// Whether words [from, to) are in capitals that say nothing.
bool is_shouted(const Cues& cues, size_t from, size_t to) {
    const std::vector<CueWord>& words = cues.words();
    auto uppers = static_cast<size_t>(std::count_if(
        words.begin() + static_cast<ptrdiff_t>(from),
        words.begin() + static_cast<ptrdiff_t>(to),
        [](const CueWord& word) { return word.upper; }));
    return to - from > 3 && uppers * 3 > (to - from) * 2;
}

// The ends by the beginnings, in `text`, of words [from, to) whose capitals
// stay.
std::vector<std::pair<size_t, size_t>> senses(Bytes text, const Cues& cues,
                                              const Lists& lists, size_t from,
                                              size_t to) {
    const std::vector<CueWord>& words = cues.words();
    std::vector<std::pair<size_t, size_t>> found;
    bool shouted = is_shouted(cues, from, to);
    bool cased = words.front().upper && !shouted;  // where they say something
    for (size_t i = from; i < to; i++) {
        Bytes raw = text.substr(words[i].begin,
                                words[i].end - words[i].begin);
        bool abbreviation = !shouted && is_abbreviation(words[i], text);
        bool sense = ((cased || abbreviation) && says_sense(words[i], lists))
                     || (cased && is_symbol(words[i], text));
        if (sense) {
            found.emplace_back(words[i].begin, words[i].end);
        } else if (is_letter(raw.front()) && is_snake_case(raw)) {
            // but for the first letter, which may begin a sentence
            found.emplace_back(words[i].begin + 1, words[i].end);
        }
    }
    return found;
}

// Lower case but for units behind a number and `kept` words, which are places
// in `text`; one space for each run of white space.
std::string plain(Bytes text,
                  std::span<const std::pair<size_t, size_t>> kept = {}) {
    std::string out;
    bool space = false;
    const char* p = text.data();
    const char* end = p + text.size();
    while (p < end) {
        const char* at = p;
        uint32_t code = next_code_point(p, end);
        if (is_space(code)) {
            space = !out.empty();
            continue;
        }
        if (space) {
            out += ' ';
            space = false;
        }
        bool sense = !kept.empty()
                     && at == text.data() + kept.front().first;
        if (sense) {
            p = text.data() + kept.front().second;
            out.append(at, p);
            kept = kept.subspan(1);
        } else if (size_t unit = unit_at(at, end, out); unit > 0) {
            p = at + unit;
            out.append(at, p);
        } else if (code == kReplacement) {
            out.append(at, p);  // no UTF-8: as it is
        } else {
            lower_to(code, out);
        }
    }
    return out;
}

// What is left of the text when words [from, to) are. What leads up to the
// first word stays unless it is but closing marks.
Bytes kept_part(Bytes text, const Cues& cues, size_t from, size_t to) {
    const std::vector<CueWord>& words = cues.words();
    size_t begin = words[from].begin;
    if (from == 0 && !only_closing(text.substr(0, begin))) {
        begin = 0;
    }
    size_t end = to < words.size() ? words[to - 1].end
                                   : end_of(text, words[to - 1].end);
    return text.substr(begin, end - begin);
}

// The same with the mark that ends its last sentence, which says that it is a
// question.
Bytes asking_part(Bytes text, const Cues& cues, size_t from, size_t to) {
    const std::vector<CueWord>& words = cues.words();
    auto ascii = [&](size_t at) {
        return static_cast<unsigned char>(text[at]) < 0x80;
    };
    size_t begin = from == 0 ? 0 : words[from].begin;
    while (from > 0 && begin > words[from - 1].end && !ascii(begin - 1)) {
        begin--;  // an opening question mark
    }
    size_t end = text.size();
    if (to < words.size()) {
        end = words[to - 1].end;
        end += text[end] != ' ' && ascii(end) ? 1 : 0;
    }
    return text.substr(begin, end - begin);
}

// What was kept, with all marks behind it where nothing was cut there.
Bytes with_marks(Bytes text, Bytes kept, bool last) {
    auto begin = static_cast<size_t>(kept.data() - text.data());
    size_t end = text.find_last_not_of(" \t\r\n") + 1;
    return last ? text.substr(begin, end - begin) : kept;
}

}  // namespace

Normalised normalise(Bytes text, const Lists& lists) {
    Cues cues(text, lists);
    const std::vector<CueWord>& words = cues.words();
    if (words.empty()) {
        return {{}, text};
    }
    if (words.size() == Cues::kMaxWords) {
        return {plain(text), text};  // too long to be one courteous question
    }
    size_t from = 0;
    size_t to = words.size();
    cut_courtesies(text, cues, from, to);
    Bytes kept = kept_part(text, cues, from, to);
    Bytes asking = asking_part(text, cues, from, to);
    Bytes marked = with_marks(text, kept, to == words.size());
    if (has_sample(marked)) {
        return {std::string(marked), asking};
    }
    if (is_literal(kept)) {
        return {std::string(kept), asking};
    }
    auto begin = static_cast<size_t>(kept.data() - text.data());
    auto capitals = senses(text, cues, lists, from, to);
    for (auto& [first, last] : capitals) {
        first -= begin;
        last -= begin;
    }
    return {plain(kept, capitals), asking};
}

std::string normalised_key_text(Bytes text, const Lists& lists) {
    return normalise(text, lists).key_text;
}

}  // namespace llm::semantic
