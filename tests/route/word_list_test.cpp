#include "src/route/word_list.hpp"

#include <gtest/gtest.h>

#include <set>

#include "src/route/word_list_fold.hpp"
#include "src/route/word_list_trie.hpp"

namespace llm::route {
namespace {

std::string folded(Bytes text) {
    FoldedText out;
    fold(text, out);
    return out.text;
}

TEST(Fold, WordsInLowerCaseWithoutAccents) {
    EXPECT_EQ(folded("Hello, World!"), " hello world ");
    EXPECT_EQ(folded("¿Cuál es el AÑO?"), " cual es el ano ");
    EXPECT_EQ(folded("ȘTIINȚĂ şi ţară"), " stiinta si tara ");
    EXPECT_EQ(folded("Ещё МОЁ"), " еще мое ");
    EXPECT_EQ(folded("re\xcc\x81sume\xcc\x81"), " resume ");
    EXPECT_EQ(folded(""), " ");
    EXPECT_EQ(folded("  ...  "), " ");
}

TEST(Fold, SignsBelongToLanguagesOfOneLetter) {
    EXPECT_EQ(folded("C++, C# and F#."), " c++ c# and f# ");
    EXPECT_EQ(folded("refund+complaint a#b"), " refund complaint a#b ");
    EXPECT_EQ(folded("# title"), " title ");
}

TEST(Fold, InvisibleSignsArePassedOver) {
    EXPECT_EQ(folded("law\xc2\xadsuit re\xe2\x80\x8b" "fund"),
              " lawsuit refund ");
}

TEST(Fold, IdeographsStandAlone) {
    FoldedText out;
    fold("東京 abc", out);
    EXPECT_EQ(out.text, " 東 京 abc ");
    EXPECT_EQ(out.words, 3u);
}

TEST(Fold, WhatIsNotUtf8PartsWords) {
    EXPECT_EQ(folded("ab\xff" "cd\xc3"), " ab cd ");
    EXPECT_EQ(folded("\xed\xa0\x80x"), " x ");
}

TEST(Fold, LongWordsAreCut) {
    std::string word(1000, 'x');
    EXPECT_EQ(folded(word + " y").size(), kMaxWord + 4);
}

TEST(Fold, BreaksAreWhereALineColonOrQuoteBegins) {
    FoldedText out;
    fold("Translate this:\n\"one two\" three\nfour", out);
    EXPECT_EQ(out.breaks, (std::vector<uint32_t>{2, 4, 5}));
}

std::string term(Bytes text) {
    auto made = WordList::fold_term(text);
    return made ? made.value() : "error: " + made.error().message;
}

TEST(Term, WordsPhrasesAndStars) {
    EXPECT_EQ(term("  Step-by-Step "), "step by step");
    EXPECT_EQ(term("compar*"), "compar\x01");
    EXPECT_EQ(term("*itis"), "\x01itis");
    EXPECT_EQ(term("breach* of contract"), "breach\x01 of contract");
    EXPECT_EQ(term("transfer * to"), "transfer \x01 to");
    EXPECT_EQ(term("c++*"), "c++\x01");
    EXPECT_EQ(term("расторг* договор*"), "расторг\x01 договор\x01");
}

TEST(Term, WhatNoTermCanBe) {
    for (Bytes wrong :
         {"", "*", "...", "a*b", "*a*", "**", "* a", "a *", "*a b", "*a-b",
          "one two three four five six seven eight nine", "\xff"}) {
        EXPECT_EQ(term(wrong).substr(0, 6), "error:") << wrong;
    }
    EXPECT_EQ(term(std::string(400, 'a')).size(), kMaxWord);
}

bool known(Bytes section) {
    return section == "one" || section == "task.two";
}

TEST(WordListFile, SectionsStrengthsAndComments) {
    auto list = WordList::parse(
        "f.txt",
        "\xef\xbb\xbf# head\r\nbefore\r\n[one 0.25]\n  C#  # a comment\n\n"
        "[0.5]\nhalf\n[task.two]\nlast",
        known);
    ASSERT_TRUE(list.ok()) << list.error().message;
    EXPECT_EQ(list.value(), (std::vector<WordListEntry>{
                                {"", 1000, "before"},
                                {"one", 250, "c#"},
                                {"", 500, "half"},
                                {"task.two", 1000, "last"},
                            }));
}

TEST(WordListFile, AnAmountIsATermForEachDigit) {
    auto list = WordList::parse("f.txt", "send 1-9* to\na1-9* b\n", known);
    ASSERT_TRUE(list.ok()) << list.error().message;
    ASSERT_EQ(list->size(), 10u);
    for (char digit = '1'; digit <= '9'; digit++) {
        EXPECT_EQ((*list)[static_cast<size_t>(digit - '1')].term,
                  std::string("send ") + digit + kStar + " to");
    }
    EXPECT_EQ(list->back().term, std::string("a1 9") + kStar + " b");
    auto two = WordList::parse("f.txt", "send 1-9* 1-9* to", known);
    ASSERT_TRUE(two.ok());
    EXPECT_EQ(two->size(), 81u);
    auto many = WordList::parse("f.txt", "1-9* 1-9* 1-9* 1-9* 1-9* 1-9* a",
                                known);
    ASSERT_FALSE(many.ok());
    EXPECT_EQ(many.error().code, Errc::kTooLarge);
}

std::string refusal(Bytes text) {
    auto list = WordList::parse("f.txt", text, known);
    return list ? "" : list.error().message;
}

TEST(WordListFile, RefusalsNameTheLine) {
    EXPECT_EQ(refusal("good\nb\xe4" "d\n"),
              "f.txt:2: not UTF-8 at byte 2 of the line");
    EXPECT_EQ(refusal("[three]\n"), "f.txt:1: unknown section \"three\"");
    EXPECT_EQ(refusal("a\n\n[one"),
              "f.txt:3: a section is [name], [name strength] or [strength]");
    EXPECT_EQ(refusal("[one 2]"),
              "f.txt:1: a strength is a number from 0.001 to 1");
    EXPECT_EQ(refusal("[0]"),
              "f.txt:1: a strength is a number from 0.001 to 1");
    EXPECT_EQ(refusal("\n\n..."),
              "f.txt:3: a term needs a letter or a digit");
}

TEST(WordListFile, NoMoreThanSoManyTerms) {
    std::string text;
    for (size_t i = 0; i <= WordList::kMaxTerms; i++) {
        text += "a\n";
    }
    auto list = WordList::parse("f.txt", text, known);
    ASSERT_FALSE(list.ok());
    EXPECT_EQ(list.error().code, Errc::kTooLarge);
}

using Hits = std::set<std::pair<uint32_t, uint32_t>>;

// Terms by their place in the list, and in which word each was found.
Hits hits(const std::vector<Bytes>& terms, Bytes text) {
    std::vector<WordTrie::Term> given;
    for (size_t i = 0; i < terms.size(); i++) {
        given.push_back({WordList::fold_term(terms[i]).value(),
                         static_cast<uint32_t>(i)});
    }
    WordTrie trie = WordTrie::build(std::move(given));
    Hits found;
    trie.match(folded(text), [&](uint32_t id, uint32_t word) {
        found.emplace(id, word);
    });
    return found;
}

TEST(Trie, WholeWordsOnly) {
    EXPECT_EQ(hits({"art", "cart"}, "cart party art"),
              (Hits{{1, 0}, {0, 2}}));
    EXPECT_EQ(hits({"art"}, ""), Hits{});
    EXPECT_EQ(hits({}, "art"), Hits{});
}

TEST(Trie, PhrasesOverAnySigns) {
    EXPECT_EQ(hits({"step by step", "step"}, "Go step-by-step, then step"),
              (Hits{{0, 1}, {1, 1}, {1, 3}, {1, 5}}));
    EXPECT_EQ(hits({"a b c"}, "a b"), Hits{});
}

TEST(Trie, StarsAtEitherEnd) {
    EXPECT_EQ(hits({"refund*"}, "refund refunds prerefund"),
              (Hits{{0, 0}, {0, 1}}));
    EXPECT_EQ(hits({"*itis"}, "arthritis itis arthritist"),
              (Hits{{0, 0}, {0, 1}}));
}

TEST(Trie, StarsInsidePhrases) {
    EXPECT_EQ(hits({"breach* of contract*"}, "breaches of contracts"),
              (Hits{{0, 0}}));
    EXPECT_EQ(hits({"breach* of contract*"}, "breaches of my contract"),
              Hits{});
    EXPECT_EQ(hits({"transfer * to"}, "transfer 500 to, transfer to"),
              (Hits{{0, 0}}));
    EXPECT_EQ(hits({"a* b", "ab* c", "abc d"}, "abc b abc c abc d"),
              (Hits{{0, 0}, {1, 2}, {2, 4}}));
}

TEST(Trie, OneTextForSeveralIds) {
    EXPECT_EQ(hits({"x", "X", "x*"}, "x"), (Hits{{0, 0}, {1, 0}, {2, 0}}));
}

}  // namespace
}  // namespace llm::route
