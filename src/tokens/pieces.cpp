#include "src/tokens/pieces.hpp"

#include <utf8proc.h>

#include <array>

namespace llm::tokens {
namespace {

enum : uint8_t {
    kUpper = 1,     // and title case
    kLower = 2,
    kLetter = 4,    // of no case
    kMark = 8,
    kNumber = 16,
    kSpace = 32,
    kNewline = 64,  // CR, LF
    kSign = 128,    // all else
};

constexpr uint8_t kLetters = kUpper | kLower | kLetter;
constexpr uint8_t kHead = kUpper | kLetter | kMark;  // A
constexpr uint8_t kTail = kLower | kLetter | kMark;  // B
constexpr uint8_t kBoth = kHead & kTail;
constexpr uint8_t kNoWord = kMark | kSign;           // [^\s\p{L}\p{N}]
constexpr uint8_t kWhite = kSpace | kNewline;

constexpr uint8_t ascii_kind(char c) {
    if (c >= 'a' && c <= 'z') {
        return kLower;
    }
    if (c >= 'A' && c <= 'Z') {
        return kUpper;
    }
    if (c >= '0' && c <= '9') {
        return kNumber;
    }
    if (c == '\r' || c == '\n') {
        return kNewline;
    }
    return c == ' ' || (c >= '\t' && c <= '\f') ? kSpace : kSign;
}

constexpr std::array<uint8_t, 128> kAscii = [] {
    std::array<uint8_t, 128> kinds{};
    for (size_t i = 0; i < kinds.size(); i++) {
        kinds[i] = ascii_kind(static_cast<char>(i));
    }
    return kinds;
}();

// Beyond ASCII.
bool is_space(utf8proc_int32_t code) {
    return code == 0x85 || code == 0xa0 || code == 0x1680
           || (code >= 0x2000 && code <= 0x200a) || code == 0x2028
           || code == 0x2029 || code == 0x202f || code == 0x205f
           || code == 0x3000;
}

uint8_t kind_of(utf8proc_int32_t code) {
    if (is_space(code)) {
        return kSpace;
    }
    switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT: return kUpper;
    case UTF8PROC_CATEGORY_LL: return kLower;
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return kLetter;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: return kMark;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return kNumber;
    default: return kSign;
    }
}

}  // namespace

std::optional<Encoding> encoding_named(Bytes name) {
    if (name.ends_with("_base")) {
        name.remove_suffix(5);
    }
    if (name == "cl100k") {
        return Encoding::kCl100k;
    }
    if (name == "o200k") {
        return Encoding::kO200k;
    }
    return std::nullopt;
}

inline Pieces::Char Pieces::at(size_t i) const {
    if (i >= text_.size()) {
        return {0, 0};
    }
    auto byte = static_cast<unsigned char>(text_[i]);
    if (byte < 0x80) {
        return {kAscii[byte], 1};
    }
    utf8proc_int32_t code = -1;
    utf8proc_ssize_t size = utf8proc_iterate(
        reinterpret_cast<const utf8proc_uint8_t*>(text_.data() + i),
        static_cast<utf8proc_ssize_t>(text_.size() - i), &code);
    if (size <= 0) {
        return {kSign, 1};
    }
    return {kind_of(code), static_cast<uint8_t>(size)};
}

// The end of the characters of these kinds that begin at `i`.
size_t Pieces::skip(size_t i, Kinds kinds) const {
    for (;;) {
        Char c = at(i);
        if ((c.kind & kinds) == 0) {
            return i;
        }
        i += c.size;
    }
}

// Past [^\r\n\p{L}\p{N}], or `i` itself where none stands.
size_t Pieces::after_prefix(size_t i, Char first) const {
    constexpr uint8_t kNone = kNewline | kNumber | kLetters;
    return (first.kind & kNone) != 0 ? i : i + first.size;
}

// The end of 's, 't, 're, 've, 'm, 'll, 'd in any case (the long s folds to
// s); `i` itself where none stands.
size_t Pieces::contraction(size_t i) const {
    Bytes rest = text_.substr(i, 3);
    if (rest.size() < 2 || rest[0] != '\'') {
        return i;
    }
    char first = ascii_lower(rest[1]);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') {
        return i + 2;
    }
    if (rest.size() < 3) {
        return i;
    }
    char second = ascii_lower(rest[2]);
    bool two = ((first == 'r' || first == 'v') && second == 'e')
               || (first == 'l' && second == 'l');
    return two || rest.substr(1) == "\u017f" ? i + 3 : i;
}

// Here and below: the end of the piece, `from` itself where none begins.
size_t Pieces::word_cl100k(size_t from) const {
    size_t end = contraction(from);
    if (end != from) {
        return end;
    }
    size_t begin = after_prefix(from, at(from));
    end = skip(begin, kLetters);
    return end == begin ? from : end;
}

// A*B+: the head goes as far as it can and gives back what the tail needs.
size_t Pieces::mixed_word(size_t from) const {
    size_t i = from;
    size_t given_back = from;
    for (Char c = at(i); (c.kind & kHead) != 0; c = at(i)) {
        i += c.size;
        if ((c.kind & kBoth) != 0) {
            given_back = i;
        }
    }
    size_t end = skip(i, kTail);
    return end != i ? end : given_back;
}

size_t Pieces::word_o200k(size_t from) const {
    Char first = at(from);
    size_t begin = after_prefix(from, first);
    size_t end = mixed_word(begin);
    if (end != begin) {
        return contraction(end);
    }
    // A mark is also a letter of a word that begins with it.
    if (begin != from && first.kind == kMark) {
        return contraction(mixed_word(from));
    }
    // A+B*, where no B can follow.
    end = skip(begin, kHead);
    return end != begin ? contraction(end) : from;
}

size_t Pieces::digits(size_t from) const {
    size_t i = from;
    for (int n = 0; n < 3; n++) {
        Char c = at(i);
        if (c.kind != kNumber) {
            break;
        }
        i += c.size;
    }
    return i;
}

size_t Pieces::signs(size_t from) const {
    size_t begin = text_[from] == ' ' ? from + 1 : from;
    size_t end = skip(begin, kNoWord);
    if (end == begin) {
        return from;
    }
    while (end < text_.size()
           && (text_[end] == '\r' || text_[end] == '\n'
               || (text_[end] == '/' && encoding_ == Encoding::kO200k))) {
        end++;
    }
    return end;
}

size_t Pieces::spaces(size_t from) const {
    size_t end = from;
    size_t last = from;
    size_t after_newline = from;
    for (Char c = at(end); (c.kind & kWhite) != 0; c = at(end)) {
        last = end;
        end += c.size;
        if (c.kind == kNewline) {
            after_newline = end;
        }
    }
    bool ends_text = end == text_.size();
    if (ends_text && encoding_ == Encoding::kCl100k) {
        return end;
    }
    if (after_newline != from) {
        return after_newline;
    }
    // The last one belongs to what follows, unless it stands alone.
    return ends_text || last == from ? end : last;
}

Bytes Pieces::next() {
    size_t from = from_;
    if (from >= text_.size()) {
        return {};
    }
    size_t end = encoding_ == Encoding::kCl100k ? word_cl100k(from)
                                                : word_o200k(from);
    if (end == from) {
        end = digits(from);
    }
    if (end == from) {
        end = signs(from);
    }
    if (end == from) {
        end = spaces(from);
    }
    from_ = end;
    return text_.substr(from, end - from);
}

}  // namespace llm::tokens
