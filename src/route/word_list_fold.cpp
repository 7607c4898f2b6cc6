#include "src/route/word_list_fold.hpp"

#include <utf8proc.h>

#include <array>
#include <cstring>

namespace llm::route {
namespace {

// What a code point becomes: a letter, or one of these.
constexpr uint32_t kParts = 0;   // words
constexpr uint32_t kPassed = 1;  // over
constexpr uint32_t kTable = 0x2000;

// A letter as it is written, in UTF-8; of size 0, with what it is instead.
struct Written {
    char bytes[4];
    uint8_t size;
    uint8_t instead;
};

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

Written write(uint32_t letter) {
    Written out{};
    if (letter <= kPassed) {
        out.instead = static_cast<uint8_t>(letter);
        return out;
    }
    out.size = static_cast<uint8_t>(utf8proc_encode_char(
        static_cast<utf8proc_int32_t>(letter),
        reinterpret_cast<utf8proc_uint8_t*>(out.bytes)));
    return out;
}

using Table = std::array<Written, kTable>;

const Table& table() {
    static const Table made = [] {
        Table letters{};
        for (uint32_t code = 0; code < kTable; code++) {
            letters[code] =
                write(strip(static_cast<utf8proc_int32_t>(code)));
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

// No code point of n bytes becomes more than n + 1, with the space behind it
// that an ideograph has, and no word ends without a sign or the text's end.
constexpr size_t most_of(size_t bytes) {
    return 2 * bytes + sizeof(Written);
}

class Folder {
public:
    explicit Folder(FoldedText& out) : out_(out), letters_(table()) {}

    void fold(Bytes text) {
        size_t before = out_.text.size();
        out_.text.resize(before + 1 + most_of(text.size()));
        to_ = out_.text.data() + before;
        if (before == 0) {
            *to_++ = ' ';
        }
        const char* p = text.data();
        const char* end = p + text.size();
        while (p < end) {
            auto byte = static_cast<unsigned char>(*p);
            if (byte < 0x80) {
                p++;
                const Written& letter = letters_[byte];
                letter.size > 0 ? add(letter) : add_sign(byte);
            } else {
                add_code(next(p, end));
            }
        }
        finish();
        out_.text.resize(static_cast<size_t>(to_ - out_.text.data()));
    }

private:
    // Not a code point that anything is made of when it is not UTF-8.
    static uint32_t next(const char*& p, const char* end) {
        auto first = static_cast<unsigned char>(p[0]);
        if (first >= 0xc2 && first < 0xe0 && end - p > 1
            && (static_cast<unsigned char>(p[1]) & 0xc0) == 0x80) {
            p += 2;
            return (first & 0x1fu) << 6
                   | (static_cast<unsigned char>(p[-1]) & 0x3fu);
        }
        utf8proc_int32_t code = -1;
        utf8proc_ssize_t size = utf8proc_iterate(
            reinterpret_cast<const utf8proc_uint8_t*>(p),
            end - p < 4 ? end - p : 4, &code);
        p += size > 0 ? size : 1;
        return size > 0 ? static_cast<uint32_t>(code) : uint32_t{0};
    }

    void add(const Written& letter) {
        if (size_ + letter.size <= kMaxWord) {
            std::memcpy(to_, letter.bytes, sizeof(letter.bytes));
            to_ += letter.size;
            size_ += letter.size;
        }
    }

    void add_code(uint32_t code) {
        if (code >= kTable) {
            return add_far(code);
        }
        const Written& letter = letters_[code];
        if (letter.size > 0) {
            add(letter);
        } else if (letter.instead == kParts) {
            part(code);
        }
    }

    // Beyond the table.
    void add_far(uint32_t code) {
        Written letter = write(classify(static_cast<utf8proc_int32_t>(code)));
        if (letter.size == 0) {
            if (letter.instead == kParts) {
                part(code);
            }
        } else if (is_ideograph(code)) {
            finish();
            add(letter);
            finish();
        } else {
            add(letter);
        }
    }

    void part(uint32_t code) {
        finish();
        if (is_quote(code)) {
            add_break();
        }
    }

    // An ASCII character that is no letter.
    void add_sign(unsigned char sign) {
        if ((sign == '+' || sign == '#') && size_ > 0) {
            char last = to_[-1];
            if (size_ == 1 || last == '+' || last == '#') {
                return add({{static_cast<char>(sign)}, 1, 0});
            }
        }
        finish();
        if (sign == '\n' || sign == ':' || sign == '"') {
            add_break();
        }
    }

    void finish() {
        if (size_ > 0) {
            *to_++ = ' ';
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
    char* to_ = nullptr;  // the end of what is written
    size_t size_ = 0;     // of the word at hand, in bytes
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
