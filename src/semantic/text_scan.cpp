#include "src/semantic/text_scan.hpp"

#include "src/semantic/fold.hpp"
#include "src/semantic/unicode.hpp"

namespace llm::semantic {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_ascii_letter(char c) {
    c = ascii_lower(c);
    return c >= 'a' && c <= 'z';
}

bool ends_sentence(uint32_t code) {
    return code == '.' || code == '!' || code == '?' || code == '\n'
           || code == ':' || code == 0xbf || code == 0xa1 || code == ';'
           || code == 0x2026;
}

bool is_sign(uint32_t code) {
    return code == '$' || code == '%' || code == 0xb0 || code == 0x2030
           || (code >= 0xa2 && code <= 0xa5)
           || (code >= 0x20a0 && code <= 0x20cf);
}

}  // namespace

void Scanner::skip_to_word() {
    while (p_ < end_) {
        const char* at = p_;
        uint32_t code = next_code_point(p_, end_);
        if (is_word_char(code)) {
            p_ = at;
            return;
        }
        if (code == '`') {
            code_ = !code_;
        }
        sentence_ = sentence_ || ends_sentence(code);
        before_previous_ = previous_;
        previous_ = code;
    }
}

// Whether the mark `code`, which is followed by `after`, is of the word.
bool Scanner::joins(uint32_t code, const char* after,
                    bool digit_before) const {
    if (after == end_) {
        return false;
    }
    char next = *after;
    switch (code) {
    case ',':
    case ':':
        return digit_before && is_digit(next);
    case '.':
        return is_digit(next) || is_ascii_letter(next);
    case '@':
    case '&':
        return is_digit(next) || is_ascii_letter(next);
    case '_':
        return true;
    default:
        return false;
    }
}

void Scanner::take_word(Scanned& out) {
    const char* begin = p_;
    size_t letters = 0;
    size_t uppers = 0;
    bool code_like = false;
    bool digits = false;
    bool lower_before = false;
    bool digit_before = false;
    const char* stop = p_;
    while (p_ < end_) {
        const char* at = p_;
        uint32_t code = next_code_point(p_, end_);
        if (!is_word_char(code)) {
            if (!joins(code, p_, digit_before)) {
                break;
            }
            code_like = code_like || code == '_'
                        || (code == '.' && !digit_before && letters > 1);
            continue;
        }
        stop = p_;
        digit_before = code >= '0' && code <= '9';
        if (digit_before) {
            digits = true;
        } else {
            bool upper = is_upper(code);
            out.upper = out.upper || (upper && at == begin);
            code_like = code_like || (upper && lower_before);
            lower_before = !upper;
            uppers += upper ? 1 : 0;
            letters++;
        }
        if ((code >= 0x80 && is_cjk(code)) || is_cjk_ahead()) {
            break;  // an ideograph stands alone
        }
    }
    p_ = stop;
    out.code = code_like;
    out.digits = digits;
    out.letters = letters > 0;
    out.caps = uppers > 1 && uppers + 1 >= letters;
    out.raw = {begin, static_cast<size_t>(stop - begin)};
}

bool Scanner::take_iso_date(Scanned& out) {
    if (end_ - p_ < 10) {
        return false;
    }
    constexpr Bytes kForm = "dddd-dd-dd";
    for (size_t i = 0; i < kForm.size(); i++) {
        if (kForm[i] == 'd' ? !is_digit(p_[i]) : p_[i] != '-') {
            return false;
        }
    }
    if (end_ - p_ > 10 && is_digit(p_[10])) {
        return false;
    }
    out.raw = {p_, kForm.size()};
    out.digits = out.date = true;
    p_ += kForm.size();
    return true;
}

void Scanner::take_sign(Scanned& out) {
    const char* peek = p_;
    if (peek < end_ && *peek == ' ') {
        peek++;  // "50 %", "20 °C"
    }
    if (peek == end_) {
        return;
    }
    uint32_t code = next_code_point(peek, end_);
    if (is_sign(code)) {
        out.after = code;
        p_ = peek;
    }
}

void Scanner::take_tail(Scanned& out) {
    if (end_ - p_ >= 3 && *p_ == '(' && is_ascii_letter(p_[1])
        && p_[2] == ')') {
        out.tail = {p_ + 1, 1};
        p_ += 3;
    }
}

// A word behind the apostrophe is not taken: "s" is a word of its own.
void Scanner::take_owner(Scanned& out) const {
    Bytes rest = this->rest();
    for (Bytes mark : {Bytes("'"), Bytes("\u2019")}) {
        if (!rest.starts_with(mark)) {
            continue;
        }
        rest.remove_prefix(mark.size());
        auto ends = [&](size_t at) {
            return at >= rest.size() || !is_ascii_letter(rest[at]);
        };
        bool one = rest.starts_with('s') && ends(1);
        bool several = out.raw.ends_with('s') && ends(0);
        out.owner = one       ? Scanned::Owner::kOne
                    : several ? Scanned::Owner::kSeveral
                              : Scanned::Owner::kNone;
        return;
    }
}

bool Scanner::next(Scanned& out) {
    out = {};
    skip_to_word();
    if (p_ == end_) {
        return false;
    }
    out.first = sentence_;
    bool apart = before_previous_ == ' ' || before_previous_ == '(';
    bool minus = apart && (previous_ == '-' || previous_ == 0x2212);
    if (is_sign(previous_) || minus || (previous_ == '.' && apart)) {
        out.before = minus ? '-' : previous_;
    }
    bool code = code_;
    if (!take_iso_date(out)) {
        take_word(out);
    }
    out.code = out.code || code;
    if (out.digits) {
        take_tail(out);
        take_sign(out);
    } else if (end_ - p_ > 0 && (*p_ == '+' || *p_ == '#')
               && out.raw.size() == 1) {
        while (p_ < end_ && (*p_ == '+' || *p_ == '#')) {
            p_++;  // c++, c#
        }
        out.raw = {out.raw.data(), static_cast<size_t>(p_ - out.raw.data())};
    }
    out.joined = p_ < end_ && *p_ == '-';
    take_owner(out);
    sentence_ = false;
    before_previous_ = 'a';
    previous_ = 'a';
    return true;
}

}  // namespace llm::semantic
