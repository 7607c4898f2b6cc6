#include "src/semantic/fold.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "src/base/hash.hpp"

namespace llm::semantic {
namespace {

utf8proc_category_t category(uint32_t code) {
    return utf8proc_category(static_cast<utf8proc_int32_t>(code));
}

bool ends_with(const std::string& word, Bytes end) {
    return Bytes(word).ends_with(end);
}

bool is_vowel(char c) {
    return Bytes("aeiouy").find(c) != Bytes::npos;
}

bool has_vowel(Bytes word) {
    return std::any_of(word.begin(), word.end(), is_vowel);
}

// Cuts `end` when at least `least` bytes with a vowel stay.
bool cut(std::string& word, Bytes end, size_t least) {
    if (word.size() < end.size() + least || !ends_with(word, end)
        || !has_vowel(Bytes(word).substr(0, word.size() - end.size()))) {
        return false;
    }
    word.resize(word.size() - end.size());
    return true;
}

void stem_english(std::string& word) {
    if (word.size() < 4) {
        if (word.size() == 3 && ends_with(word, "s") && word[1] != 's'
            && !is_vowel(word[1])) {
            word.pop_back();  // pcs, ids, tvs
        }
        return;
    }
    if (ends_with(word, "ies") && word.size() > 4) {
        word.replace(word.size() - 3, 3, "y");
    } else if (ends_with(word, "sses") || ends_with(word, "shes")
               || ends_with(word, "ches") || ends_with(word, "xes")
               || ends_with(word, "zes") || ends_with(word, "oes")) {
        word.resize(word.size() - 2);
    } else if (ends_with(word, "s") && !ends_with(word, "ss")
               && !ends_with(word, "us") && !ends_with(word, "is")) {
        word.pop_back();
    }
    if (!ends_with(word, "eed") && !cut(word, "edly", 3)) {
        if (!cut(word, "ingly", 3) && !cut(word, "ing", 3)) {
            if (ends_with(word, "ied") && word.size() > 4) {
                word.replace(word.size() - 3, 3, "y");
            } else {
                cut(word, "ed", 3);
            }
        }
    }
    if (word.size() > 5) {
        cut(word, "ly", 4);
    }
    if (word.size() > 3 && word.back() == 'e') {
        word.pop_back();
    }
    size_t size = word.size();
    if (size > 2 && word[size - 1] == word[size - 2] && !is_vowel(word.back())
        && word.back() != 's') {
        word.pop_back();
    }
    if (word.size() > 3 && word.back() == 'y') {
        word.back() = 'i';
    }
}

// Endings, by their last byte and from the longest on, each bytes of UTF-8.
template <size_t N>
struct Ends {
    constexpr explicit Ends(const Bytes (&list)[N]) {
        size_t count = 0;
        for (size_t i = 0; i < kLasts; i++) {
            from[i] = static_cast<uint8_t>(count);
            for (Bytes end : list) {
                if (last_of(end) == i) {
                    ends[count++] = end;
                }
            }
        }
        from[kLasts] = static_cast<uint8_t>(count);
    }

    // 32 kinds of last bytes: a byte's low five bits.
    static constexpr size_t kLasts = 32;
    static constexpr size_t last_of(Bytes text) {
        return static_cast<size_t>(text.back()) % kLasts;
    }

    std::array<Bytes, N> ends{};
    std::array<uint8_t, kLasts + 1> from{};
};

// Cuts the first that leaves `least` bytes.
template <size_t N>
bool cut_first(std::string& word, const Ends<N>& ends, size_t least) {
    if (word.size() <= least) {
        return false;
    }
    size_t last = Ends<N>::last_of(word);
    for (size_t i = ends.from[last]; i < ends.from[last + 1]; i++) {
        Bytes end = ends.ends[i];
        if (word.size() >= end.size() + least && ends_with(word, end)) {
            word.resize(word.size() - end.size());
            return true;
        }
    }
    return false;
}

// Endings of verbs, which leave more than those of nouns, so that "comer" is
// not "como": activar, activo; activez, activa; отменить, отмена.
constexpr Ends kSpanishVerbEnds({"ando", "iendo", "amos", "emos", "imos",
                                 "ar", "er", "ir", "an", "en"});
constexpr Ends kRomanianVerbEnds({"easca", "eaza", "esc", "ez", "are", "ire",
                                  "ati", "am"});
constexpr Ends kRussianVerbEnds({"ивать", "ывать", "ить", "ать", "ять",
                                 "еть", "уть"});
constexpr Ends kSpanishEnds({"amente", "mente", "es", "os", "as", "s", "o",
                             "a", "e"});
constexpr Ends kRomanianEnds({"ului", "ilor", "elor", "urile", "urilor",
                              "ului", "lor", "ile", "ele", "uri", "ul", "ei",
                              "le", "a", "e", "i", "u"});
// й folds into и, ё into е.
constexpr Ends kRussianEnds({
    "иями", "ями", "ами", "ого", "его", "ому", "ему", "ыми", "ими", "иях",
    "ах",   "ях",  "ов",  "ев",  "еи",  "ии",  "ыи",  "ои",  "ая",  "яя",
    "ое",   "ее",  "ую",  "юю",  "ые",  "ие",  "ом",  "ем",  "ам",  "ям",
    "ию",   "ия",  "ью",  "ых",  "их",  "ым",  "им",  "а",   "е",   "и",
    "о",    "у",   "ы",   "ь",   "ю",   "я"});

void stem_spanish(std::string& word) {
    if (!cut_first(word, kSpanishVerbEnds, 5)) {
        cut_first(word, kSpanishEnds, 3);
    }
    if (ends_with(word, "zc")) {
        word.erase(word.size() - 2, 1);  // conozco, conocer
    }
}

}  // namespace

bool is_wide_word_char(uint32_t code) {
    switch (category(code)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return true;
    default:
        return false;
    }
}

bool is_wide_upper(uint32_t code) {
    return category(code) == UTF8PROC_CATEGORY_LU
           || category(code) == UTF8PROC_CATEGORY_LT;
}

// Marks that many leave out: accents of Latin, Greek and Cyrillic letters, the
// points of Hebrew, the vowels of Arabic, what says how an emoji is drawn. In
// other scripts a mark makes another letter or is a vowel: か, が; หมู, หมี.
bool is_optional_mark(uint32_t code) {
    struct Range {
        uint32_t first, last;
    };
    constexpr Range kOptional[] = {
        {0x300, 0x36f},   {0x483, 0x487},   {0x591, 0x5c7},
        {0x610, 0x61a},   {0x64b, 0x65f},   {0x670, 0x670},
        {0x6d6, 0x6ed},   {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
        {0x20d0, 0x20f0}, {0xfe00, 0xfe2f}};
    return std::any_of(std::begin(kOptional), std::end(kOptional),
                       [&](const Range& range) {
                           return code >= range.first && code <= range.last;
                       })
           && category(code) == UTF8PROC_CATEGORY_MN;
}

void fold_to(uint32_t code, std::string& out) {
    if (code < 0x80) {
        out += ascii_lower(static_cast<char>(code));
        return;
    }
    utf8proc_int32_t parts[16];
    int last_class = 0;
    auto options = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE
                                                  | UTF8PROC_CASEFOLD);
    utf8proc_ssize_t count = utf8proc_decompose_char(
        static_cast<utf8proc_int32_t>(code), parts, 16, options, &last_class);
    if (count < 0 || count > 16) {
        return;
    }
    for (utf8proc_ssize_t i = 0; i < count; i++) {
        auto part = static_cast<uint32_t>(parts[i]);
        if (is_optional_mark(part)) {
            continue;
        }
        char bytes[4];
        out.append(bytes, write_utf8(part, bytes));
    }
}

void fold_to(Bytes text, std::string& out) {
    const char* p = text.data();
    const char* end = p + text.size();
    const char* wide =
        std::find_if(p, end, [](char c) { return (c & 0x80) != 0; });
    size_t from = out.size();
    out.append(p, wide);
    std::for_each(out.begin() + static_cast<std::ptrdiff_t>(from), out.end(),
                  [](char& c) { c = ascii_lower(c); });
    for (p = wide; p < end;) {
        fold_to(next_code_point(p, end), out);
    }
}

uint32_t accents_of(Bytes word) {
    constexpr uint32_t kFirst = 0x300;
    constexpr uint32_t kLast = 0x36f;
    constexpr uint32_t kComma = 0x326;  // below: ș, which many write as ş
    constexpr uint32_t kCedilla = 0x327;
    constexpr uint32_t kLatinEnd = 0x370;
    uint64_t digest = 0;
    const char* p = word.data();
    const char* end = p + word.size();
    if (std::all_of(p, end, [](char c) { return (c & 0x80) == 0; })) {
        return 0;
    }
    for (uint64_t place = 0; p < end; place++) {
        uint32_t code = next_code_point(p, end);
        utf8proc_int32_t parts[16];
        int last_class = 0;
        utf8proc_ssize_t count =
            code < 0x80 ? 0
                        : utf8proc_decompose_char(
                              static_cast<utf8proc_int32_t>(code), parts, 16,
                              UTF8PROC_DECOMPOSE, &last_class);
        bool alone = code >= kFirst && code <= kLast;
        place -= alone ? 1 : 0;  // of the letter before
        count = std::min<utf8proc_ssize_t>(count, 16);
        for (utf8proc_ssize_t i = alone ? 0 : 1; i < count; i++) {
            auto mark = static_cast<uint32_t>(parts[i]);
            if (static_cast<uint32_t>(parts[0]) < kLatinEnd && mark >= kFirst
                && mark <= kLast) {
                uint64_t said[] = {digest, place,
                                   mark == kCedilla ? kComma : mark};
                digest = hash64(Bytes(reinterpret_cast<const char*>(said),
                                      sizeof(said)));
            }
        }
    }
    return digest == 0 ? 0 : static_cast<uint32_t>(digest) | 1;
}

void lower_to(uint32_t code, std::string& out) {
    if (code < 0x80) {
        out += ascii_lower(static_cast<char>(code));
        return;
    }
    char bytes[4];
    auto lower = utf8proc_tolower(static_cast<utf8proc_int32_t>(code));
    out.append(bytes, write_utf8(static_cast<uint32_t>(lower), bytes));
}

void stem(Language language, std::string& word) {
    switch (language) {
    case Language::kEnglish:
        return stem_english(word);
    case Language::kSpanish:
        return stem_spanish(word);
    case Language::kRomanian:
        if (!cut_first(word, kRomanianVerbEnds, 4)) {
            cut_first(word, kRomanianEnds, 3);
        }
        return;
    case Language::kRussian:
        if (!cut_first(word, kRussianVerbEnds, 10)) {
            cut_first(word, kRussianEnds, 6);
        }
        return;
    }
}

}  // namespace llm::semantic
