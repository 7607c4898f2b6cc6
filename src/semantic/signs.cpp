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

}  // namespace

Signs signs_of(Bytes text) {
    Signs signs;
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
    return a.formula != b.formula
           || (a.pictures != 0 && b.pictures != 0
               && a.pictures != b.pictures);
}

}  // namespace llm::semantic
