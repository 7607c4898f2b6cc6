#include "src/route/word_list.hpp"

#include <algorithm>

#include "src/route/complexity_builder.hpp"
#include "src/route/word_list_fold.hpp"

namespace llm::route {
namespace {

constexpr Bytes kAmount = "1-9*";

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

Bytes trim(Bytes text) {
    while (!text.empty() && is_blank(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_blank(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

// A # begins a comment at the start of a line or behind white space: c# is
// a word.
Bytes without_comment(Bytes line) {
    for (size_t i = 0; i < line.size(); i++) {
        if (line[i] == '#' && (i == 0 || is_blank(line[i - 1]))) {
            return line.substr(0, i);
        }
    }
    return line;
}

Error invalid(std::string message) {
    return {Errc::kInvalid, std::move(message)};
}

class Reader {
public:
    Reader(Bytes file, WordList::Known known) : file_(file), known_(known) {}

    Result<std::vector<WordListEntry>> read(Bytes text) {
        if (text.substr(0, 3) == "\xef\xbb\xbf") {
            text.remove_prefix(3);
        }
        while (!text.empty()) {
            line_++;
            size_t end = text.find('\n');
            Bytes line = text.substr(0, end);
            text.remove_prefix(end == Bytes::npos ? text.size() : end + 1);
            if (auto done = read_line(line); !done) {
                return done.error();
            }
        }
        return std::move(entries_);
    }

private:
    Error at_line(Errc code, const std::string& what) const {
        return {code, std::string(file_) + ":" + std::to_string(line_) + ": "
                          + what};
    }

    Result<void> read_line(Bytes line) {
        size_t bad = 0;
        if (!is_utf8(line, bad)) {
            return at_line(Errc::kInvalid, "not UTF-8 at byte "
                                               + std::to_string(bad + 1)
                                               + " of the line");
        }
        line = trim(without_comment(line));
        if (line.empty()) {
            return {};
        }
        if (line.front() == '[') {
            return read_section(line);
        }
        return read_term(std::string(line));
    }

    // A word of kAmount makes a term for each digit that it may begin with.
    Result<void> read_term(std::string line) {
        for (size_t at = 0; (at = line.find(kAmount, at)) != Bytes::npos;
             at++) {
            size_t end = at + kAmount.size();
            if ((at > 0 && !is_blank(line[at - 1]))
                || (end < line.size() && !is_blank(line[end]))) {
                continue;
            }
            for (char digit = '1'; digit <= '9'; digit++) {
                std::string one = line;
                one.replace(at, kAmount.size(), {digit, '*'});
                if (auto done = read_term(std::move(one)); !done) {
                    return done;
                }
            }
            return {};
        }
        auto term = WordList::fold_term(line);
        if (!term) {
            return at_line(term.error().code, term.error().message);
        }
        if (entries_.size() == WordList::kMaxTerms) {
            return at_line(Errc::kTooLarge, "more than "
                                                + std::to_string(
                                                    WordList::kMaxTerms)
                                                + " terms");
        }
        entries_.push_back({section_, strength_, std::move(term.value())});
        return {};
    }

    Result<void> read_section(Bytes line) {
        if (line.size() < 3 || line.back() != ']') {
            return at_line(Errc::kInvalid,
                           "a section is [name], [name strength] or "
                           "[strength]");
        }
        line = trim(line.substr(1, line.size() - 2));
        size_t space = line.find_first_of(" \t");
        Bytes name = line.substr(0, space);
        Bytes strength =
            space == Bytes::npos ? Bytes("1") : trim(line.substr(space));
        bool only_strength = !name.empty()
                             && (name[0] == '.'
                                 || (name[0] >= '0' && name[0] <= '9'));
        if (only_strength) {
            strength = line;
            name = {};
        }
        if (!name.empty() && (known_ == nullptr || !known_(name))) {
            return at_line(Errc::kInvalid,
                           "unknown section \"" + std::string(name) + "\"");
        }
        auto value = parse_thousandths(strength);
        if (!value || *value == 0) {
            return at_line(Errc::kInvalid,
                           "a strength is a number from 0.001 to 1");
        }
        section_ = name;
        strength_ = *value;
        return {};
    }

    Bytes file_;
    WordList::Known known_;
    size_t line_ = 0;
    std::string section_;
    int strength_ = 1000;
    std::vector<WordListEntry> entries_;
};

// The pieces of a term between its spaces, folded one by one.
class TermFolder {
public:
    Result<std::string> fold(Bytes term) {
        term = trim(term);
        bool only = term.find_first_of(" \t") == Bytes::npos;
        while (!term.empty()) {
            size_t space = term.find_first_of(" \t");
            if (auto done = add(term.substr(0, space), only); !done) {
                return done.error();
            }
            term = trim(term.substr(std::min(space, term.size())));
        }
        return finish();
    }

private:
    Result<void> add(Bytes piece, bool only) {
        bool suffix = only && piece.size() > 1 && piece.front() == '*';
        if (suffix) {
            piece.remove_prefix(1);
        }
        bool star = piece.back() == '*';
        if (star) {
            piece.remove_suffix(1);
        }
        if (piece.find('*') != Bytes::npos || (suffix && star)) {
            return invalid(
                "a * stands at the end of a word, at the beginning of a term "
                "of one word, or alone between words");
        }
        FoldedText folded;
        llm::route::fold(piece, folded);
        if (folded.words == 0 && !(star && piece.empty())) {
            return {};
        }
        words_ += folded.words == 0 ? 1 : folded.words;
        if (suffix && folded.words > 1) {
            return invalid("what follows the first * is one word");
        }
        out_ += suffix ? Bytes("\x01") : Bytes(out_.empty() ? "" : " ");
        Bytes text = folded.text;
        if (folded.words > 0) {
            out_ += text.substr(1, text.size() - 2);
            letters_ = true;
        }
        alone_ = folded.words == 0;
        if (alone_ && !letters_) {
            return invalid("a term may not begin with * alone");
        }
        if (star) {
            out_ += kStar;
        }
        return {};
    }

    Result<std::string> finish() {
        if (!letters_) {
            return invalid("a term needs a letter or a digit");
        }
        if (alone_) {
            return invalid("a term may not end with * alone");
        }
        if (words_ > WordList::kMaxWords
            || out_.size() > WordList::kMaxBytes) {
            return invalid("a term has at most "
                           + std::to_string(WordList::kMaxWords)
                           + " words and "
                           + std::to_string(WordList::kMaxBytes) + " bytes");
        }
        return std::move(out_);
    }

    std::string out_;
    size_t words_ = 0;
    bool letters_ = false;
    bool alone_ = false;  // the last piece is a * alone
};

}  // namespace

Result<std::vector<WordListEntry>> WordList::parse(Bytes file, Bytes text,
                                                   Known known) {
    return Reader(file, known).read(text);
}

Result<std::string> WordList::fold_term(Bytes term) {
    size_t bad = 0;
    if (!is_utf8(term, bad)) {
        return invalid("not UTF-8 at byte " + std::to_string(bad + 1));
    }
    return TermFolder().fold(term);
}

}  // namespace llm::route
