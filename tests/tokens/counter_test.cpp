// Merging and counting, with a small vocabulary and against a plain model.
#include "src/tokens/counter.hpp"

#include <random>

#include "tests/tokens/rank_file.hpp"

namespace llm::tokens {
namespace {

std::shared_ptr<const RankTable> small() {
    static const auto table = rank_table(
        {"ab", "bc", "cd", "abc", "abcd", "  ", "    ", "aa", "aaaa", " a",
         " ab", "12", "123", "\n\n", "he", "ll", "hell", "hello", " hello"});
    return table;
}

// By the book: of all neighbours the pair of the lowest rank, again and
// again.
size_t merge_plainly(const RankTable& table, Bytes piece) {
    std::vector<std::string> parts;
    for (char c : piece) {
        parts.emplace_back(1, c);
    }
    for (;;) {
        uint32_t best = RankTable::kNone;
        size_t at = 0;
        for (size_t i = 0; i + 1 < parts.size(); i++) {
            uint32_t rank = table.rank(parts[i] + parts[i + 1]);
            if (rank < best) {
                best = rank;
                at = i;
            }
        }
        if (best == RankTable::kNone) {
            return parts.size();
        }
        parts[at] += parts[at + 1];
        parts.erase(parts.begin() + static_cast<ptrdiff_t>(at) + 1);
    }
}

TEST(TokensMerger, MergesTheLowestRankFirst) {
    Merger merger;
    auto count = [&](Bytes piece) { return merger.count(*small(), piece); };
    EXPECT_EQ(0u, count(""));
    EXPECT_EQ(1u, count("a"));
    EXPECT_EQ(1u, count("abcd"));  // a token as it stands
    EXPECT_EQ(2u, count("bcd"));   // bc, d: never b, cd
    EXPECT_EQ(2u, count("xab"));
    EXPECT_EQ(2u, count("aaa"));   // aa, a: the leftmost of equals
    EXPECT_EQ(2u, count("aaaaa"));
    EXPECT_EQ(3u, count("aabcc"));  // a, abc, c
    EXPECT_EQ(3u, count("xyz"));
}

TEST(TokensMerger, DoesAsThePlainModel) {
    std::mt19937 random(11);
    Merger merger;
    for (int round = 0; round < 20000; round++) {
        std::string piece;
        for (size_t i = random() % 24; i > 0; i--) {
            piece += "abcd a helo12"[random() % 13];
        }
        bool whole = small()->rank(piece) != RankTable::kNone;
        ASSERT_EQ(whole ? 1 : merge_plainly(*small(), piece),
                  merger.count(*small(), piece))
            << piece;
    }
}

// A vocabulary in which every merge makes another one possible.
TEST(TokensMerger, LongPiecesAreNotQuadratic) {
    std::string text = rank_file({});
    size_t rank = 256;
    for (size_t size = 2; size <= 1024; size *= 2) {
        text += rank_line(std::string(size, 'x'), rank++);
    }
    auto table = RankTable::parse(text);
    ASSERT_TRUE(table.ok());
    Merger merger;
    EXPECT_EQ(1024u, merger.count(*table, std::string(size_t{1} << 20, 'x')));
    EXPECT_EQ(1025u,
              merger.count(*table, std::string((size_t{1} << 20) + 1, 'x')));
}

class TokensCounter : public testing::Test {
protected:
    Counted count(Bytes text, size_t budget = Budget::kUsual) {
        Budget left{budget};
        Counted counted = counter_.count(text, merger_, left);
        left_ = left.left;
        return counted;
    }

    Counter counter_{small(), Encoding::kCl100k};
    Merger merger_;
    size_t left_ = 0;
};

TEST_F(TokensCounter, CountsPieceByPiece) {
    EXPECT_EQ(0u, count("").tokens);
    EXPECT_EQ(1u, count("hello").tokens);
    EXPECT_EQ(2u, count("hello hello").tokens);
    EXPECT_EQ(3u, count("abcd123 ab").tokens);
    // Two pieces of white space though together they were one token.
    EXPECT_EQ(5u, count("hello    hello!").tokens);
    EXPECT_EQ(13u, count("<|endoftext|>").tokens);
}

TEST_F(TokensCounter, StopsWhereTheBudgetEnds) {
    std::string text;
    for (int i = 0; i < 1000; i++) {
        text += " hello";
    }
    Counted all = count(text, 6000);
    EXPECT_EQ(1000u, all.tokens);
    EXPECT_EQ(6000u, all.bytes);
    EXPECT_EQ(0u, left_);
    Counted some = count(text, 603);
    EXPECT_EQ(100u, some.tokens);
    EXPECT_EQ(600u, some.bytes);
    EXPECT_EQ(0u, left_);
    // A piece that touches the cut may be longer than it looks.
    EXPECT_EQ(99u, count(text, 600).tokens);
    EXPECT_EQ(0u, count(text, 0).bytes);
}

TEST_F(TokensCounter, MergingCostsMore) {
    // 64 bytes that are no token: 7 each.
    const std::string word(64, 'x');
    EXPECT_EQ(64u, count(word, 448).tokens);
    EXPECT_EQ(0u, left_);
    EXPECT_EQ(0u, count(word, 447).tokens);
    EXPECT_EQ(0u, left_);
    // One word of a megabyte is not even begun.
    EXPECT_EQ(0u, count(std::string(size_t{1} << 20, 'x')).bytes);
}

}  // namespace
}  // namespace llm::tokens
