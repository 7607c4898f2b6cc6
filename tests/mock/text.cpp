#include "tests/mock/text.hpp"

#include <algorithm>
#include <cstring>

namespace llm::mock {

void append_utf8(std::string& out, std::uint32_t code) {
    auto put = [&out](std::uint32_t byte) {
        out.push_back(static_cast<char>(byte));
    };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xc0 | code >> 6);
        put(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        put(0xe0 | code >> 12);
        put(0x80 | (code >> 6 & 0x3f));
        put(0x80 | (code & 0x3f));
    } else {
        put(0xf0 | code >> 18);
        put(0x80 | (code >> 12 & 0x3f));
        put(0x80 | (code >> 6 & 0x3f));
        put(0x80 | (code & 0x3f));
    }
}

namespace {

bool continues(std::string_view text, std::size_t at, unsigned low,
               unsigned high) {
    if (at >= text.size()) {
        return false;
    }
    auto byte = static_cast<unsigned char>(text[at]);
    return byte >= low && byte <= high;
}

// Length of the well-formed sequence at `at` (Unicode table 3-7), 0 for none.
std::size_t sequence(std::string_view text, std::size_t at) {
    auto lead = static_cast<unsigned char>(text[at]);
    std::size_t length = 0;
    unsigned low = 0x80;
    unsigned high = 0xbf;
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
        length = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        length = 3;
        low = lead == 0xe0 ? 0xa0 : low;
        high = lead == 0xed ? 0x9f : high;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        length = 4;
        low = lead == 0xf0 ? 0x90 : low;
        high = lead == 0xf4 ? 0x8f : high;
    } else {
        return 0;
    }
    if (!continues(text, at + 1, low, high)) {
        return 0;
    }
    for (std::size_t i = 2; i < length; ++i) {
        if (!continues(text, at + i, 0x80, 0xbf)) {
            return 0;
        }
    }
    return length;
}

void append_special(std::string& out, std::string_view text, std::size_t& at) {
    auto byte = static_cast<unsigned char>(text[at]);
    if (byte >= 0x80) {
        std::size_t length = sequence(text, at);
        if (length == 0) {
            append_utf8(out, 0xfffd);
            ++at;
        } else {
            out.append(text.substr(at, length));
            at += length;
        }
        return;
    }
    ++at;
    static constexpr std::string_view kFrom = "\"\\\b\f\n\r\t";
    static constexpr std::string_view kTo = "\"\\bfnrt";
    std::size_t known = kFrom.find(static_cast<char>(byte));
    if (known != std::string_view::npos) {
        out.push_back('\\');
        out.push_back(kTo[known]);
        return;
    }
    static constexpr char kHex[] = "0123456789abcdef";
    out += "\\u00";
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 15]);
}

bool plain(char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

}  // namespace

void append_quoted(std::string& out, std::string_view text) {
    out.push_back('"');
    std::size_t at = 0;
    while (at < text.size()) {
        std::size_t start = at;
        while (at < text.size() && plain(text[at])) {
            ++at;
        }
        out.append(text.substr(start, at - start));
        if (at < text.size()) {
            append_special(out, text, at);
        }
    }
    out.push_back('"');
}

std::string quoted(std::string_view text) {
    std::string out;
    append_quoted(out, text);
    return out;
}

std::string base64(std::string_view bytes) {
    static constexpr char kAlphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            std::uint32_t byte =
                k < have ? static_cast<unsigned char>(bytes[i + k]) : 0U;
            group = group << 8 | byte;
        }
        for (std::size_t k = 0; k < 4; ++k) {
            out.push_back(k <= have ? kAlphabet[group >> (18 - 6 * k) & 63]
                                    : '=');
        }
    }
    return out;
}

std::string percent_decoded(std::string_view text) {
    auto digit = [](char c) {
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                      : -1;
    };
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0
            && digit(text[i + 2]) >= 0) {
            out.push_back(static_cast<char>(digit(text[i + 1]) * 16
                                            + digit(text[i + 2])));
            i += 2;
        } else {
            out.push_back(text[i]);
        }
    }
    return out;
}

namespace {

// Odd constants of no meaning; all that matters is that bits spread.
std::uint64_t scramble(std::uint64_t value) {
    value ^= value >> 31;
    value *= 0xd6e8a3c15b97f24dULL;
    value ^= value >> 29;
    value *= 0xa5c39f1e7b24d86bULL;
    return value ^ value >> 32;
}

std::string drawn(std::uint64_t seed, std::size_t length,
                  std::string_view alphabet) {
    std::string out;
    std::uint64_t pool = 0;
    for (std::size_t i = 0; i < length; ++i) {
        if (i % 8 == 0) {
            pool = scramble(seed + i + 1);
        }
        out.push_back(alphabet[pool % alphabet.size()]);
        pool /= alphabet.size();
    }
    return out;
}

}  // namespace

std::uint64_t mix(std::string_view bytes, std::uint64_t seed) {
    std::uint64_t state = seed ^ bytes.size() * 0x9e3779b97f4a7c15ULL;
    std::size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + at, 8);
        state = (state ^ word) * 0xb7c41e9d2f6a8053ULL;
        state ^= state >> 29;
    }
    std::uint64_t tail = 0;
    std::memcpy(&tail, bytes.data() + at, bytes.size() - at);
    return scramble(state ^ tail);
}

std::string hex(std::uint64_t seed, std::size_t length) {
    return drawn(seed, length, "0123456789abcdef");
}

std::string letters(std::uint64_t seed, std::size_t length) {
    return drawn(
        seed, length,
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
}

std::string_view clip(std::string_view text, std::size_t limit) {
    if (text.size() <= limit) {
        return text;
    }
    std::size_t end = limit;
    while (end > 0 && limit - end < 4
           && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) {
        --end;
    }
    return text.substr(0, end);
}

namespace {

std::vector<std::string> by_bytes(std::string_view text, std::size_t wanted) {
    std::vector<std::string> out;
    std::size_t at = 0;
    for (std::size_t i = 0; i < wanted && at < text.size(); ++i) {
        std::size_t left = wanted - i;
        std::size_t take =
            std::max<std::size_t>(1, (text.size() - at) / left);
        while (at + take < text.size()
               && (static_cast<unsigned char>(text[at + take]) & 0xc0)
                      == 0x80) {
            ++take;
        }
        if (left == 1) {
            take = text.size() - at;
        }
        out.emplace_back(text.substr(at, take));
        at += take;
    }
    return out;
}

}  // namespace

std::size_t count_words(std::string_view text) {
    std::size_t words = text.empty() ? 0 : 1;
    for (std::size_t i = 1; i < text.size(); ++i) {
        words += text[i] == ' ' && text[i - 1] != ' ' ? 1 : 0;
    }
    return words;
}

std::vector<std::string> pieces(std::string_view text, std::size_t wanted) {
    std::size_t words = count_words(text);
    std::size_t target = wanted == 0 ? std::min(words, kMaxPieces) : wanted;
    if (words < target) {
        return by_bytes(text, target);
    }
    std::vector<std::string> out;
    std::size_t start = 0;
    std::size_t word = 1;
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] != ' ' || text[i - 1] == ' ') {
            continue;
        }
        if (word * target / words > out.size()) {
            out.emplace_back(text.substr(start, i - start));
            start = i;
        }
        ++word;
    }
    if (start < text.size()) {
        out.emplace_back(text.substr(start));
    }
    return out;
}

}  // namespace llm::mock
