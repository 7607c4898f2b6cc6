#include "src/semantic/personal.hpp"

#include <string>

namespace llm::semantic {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Letters of other alphabets end no number: Chinese puts no space between.
bool is_word_char(char c) {
    return is_digit(c) || is_letter(c);
}

// Whether a word, or but a group of one, ends before `at`.
bool ends_at(Bytes text, size_t at) {
    return at >= text.size() || !is_word_char(text[at]);
}

// A number's own beginning: neither within a word nor behind a point.
bool begins_at(Bytes text, size_t at) {
    return at == 0
           || (!is_word_char(text[at - 1])
               && !(at > 1 && is_digit(text[at - 2])
                    && (text[at - 1] == '.' || text[at - 1] == ',')));
}

// The size of a space, a hyphen, a dash or a point at `at`; 0: none is there.
size_t gap_at(Bytes text, size_t at) {
    constexpr Bytes kWide[] = {
        "\xc2\xa0",      // no-break space
        "\xe2\x80\x89",  // thin space
        "\xe2\x80\xaf",  // narrow no-break space
        "\xe2\x80\x90",  // hyphen
        "\xe2\x80\x91",  // no-break hyphen
        "\xe2\x80\x93",  // en dash
    };
    char c = text[at];
    if ((static_cast<unsigned char>(c) & 0x80) == 0) {
        return c == ' ' || c == '-' || c == '.' ? 1 : 0;
    }
    for (Bytes wide : kWide) {
        if (text.substr(at).starts_with(wide)) {
            return wide.size();
        }
    }
    return 0;
}

// Behind what stands between two groups: " - " at the most.
size_t behind_gap(Bytes text, size_t at) {
    constexpr size_t kMost = 3;
    for (size_t i = 0; i < kMost && at < text.size(); i++) {
        at += gap_at(text, at);
    }
    return at;
}

// Luhn's sum is kept both ways, since which digits are doubled is only known
// at the end.
bool card_at(Bytes text, size_t at) {
    constexpr size_t kFewest = 13;
    constexpr size_t kMost = 19;
    constexpr size_t kSmallestGroup = 3;
    if (text[at] < '2' || text[at] > '6') {
        return false;
    }
    unsigned sums[2] = {};
    size_t group = 0;
    for (size_t digits = 0; at < text.size() && digits < kMost; at++) {
        if (!is_digit(text[at])) {
            size_t next = behind_gap(text, at);
            if (group < kSmallestGroup || next == at || next == text.size()
                || !is_digit(text[next])) {
                return false;
            }
            group = 0;
            at = next;
        }
        auto digit = static_cast<unsigned>(text[at] - '0');
        unsigned twice = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
        unsigned even = sums[0] + twice;
        sums[0] = sums[1] + digit;
        sums[1] = even;
        digits++;
        group++;
        if (digits >= kFewest && group >= kSmallestGroup
            && sums[0] % 10 == 0 && ends_at(text, at + 1)) {
            return true;
        }
    }
    return false;
}

unsigned mod97(unsigned rest, char c) {
    if (is_digit(c)) {
        return (rest * 10 + static_cast<unsigned>(c - '0')) % 97;
    }
    return (rest * 100 + static_cast<unsigned>((c | 0x20) - 'a') + 10) % 97;
}

bool iban_at(Bytes text, size_t at) {
    constexpr size_t kHead = 4;
    constexpr size_t kFewest = 11;  // behind the head
    constexpr size_t kMost = 30;
    if (text.size() - at < kHead + kFewest || !is_letter(text[at])
        || !is_letter(text[at + 1]) || !is_digit(text[at + 2])
        || !is_digit(text[at + 3])) {
        return false;
    }
    Bytes head = text.substr(at, kHead);
    unsigned rest = 0;
    size_t count = 0;
    for (at += kHead; at < text.size() && count < kMost; at++) {
        at = behind_gap(text, at);
        if (ends_at(text, at)) {
            return false;
        }
        rest = mod97(rest, text[at]);
        count++;
        if (count < kFewest || !ends_at(text, at + 1)) {
            continue;
        }
        unsigned whole = rest;
        for (char h : head) {
            whole = mod97(whole, h);
        }
        if (whole == 1) {
            return true;
        }
    }
    return false;
}

// 123-45-6789; of the numbers that were ever issued.
bool social_security_at(Bytes text, size_t at) {
    constexpr size_t kGroups[] = {3, 2, 4};
    std::string number;
    for (size_t group : kGroups) {
        size_t from = number.empty() ? at : behind_gap(text, at);
        if (from == at && !number.empty()) {
            return false;
        }
        for (at = from; at < from + group; at++) {
            if (at >= text.size() || !is_digit(text[at])) {
                return false;
            }
            number += text[at];
        }
    }
    if (!ends_at(text, at)
        || (at + 1 < text.size() && text[at] == '-'
            && is_digit(text[at + 1]))) {
        return false;
    }
    Bytes all = number;
    Bytes area = all.substr(0, 3);
    return area != "000" && area != "666" && area[0] != '9'
           && all.substr(3, 2) != "00" && all.substr(5) != "0000";
}

}  // namespace

bool holds_personal_number(Bytes text) {
    for (size_t at = 0; at < text.size(); at++) {
        bool digit = is_digit(text[at]);
        if ((digit || is_letter(text[at])) && begins_at(text, at)
            && (digit ? card_at(text, at) || social_security_at(text, at)
                      : iban_at(text, at))) {
            return true;
        }
    }
    return false;
}

}  // namespace llm::semantic
