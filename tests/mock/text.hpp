// Bytes and text of the mock upstream: JSON strings, base64, a fast hash that
// everything "random" in an answer is derived from, and the cutting of a text
// into the pieces that a model would stream.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llm::mock {

void append_utf8(std::string& out, std::uint32_t code);

// Appends a quoted JSON string; bytes that are not UTF-8 become U+FFFD.
void append_quoted(std::string& out, std::string_view text);
std::string quoted(std::string_view text);

std::string base64(std::string_view bytes);
std::string percent_decoded(std::string_view text);

// A hash of any bytes, eight at a time; stable, not cryptographic.
std::uint64_t mix(std::string_view bytes, std::uint64_t seed);

// `length` characters of [0-9a-f] or [0-9A-Za-z] that follow from `seed`.
std::string hex(std::uint64_t seed, std::size_t length);
std::string letters(std::uint64_t seed, std::size_t length);

// The longest prefix of at most `limit` bytes that ends between code points.
std::string_view clip(std::string_view text, std::size_t limit);

// Cuts `text` into word-like pieces (a word with the space before it), or
// into exactly `wanted` pieces when the text has that many code points; 0
// means as it comes, at most kMaxPieces. The pieces joined give the text.
constexpr std::size_t kMaxPieces = 400;
std::vector<std::string> pieces(std::string_view text, std::size_t wanted);

std::size_t count_words(std::string_view text);

}  // namespace llm::mock
