#include "src/semantic/signs.hpp"

#include <utf8proc.h>

#include <array>
#include <string>

#include "src/base/hash.hpp"
#include "src/semantic/fold.hpp"
#include "src/semantic/unicode.hpp"

namespace llm::semantic {
namespace {

enum class Sign : uint8_t { kNone, kOperator, kBracket, kPicture };

constexpr std::array<Sign, 0x80> kAscii = [] {
    std::array<Sign, 0x80> signs{};
    for (char c : Bytes("<>=+*^|~")) {
        signs[static_cast<size_t>(c)] = Sign::kOperator;
    }
    for (char c : Bytes("()[]{}/")) {
        signs[static_cast<size_t>(c)] = Sign::kBracket;
    }
    return signs;
}();

Sign sign_of(uint32_t code) {
    constexpr uint32_t kFirstPicture = 0x2190;  // before: (c), degrees, No.
    if (code < 0x80) {
        return kAscii[code];
    }
    switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_SM:
        return Sign::kOperator;
    case UTF8PROC_CATEGORY_SO:
        return code >= kFirstPicture && code != kReplacement
                   ? Sign::kPicture
                   : Sign::kNone;
    default:
        return Sign::kNone;
    }
}

// Never 0, which says that there is nothing.
uint64_t chain(uint64_t digest, uint32_t code) {
    return hash64(Bytes(reinterpret_cast<const char*>(&code), sizeof(code)),
                  digest)
           | 1;
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_mark(char c) {
    return Bytes("!%\\@#.&?:;$-").find(c) != Bytes::npos || c == '/'
           || sign_of(static_cast<unsigned char>(c)) == Sign::kOperator;
}

// Whether marks that `next` follows at once make another word of it: "/help",
// "$PATH", ".env", not "-5", "$5", ".5", "- item" or ":x".
bool is_prefix(Bytes marks, char next) {
    bool variable = marks == "$" && !is_digit(next);
    bool file = marks == "." && next >= 'a' && next <= 'z';  // .env
    return marks.find_first_not_of("-.:;?$") != Bytes::npos || variable || file
           || marks.starts_with("--") || marks == "..";
}

// Whether marks that stand between spaces are more than a dash or a pause.
bool is_token(Bytes marks) {
    return marks.find_first_of("@#%\\$") != Bytes::npos
           || (marks.size() > 1
               && marks.find_first_not_of("-.!") != Bytes::npos);
}

// What the marks at the front of the word at `at`, or a factorial's there, add
// to the digest.
uint64_t add_code(uint64_t digest, Bytes text, size_t at) {
    if (at > 0 && is_digit(text[at - 1])) {
        return hash64("!", digest) | 1;
    }
    size_t end = at;
    while (end < text.size() && is_mark(text[end])) {
        end++;
    }
    Bytes marks = text.substr(at, end - at);
    bool last = text.find_first_not_of(" \r\n", end) == Bytes::npos;
    bool alone = end == text.size() || text[end] == ' ';
    return !last && (alone ? is_token(marks) : is_prefix(marks, text[end]))
               ? hash64(marks, digest) | 1
               : digest;
}

// Each line's spaces at its front; 0: no line has any.
uint64_t layout_of(Bytes text) {
    uint64_t digest = 0;
    bool indented = false;
    for (size_t at = text.find('\n'); at != Bytes::npos;
         at = text.find('\n', at + 1)) {
        size_t first = text.find_first_not_of(" \t", at + 1);
        if (first == Bytes::npos || text[first] == '\n') {
            continue;  // an empty line
        }
        indented = indented || first > at + 1;
        digest = hash64(text.substr(at, first - at), digest) | 1;
    }
    return indented ? digest : 0;
}

void take_quoted(Bytes text, Signs& signs) {
    for (size_t open = text.find('`'); open != Bytes::npos;) {
        size_t close = text.find('`', open + 1);
        if (close == Bytes::npos) {
            break;
        }
        Bytes inside = text.substr(open, close - open);
        signs.quoted = hash64(inside, signs.quoted) | 1;
        std::string words;
        fold_to(inside, words);
        std::erase(words, ' ');
        signs.quoted_words = hash64(words, signs.quoted_words) | 1;
        open = text.find('`', close + 1);
    }
}

uint64_t sample_of(Bytes text) {
    size_t colon = text.find(": ");
    size_t last = text.find_last_not_of(" \t\r\n");
    return colon == Bytes::npos || last <= colon
               ? 0
               : hash64(text.substr(colon, last + 1 - colon)) | 1;
}

// "^a$": an end, not a price.
bool is_anchor(char before, const char* next, const char* end) {
    return before != ' ' && before != '\n' && !is_digit(before)
           && (next == end || *next == ' ' || *next == ')' || *next == '`');
}

}  // namespace

Signs signs_of(Bytes text) {
    Signs signs;
    signs.layout = layout_of(text);
    take_quoted(text, signs);
    signs.sample = sample_of(text);
    bool formula = false;
    const char* p = text.data();
    const char* end = p + text.size();
    char before = ' ';
    while (p < end) {
        const char* at = p;
        uint32_t code = next_code_point(p, end);
        bool begins = before == ' ' || before == '\n';
        bool factorial = code == '!' && is_digit(before) && p < end;
        bool anchor = code == '$' && is_anchor(before, p, end);
        before = *at;
        if (factorial || (begins && code < 0x80 && is_mark(*at))) {
            signs.code = add_code(signs.code, text,
                                  static_cast<size_t>(at - text.data()));
        }
        Sign sign = sign_of(code);
        if (sign == Sign::kPicture) {
            signs.pictures = chain(signs.pictures, code);
        } else if (sign != Sign::kNone || anchor) {
            signs.formula = chain(signs.formula, code);
            formula = formula || sign == Sign::kOperator;
        }
    }
    if (!formula) {
        signs.formula = 0;  // a remark in brackets, and/or
    }
    return signs;
}

bool signs_differ(const Signs& a, const Signs& b) {
    return a.formula != b.formula || a.code != b.code
           || (a.quoted != b.quoted && a.quoted_words == b.quoted_words)
           || (a.pictures != 0 && b.pictures != 0
               && a.pictures != b.pictures);
}

}  // namespace llm::semantic
