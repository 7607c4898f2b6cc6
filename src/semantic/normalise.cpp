#include "src/semantic/normalise.hpp"

#include <algorithm>

#include "src/semantic/cues.hpp"
#include "src/semantic/fold.hpp"
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

// Whether case and spaces may carry meaning: code and quotations.
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

// The same for words before `end`, which always need a mark before them.
size_t courtesy_before(Bytes text, const Cues& cues, size_t end) {
    const std::vector<CueWord>& words = cues.words();
    size_t count = cues.phrase_before(end, kPolite);
    if (count == 0 || count == end) {
        return 0;
    }
    size_t last = words[end - count - 1].end;
    Bytes gap = text.substr(last, words[end - count].begin - last);
    return set_apart(gap) ? count : 0;
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

// Cuts what stands after the last word, if it can but close the sentence.
size_t end_of(Bytes text, size_t last) {
    size_t end = text.size();
    return only_closing(text.substr(last, end - last)) ? last : end;
}

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
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

// Lower case but for units behind a number, one space for each run of white
// space.
std::string plain(Bytes text) {
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
        if (size_t unit = unit_at(at, end, out); unit > 0) {
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

}  // namespace

std::string normalised_key_text(Bytes text, const Lists& lists) {
    Cues cues(text, lists);
    const std::vector<CueWord>& words = cues.words();
    if (words.empty()) {
        return {};
    }
    if (words.size() == Cues::kMaxWords) {
        return plain(text);  // too long to be one courteous question
    }
    size_t from = 0;
    size_t to = words.size();
    cut_courtesies(text, cues, from, to);
    // What leads up to the first word stays unless it is but closing marks.
    size_t begin = words[from].begin;
    if (from == 0 && !only_closing(text.substr(0, begin))) {
        begin = 0;
    }
    size_t end = to < words.size() ? words[to - 1].end
                                   : end_of(text, words[to - 1].end);
    Bytes kept = text.substr(begin, end - begin);
    return is_literal(kept) ? std::string(kept) : plain(kept);
}

}  // namespace llm::semantic
