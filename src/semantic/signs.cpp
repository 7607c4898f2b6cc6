#include "src/semantic/signs.hpp"

#include <utf8proc.h>

#include <array>

#include "src/base/hash.hpp"
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

bool is_mark(char c) {
    return Bytes("!%\\@#.&?:;$-").find(c) != Bytes::npos || c == '/'
           || sign_of(static_cast<unsigned char>(c)) == Sign::kOperator;
}

// Whether marks that a word follows at once make another word of it: "/help",
// not "-5", "$5", ".5", "- item" or ":x".
bool is_prefix(Bytes marks) {
    return marks.find_first_not_of("-.:;?$") != Bytes::npos
           || marks.starts_with("--") || marks == "..";
}

// Whether marks that stand between spaces are more than a dash or a pause.
bool is_token(Bytes marks) {
    return marks.find_first_of("@#%\\$") != Bytes::npos
           || (marks.size() > 1
               && marks.find_first_not_of("-.!") != Bytes::npos);
}

// Of what stands at the beginning of words.
uint64_t code_of(Bytes text) {
    uint64_t digest = 0;
    for (size_t i = 0; i < text.size(); i++) {
        bool factorial = i > 0 && text[i] == '!' && text[i - 1] >= '0'
                         && text[i - 1] <= '9' && i + 1 < text.size();
        if (factorial) {
            digest = hash64("!", digest) | 1;
        }
        if (i > 0 && text[i - 1] != ' ' && text[i - 1] != '\n') {
            continue;
        }
        size_t end = i;
        while (end < text.size() && is_mark(text[end])) {
            end++;
        }
        Bytes marks = text.substr(i, end - i);
        bool last = text.find_first_not_of(" \r\n", end) == Bytes::npos;
        bool alone = end == text.size() || text[end] == ' ';
        if (!marks.empty() && !last
            && (alone ? is_token(marks) : is_prefix(marks))) {
            digest = hash64(marks, digest) | 1;
        }
    }
    return digest;
}

}  // namespace

Signs signs_of(Bytes text) {
    Signs signs;
    signs.code = code_of(text);
    bool formula = false;
    const char* p = text.data();
    const char* end = p + text.size();
    while (p < end) {
        uint32_t code = next_code_point(p, end);
        Sign sign = sign_of(code);
        if (sign == Sign::kPicture) {
            signs.pictures = chain(signs.pictures, code);
        } else if (sign != Sign::kNone) {
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
           || (a.pictures != 0 && b.pictures != 0
               && a.pictures != b.pictures);
}

}  // namespace llm::semantic
