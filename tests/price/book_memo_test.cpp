#include "src/price/book_memo.hpp"

#include <gtest/gtest.h>

namespace llm::price {
namespace {

Book book_of(Bytes text) {
    Book book;
    auto table = Table::parse(text);
    EXPECT_TRUE(table.ok());
    book.common = std::make_shared<const Table>(std::move(table).value());
    return book;
}

// More names than there are places, so that each one is asked for when it is
// new, when it is known and when another one has taken its place.
TEST(BookMemo, SaysWhatTheBookSays) {
    std::string text = "{";
    for (int i = 0; i < 200; i++) {
        std::string n = std::to_string(i);
        text += i > 0 ? "," : "";
        text += "\"m" + n + "\":{\"input_cost_per_token\":1e-7}";
        text += i % 3 == 0 ? ",\"p/m" + n + "\":{}" : "";
    }
    Book book = book_of(text + "}");
    BookMemo memo;
    for (int i = 0; i < 4000; i++) {
        std::string model = "m" + std::to_string(i % 400);
        model += i % 7 == 0 ? std::string(150, 'x') : "";
        for (Bytes provider : {"", "p", "q"}) {
            for (int again = 0; again < 2; again++) {
                EXPECT_EQ(memo.find(book, model, provider),
                          book.find(model, provider));
                EXPECT_EQ(memo.has(book, model), book.has(model));
            }
        }
    }
    EXPECT_EQ(memo.find(book, "", ""), nullptr);
    EXPECT_FALSE(memo.has(book, ""));
}

TEST(BookMemo, ForgetsWhatAnotherBookSaid) {
    Book one = book_of(R"({"a":{"input_cost_per_token":1e-7}})");
    Book other = book_of("{}");
    BookMemo memo;
    EXPECT_NE(memo.find(one, "a", ""), nullptr);
    EXPECT_TRUE(memo.has(one, "a"));
    memo.clear();
    EXPECT_EQ(memo.find(other, "a", ""), nullptr);
    EXPECT_FALSE(memo.has(other, "a"));
}

}  // namespace
}  // namespace llm::price
