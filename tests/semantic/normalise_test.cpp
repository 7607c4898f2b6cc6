#include "src/semantic/normalise.hpp"

#include <gtest/gtest.h>

namespace llm::semantic {
namespace {

std::string key(Bytes text) {
    static const Result<Lists> lists = Lists::built_in();
    return normalised_key_text(text, *lists);
}

TEST(Normalise, case_spaces_and_closing_marks) {
    EXPECT_EQ(key("  What  TIME is it ?! "), "what time is it");
    EXPECT_EQ(key("What time\tis it"), "what time is it");
    EXPECT_EQ(key("СКОЛЬКО стоит доставка?"), "сколько стоит доставка");
}

TEST(Normalise, courtesies_go) {
    for (const char* text :
         {"Hi, how do I pay?", "Hello! How do I pay? Thanks!",
          "please, how do i pay", "Good morning! Could you tell me how do I "
          "pay? Thank you very much.", "Hey there, how do I pay, please?"}) {
        EXPECT_EQ(key(text), "how do i pay") << text;
    }
    EXPECT_EQ(key("Hola, ¿cómo pago? Gracias."), "cómo pago");
    EXPECT_EQ(key("Здравствуйте! Как оплатить? Спасибо."), "как оплатить");
    EXPECT_EQ(key("Bună ziua, cum plătesc? Mulțumesc!"), "cum plătesc");
}

TEST(Normalise, what_carries_meaning_stays) {
    EXPECT_EQ(key("hey jude lyrics"), "hey jude lyrics");
    EXPECT_EQ(key("How do I say thank you"), "how do i say thank you");
    EXPECT_EQ(key("Hello world in C"), "hello world in c");
    EXPECT_EQ(key("Hi"), "hi");
    EXPECT_EQ(key("Thanks!"), "thanks");
    EXPECT_NE(key("Is it 5%?"), key("Is it 5?"));
    EXPECT_NE(key("Is it -5?"), key("Is it 5?"));
    EXPECT_NE(key("do not pay"), key("do pay"));
    EXPECT_NE(key("año"), key("ano"));
    EXPECT_NE(key("What is C++?"), key("What is C?"));
    EXPECT_NE(key("What is C#?"), key("What is C?"));
    EXPECT_NE(key("Is 100 Mbps enough?"), key("Is 100 MBps enough?"));
    EXPECT_NE(key("Is 5mW a lot?"), key("Is 5MW a lot?"));
    EXPECT_EQ(key("Is 100 Mbps Enough?"), key("is 100 Mbps enough"));
}

TEST(Normalise, code_and_quotations_keep_case_and_spaces) {
    EXPECT_EQ(key("Hi, what does `Foo  Bar` do?"), "what does `Foo  Bar` do");
    EXPECT_NE(key("Translate \"Polish\""), key("Translate \"polish\""));
    EXPECT_NE(key("if (a) {\n  b\n}"), key("if (a) {\nb\n}"));
}

TEST(Normalise, nothing_left_and_any_bytes) {
    EXPECT_EQ(key(""), "");
    EXPECT_EQ(key(" ?! "), "");
    EXPECT_NE(key("a\xff"), key("a\xfe"));
    EXPECT_EQ(key(key("Hello, What is A?")), key("Hello, What is A?"));
}

}  // namespace
}  // namespace llm::semantic
