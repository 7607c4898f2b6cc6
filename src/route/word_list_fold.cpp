#include "src/route/word_list_fold.hpp"

#include <utf8proc.h>

#include <array>

namespace llm::route {
namespace {

// What a code point becomes: a letter, or one of these.
constexpr uint32_t kParts = 0;   // words
constexpr uint32_t kPassed = 1;  // over
constexpr uint32_t kTable = 0x2000;

bool is_letter(utf8proc_category_t category) {
    return (category >= UTF8PROC_CATEGORY_LU
            && category <= UTF8PROC_CATEGORY_LO)
           || (category >= UTF8PROC_CATEGORY_ND
               && category <= UTF8PROC_CATEGORY_NO);
}

uint32_t classify(utf8proc_int32_t code) {
    utf8proc_category_t category = utf8proc_category(code);
    if (is_letter(category)) {
        return static_cast<uint32_t>(utf8proc_tolower(code));
    }
    bool passed = category == UTF8PROC_CATEGORY_MN
                  || category == UTF8PROC_CATEGORY_MC
                  || category == UTF8PROC_CATEGORY_ME
                  || category == UTF8PROC_CATEGORY_CF;
    return passed ? kPassed : kParts;
}

// The first letter of the decomposition is the letter without its accents.
uint32_t strip(utf8proc_int32_t code) {
    utf8proc_int32_t parts[8];
    int boundary = 0;
    utf8proc_ssize_t count = utf8proc_decompose_char(
        code, parts, 8, UTF8PROC_DECOMPOSE, &boundary);
    return classify(count > 0 && count <= 8 ? parts[0] : code);
}

using Table = std::array<uint32_t, kTable>;

const Table& table() {
    static const Table made = [] {
        Table letters{};
        for (uint32_t code = 0; code < kTable; code++) {
            letters[code] = strip(static_cast<utf8proc_int32_t>(code));
        }
        return letters;
    }();
    return made;
}

bool is_ideograph(uint32_t code) {
    return (code >= 0x3040 && code <= 0x30ff)
           || (code >= 0x3400 && code <= 0x9fff)
           || (code >= 0xf900 && code <= 0xfaff)
           || (code >= 0x20000 && code <= 0x3ffff);
}

bool is_quote(uint32_t code) {
    return code == '"' || code == 0xab || code == 0x201c || code == 0x201e;
}

class Folder {
public:
    explicit Folder(FoldedText& out) : out_(out), letters_(table()) {
        if (out_.text.empty()) {
            out_.text.push_back(' ');
        }
    }

    void fold(Bytes text) {
        const char* p = text.data();
        const char* end = p + text.size();
        while (p < end) {
            auto byte = static_cast<unsigned char>(*p);
            if (byte < 0x80) {
                p++;
                uint32_t letter = letters_[byte];
                if (letter > kPassed) {
                    add_byte(static_cast<char>(letter));
                } else {
                    add_sign(byte);
                }
            } else {
                add_code(next(p, end));
            }
        }
        finish();
    }

private:
    // Not a code point that anything is made of when it is not UTF-8.
    static uint32_t next(const char*& p, const char* end) {
        utf8proc_int32_t code = -1;
        utf8proc_ssize_t size = utf8proc_iterate(
            reinterpret_cast<const utf8proc_uint8_t*>(p),
            end - p < 4 ? end - p : 4, &code);
        p += size > 0 ? size : 1;
        return size > 0 ? static_cast<uint32_t>(code) : uint32_t{0};
    }

    void add_byte(char letter) {
        if (size_ < kMaxWord) {
            out_.text.push_back(letter);
            size_++;
        }
    }

    void add_letter(uint32_t letter) {
        char bytes[4];
        auto size = static_cast<size_t>(utf8proc_encode_char(
            static_cast<utf8proc_int32_t>(letter),
            reinterpret_cast<utf8proc_uint8_t*>(bytes)));
        if (size_ + size <= kMaxWord) {
            out_.text.append(bytes, size);
            size_ += size;
        }
    }

    void add_code(uint32_t code) {
        uint32_t letter =
            code < kTable ? letters_[code]
                          : classify(static_cast<utf8proc_int32_t>(code));
        if (letter > kPassed) {
            if (is_ideograph(code)) {
                finish();
                add_letter(letter);
                finish();
            } else {
                add_letter(letter);
            }
        } else if (letter == kParts) {
            finish();
            if (is_quote(code)) {
                add_break();
            }
        }
    }

    // An ASCII character that is no letter.
    void add_sign(unsigned char sign) {
        if ((sign == '+' || sign == '#') && size_ > 0) {
            char last = out_.text.back();
            if (size_ == 1 || last == '+' || last == '#') {
                return add_byte(static_cast<char>(sign));
            }
        }
        finish();
        if (sign == '\n' || sign == ':' || sign == '"') {
            add_break();
        }
    }

    void finish() {
        if (size_ > 0) {
            out_.text.push_back(' ');
            out_.words++;
            size_ = 0;
        }
    }

    void add_break() {
        if (out_.breaks.size() < FoldedText::kMaxBreaks
            && (out_.breaks.empty() || out_.breaks.back() != out_.words)) {
            out_.breaks.push_back(out_.words);
        }
    }

    FoldedText& out_;
    const Table& letters_;
    size_t size_ = 0;  // of the word at hand, in bytes
};

}  // namespace

void FoldedText::clear() {
    text.clear();
    words = 0;
    breaks.clear();
}

void fold(Bytes text, FoldedText& out) {
    Folder(out).fold(text);
}

bool is_utf8(Bytes text, size_t& bad) {
    auto* p = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
    size_t at = 0;
    while (at < text.size()) {
        utf8proc_int32_t code = -1;
        size_t left = text.size() - at;
        utf8proc_ssize_t size = utf8proc_iterate(
            p + at, static_cast<utf8proc_ssize_t>(left < 4 ? left : 4),
            &code);
        if (size <= 0) {
            bad = at;
            return false;
        }
        at += static_cast<size_t>(size);
    }
    return true;
}

}  // namespace llm::route
