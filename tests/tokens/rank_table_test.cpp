#include "src/tokens/rank_table.hpp"

#include "tests/tokens/rank_file.hpp"

namespace llm::tokens {
namespace {

std::string refusal(const std::string& text) {
    auto table = RankTable::parse(text);
    return table.ok() ? "" : table.error().message;
}

TEST(TokensRankTable, KnowsItsTokensAndNoOthers) {
    auto table = rank_table({"ab", "abc", std::string_view("\0\xff", 2)});
    EXPECT_EQ(259u, table->size());
    EXPECT_EQ(3u, table->longest());
    EXPECT_EQ(0u, table->rank(std::string_view("\0", 1)));
    EXPECT_EQ(255u, table->rank("\xff"));
    EXPECT_EQ(256u, table->rank("ab"));
    EXPECT_EQ(257u, table->rank("abc"));
    EXPECT_EQ(258u, table->rank(std::string_view("\0\xff", 2)));
    for (Bytes none : {"", "ba", "bc", "abcd"}) {
        EXPECT_EQ(RankTable::kNone, table->rank(none)) << none;
    }
}

TEST(TokensRankTable, KnowsThousands) {
    std::string text = rank_file({});
    for (size_t i = 0; i < 20000; i++) {
        text += rank_line("t" + std::to_string(i), 256 + i);
    }
    auto table = RankTable::parse(text);
    ASSERT_TRUE(table.ok());
    for (size_t i = 0; i < 20000; i++) {
        ASSERT_EQ(256 + i, table->rank("t" + std::to_string(i)));
    }
    EXPECT_EQ(RankTable::kNone, table->rank("t20000"));
}

TEST(TokensRankTable, TakesOtherLineEndsAndEmptyLines) {
    std::string text;
    for (char c : rank_file({"ab"})) {
        text += c == '\n' ? "\r\n" : std::string(1, c);
    }
    EXPECT_EQ("", refusal(text + "\r\n\n"));
    text = rank_file({"ab"});
    text.pop_back();
    EXPECT_EQ("", refusal(text));
}

TEST(TokensRankTable, NamesTheLineThatIsWrong) {
    const std::string good = rank_file({"ab"});
    struct Case {
        std::string line;
        Bytes what;
    };
    const std::string shape = "must be a token in base64, a space and its "
                              "rank";
    const Case cases[] = {
        {"YWJj", shape},
        {"YWJj ", shape},
        {"YWJj 1 2", shape},
        {"YWJj -1", shape},
        {"YWJj 0x1", shape},
        {"YWJj 99999999999999999999", shape},
        {" 300", "the token is not base64"},
        {"YWJ 300", "the token is not base64"},
        {"YW-j 300", "the token is not base64"},
        {"YWJ= 300x", shape},
        {"YWK=YWJj 300", "the token is not base64"},
        {"YWN= 300", "the token is not base64"},  // bits in the padding
        {"==== 300", "the token is not base64"},
        {"YWJj 256", "the rank was given to a token before"},
        {"YWI= 300", "the token has a rank already"},
        {"YWJj 4194304", "the rank is too large"},
        {base64(std::string(1025, 'a')) + " 300", "the token is too long"},
    };
    for (const Case& c : cases) {
        EXPECT_EQ("line 258: " + std::string(c.what),
                  refusal(good + c.line + "\n" + "junk\n"))
            << c.line;
    }
    EXPECT_EQ("", refusal(good + "YWJj 4194303\n"));
}

TEST(TokensRankTable, IsWholeOrNothing) {
    std::string text = rank_file({});
    EXPECT_EQ("no rank file: the single byte 0x00 has no rank", refusal(""));
    std::string last = rank_line("\xff", 255);
    text.resize(text.size() - last.size());
    EXPECT_EQ("no rank file: the single byte 0xff has no rank",
              refusal(text));
    EXPECT_EQ("the file has too many lines",
              refusal(std::string(RankTable::kMaxTokens, '\n')));
}

}  // namespace
}  // namespace llm::tokens
