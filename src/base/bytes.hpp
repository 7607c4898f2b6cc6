// Bytes: small helpers over std::string_view. A view never owns; whoever
// hands one out says how long it lives. No locale anywhere: ASCII rules.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace llm {

using Bytes = std::string_view;

inline char ascii_lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// Of equal size.
bool same_letters(Bytes a, Bytes b);

inline bool equals_ignore_case(Bytes a, Bytes b) {
    return a.size() == b.size() && same_letters(a, b);
}

// Lower-case hexadecimal, two characters a byte.
std::string to_hex(Bytes bytes);
// The same to where there is room; returns where it ends.
char* write_hex(Bytes bytes, char* to);

// The inverse of to_hex, either case; false when it is not exactly 2 * size
// hexadecimal characters.
bool from_hex(Bytes hex, void* out, size_t size);

// Percent-encodes every byte but A-Z a-z 0-9 - . _ ~ so that a value can
// never forge the separators around it.
void append_percent_encoded(std::string& out, Bytes value);

// Appends `value` as a JSON string with its quotes. Control characters,
// quote and backslash are escaped; other bytes are copied as they are.
void append_json_string(std::string& out, Bytes value);

// Decimal digits of an integer.
void append_number(std::string& out, int64_t value);

// Strict unsigned decimal: digits only, no sign, no space; false on overflow.
bool parse_decimal(Bytes text, uint64_t& out);

}  // namespace llm
