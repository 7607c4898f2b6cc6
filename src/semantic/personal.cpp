#include "src/semantic/personal.hpp"

#include <cstdint>

namespace llm::semantic {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_word_char(char c) {
    return is_digit(c) || is_letter(c) || c == '_'
           || (static_cast<unsigned char>(c) & 0x80) != 0;
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
            bool apart = (text[at] == ' ' || text[at] == '-')
                         && group >= kSmallestGroup;
            if (!apart || at + 1 == text.size() || !is_digit(text[at + 1])) {
                return false;
            }
            group = 0;
            continue;
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
        char c = text[at];
        if (c == ' ' || c == '-') {
            if (ends_at(text, at + 1)) {
                return false;
            }
            continue;
        }
        if (!is_digit(c) && !is_letter(c)) {
            return false;
        }
        rest = mod97(rest, c);
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
    constexpr Bytes kForm = "000-00-0000";
    Bytes number = text.substr(at, kForm.size());
    if (number.size() < kForm.size() || !ends_at(text, at + kForm.size())
        || (at + kForm.size() + 1 < text.size()
            && text[at + kForm.size()] == '-'
            && is_digit(text[at + kForm.size() + 1]))) {
        return false;
    }
    for (size_t i = 0; i < kForm.size(); i++) {
        if (kForm[i] == '-' ? number[i] != '-' : !is_digit(number[i])) {
            return false;
        }
    }
    Bytes area = number.substr(0, 3);
    return area != "000" && area != "666" && area[0] != '9'
           && number.substr(4, 2) != "00" && number.substr(7) != "0000";
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
