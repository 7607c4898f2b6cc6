// Each line is one text, cut up as the expressions in pieces.hpp say.
#include "src/tokens/pieces.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace llm::tokens {
namespace {

using List = std::vector<std::string>;

List pieces(Encoding encoding, Bytes text) {
    List list;
    Pieces pieces(encoding, text);
    for (Bytes piece = pieces.next(); !piece.empty(); piece = pieces.next()) {
        list.emplace_back(piece);
    }
    return list;
}

struct Case {
    List both;    // the pieces; the text is what they make together
    List o200k;   // where it cuts otherwise
};

void check(const std::vector<Case>& cases) {
    for (const Case& c : cases) {
        std::string text;
        for (const std::string& piece : c.both) {
            text += piece;
        }
        EXPECT_EQ(c.both, pieces(Encoding::kCl100k, text)) << text;
        EXPECT_EQ(c.o200k.empty() ? c.both : c.o200k,
                  pieces(Encoding::kO200k, text))
            << text;
    }
}

TEST(TokensPieces, Words) {
    check({
        {{}, {}},
        {{"Hello", " world", "!"}, {}},
        {{"(hello", ")", " _", "world", "_"}, {}},
        {{"\thello", " ", " world"}, {}},
        {{"straße", " \u0416\u0443\u043a"}, {}},
        {{"\u6f22\u5b57\u304b\u306a"}, {}},
        {{"\u00aaa"}, {}},
        {{"x", "\u00b2"}, {}},
        // Case divides words in o200k alone.
        {{"fooBar"}, {"foo", "Bar"}},
        {{"HTTPServer"}, {"HTTPServer"}},
        {{"getHTTPServer"}, {"get", "HTTPServer"}},
        {{"ABC"}, {}},
        {{"ABCd"}, {}},
        {{"\u6f22AB"}, {"\u6f22", "AB"}},
        {{"A\u6f22B"}, {"A\u6f22", "B"}},
        {{" AB\u6f22cdE"}, {" AB\u6f22cd", "E"}},
        {{"\u01c5a"}, {}},  // a title case letter
    });
}

TEST(TokensPieces, Marks) {
    check({
        // Signs in cl100k, letters in o200k.
        {{"e", "\u0301t", "\u0301\u0301"}, {"e\u0301t\u0301\u0301"}},
        {{"\u0928\u092e\u0938", "\u094d\u0924", "\u0947"},
         {"\u0928\u092e\u0938\u094d\u0924\u0947"}},
    });
}

TEST(TokensPieces, Contractions) {
    check({
        {{"I", "'m"}, {"I'm"}},
        {{"we", "'LL", " they", "'Ve"}, {"we'LL", " they'Ve"}},
        {{"it", "'s"}, {"it's"}},
        {{"it", "'\u017f"}, {"it'\u017f"}},
        {{"'s", "ure"}, {"'sure"}},
        {{"'re"}, {}},
        {{"x", "'y"}, {}},
        {{"x", "'l"}, {}},
        {{"x", "'"}, {}},
        {{"'"}, {}},
    });
}

TEST(TokensPieces, NumbersAndSigns) {
    check({
        {{"123", "456", "7", " ", "89"}, {}},
        {{"\u0661\u0662\u0663", "\u0664"}, {}},
        {{"1", "a"}, {}},
        {{"a", "==", " b"}, {}},
        {{" ...\n\n", "a"}, {}},
        {{"//\r\n", "/"}, {"//\r\n/"}},
        {{"x", ";\n", "/"}, {"x", ";\n/"}},
        {{"\xf0\x9f\x99\x82\xf0\x9f\x99\x82"}, {}},
        {{"<|", "endoftext", "|>"}, {}},
    });
}

TEST(TokensPieces, WhiteSpace) {
    check({
        {{" "}, {}},
        {{"   "}, {}},
        {{"a", "  ", " b"}, {}},
        {{"a", " ", " ", "1"}, {"a", " ", " ", "1"}},
        {{"a", "\n\n", "  ", " b"}, {}},
        {{"a", " \n \r\n", "b"}, {}},
        {{"a", "\n\n  "}, {"a", "\n\n", "  "}},
        {{"a", "\u3000", "\u00a0b"}, {}},
        {{"a", "\u0085\u2028", "\u2029", "."}, {}},
        {{"\v", "\fa", "\x1c"}, {}},
    });
}

TEST(TokensPieces, BytesThatAreNoText) {
    check({
        {{"\xff\xfe", "a"}, {"\xff\xfe", "a"}},
        {{"a", "\xc3"}, {}},
        {{"\xed\xa0\x80"}, {}},
    });
}

// Nothing is lost and nothing stands still, whatever the bytes are.
TEST(TokensPieces, AreTheWholeText) {
    std::mt19937 random(7);
    const Bytes alphabet = " a'sB\n/\xcc\x81.\xe6\xbc\xa2" "5\xc2\xa0\r";
    for (int round = 0; round < 2000; round++) {
        std::string text;
        for (size_t i = random() % 40; i > 0; i--) {
            text += alphabet[random() % alphabet.size()];
        }
        for (Encoding encoding : {Encoding::kCl100k, Encoding::kO200k}) {
            std::string whole;
            for (const std::string& piece : pieces(encoding, text)) {
                whole += piece;
            }
            ASSERT_EQ(text, whole);
        }
    }
}

TEST(TokensPieces, NamesOfEncodings) {
    EXPECT_EQ(Encoding::kCl100k, encoding_named("cl100k"));
    EXPECT_EQ(Encoding::kO200k, encoding_named("o200k_base"));
    EXPECT_FALSE(encoding_named("p50k"));
    EXPECT_FALSE(encoding_named(""));
}

}  // namespace
}  // namespace llm::tokens
