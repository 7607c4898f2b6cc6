#include "src/base/bytes.hpp"

#include <gtest/gtest.h>

namespace llm {
namespace {

TEST(Hex, ThereAndBack) {
    std::string bytes("\x00\x7f\xff\x10", 4);
    EXPECT_EQ(to_hex(bytes), "007fff10");
    std::string back(4, 'x');
    EXPECT_TRUE(from_hex("007FfF10", back.data(), 4));
    EXPECT_EQ(back, bytes);
    EXPECT_FALSE(from_hex("007fff1", back.data(), 4));
    EXPECT_FALSE(from_hex("007fff1g", back.data(), 4));
}

TEST(PercentEncoding, LeavesTheUnreservedAlone) {
    std::string out = "=";
    append_percent_encoded(out, "aZ09-._~");
    EXPECT_EQ(out, "=aZ09-._~");
}

TEST(PercentEncoding, EncodesEverythingElse) {
    std::string out;
    append_percent_encoded(out, Bytes("a:b%\n\x00\xc3\xa9 ", 9));
    EXPECT_EQ(out, "a%3ab%25%0a%00%c3%a9%20");
}

TEST(JsonString, EscapesWhatItMust) {
    std::string out;
    append_json_string(out, Bytes("a\"\\\n\t\x01\x7f\xc3\xa9", 9));
    EXPECT_EQ(out, "\"a\\\"\\\\\\n\\t\\u0001\x7f\xc3\xa9\"");
}

// Every byte value at every place of a word, beside a byte-by-byte answer.
TEST(JsonString, EveryByteAtEveryPlace) {
    for (int c = 0; c < 256; c++) {
        for (size_t at = 0; at < 19; at++) {
            std::string text(19, '\xe9');
            text[at] = static_cast<char>(c);
            std::string one;
            append_json_string(one, Bytes(text).substr(at, 1));
            std::string want = "\"" + text.substr(0, at)
                               + one.substr(1, one.size() - 2)
                               + text.substr(at + 1) + "\"";
            std::string out;
            append_json_string(out, text);
            ASSERT_EQ(out, want) << c << " at " << at;
        }
    }
}

TEST(Decimal, IsStrict) {
    uint64_t value = 0;
    EXPECT_TRUE(parse_decimal("18446744073709551615", value));
    EXPECT_EQ(value, UINT64_MAX);
    for (Bytes bad : {"", "-1", "+1", " 1", "1 ", "18446744073709551616"}) {
        EXPECT_FALSE(parse_decimal(bad, value)) << bad;
    }
}

TEST(IgnoreCase, AsciiAlone) {
    EXPECT_TRUE(equals_ignore_case("Content-TYPE", "content-type"));
    EXPECT_FALSE(equals_ignore_case("a", "ab"));
    EXPECT_FALSE(equals_ignore_case("\xc3\x89", "\xc3\xa9"));
}

// Every byte against every other, at each place of texts of each size.
TEST(IgnoreCase, IsThatOfEachByte) {
    auto lower = [](int c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; };
    for (size_t size : {1, 7, 8, 9, 15, 16, 17}) {
        for (size_t place = 0; place < size; place++) {
            std::string a(size, 'K');
            std::string b(size, 'k');
            for (int x = 0; x < 256; x++) {
                for (int y = 0; y < 256; y++) {
                    a[place] = static_cast<char>(x);
                    b[place] = static_cast<char>(y);
                    ASSERT_EQ(equals_ignore_case(a, b), lower(x) == lower(y))
                        << size << ' ' << place << ' ' << x << ' ' << y;
                }
            }
        }
    }
}

}  // namespace
}  // namespace llm
