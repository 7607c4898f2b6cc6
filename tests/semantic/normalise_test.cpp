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
    EXPECT_NE(key("What does grep -v do?"), key("What does grep -V do?"));
    EXPECT_NE(key("What is 5!?"), key("What is 5?"));
    EXPECT_EQ(key("Do you take 5 - or 10!"), key("do you take 5 - or 10"));
    EXPECT_NE(key("Is 100 Mbps enough?"), key("Is 100 MBps enough?"));
    EXPECT_NE(key("Is 5mW a lot?"), key("Is 5MW a lot?"));
    EXPECT_EQ(key("Is 100 Mbps Enough?"), key("is 100 Mbps enough"));
}

TEST(Normalise, a_capital_that_tells_the_sense_stays) {
    EXPECT_NE(key("What is the use of polish?"),
              key("What is the use of Polish?"));
    EXPECT_NE(key("What does it mean?"), key("What does IT mean?"));
    EXPECT_EQ(key("Hi, what is the use of Polish? "),
              "what is the use of Polish");
    EXPECT_EQ(key("Is china white? Is China big?"),
              "is china white? is China big");
    // a title, shouting, and who sets no capitals say nothing by them
    EXPECT_EQ(key("HOW DO I CLEAN WINDOWS"), "how do i clean windows");
    EXPECT_EQ(key("How To Clean Windows"), "how to clean windows");
    EXPECT_EQ(key("is Turkey big"), "is turkey big");
    // nor does the beginning of a sentence
    EXPECT_EQ(key("Polish or Czech?"), "polish or czech");
    EXPECT_EQ(key("How do I reset my PIN?"), "how do i reset my pin");
}

TEST(Normalise, an_abbreviation_is_no_little_word) {
    EXPECT_NE(key("who runs IT"), key("who runs it"));
    EXPECT_EQ(key("WHO RUNS IT ALL"), key("who runs it all"));
}

TEST(Normalise, what_stands_behind_a_colon_stays) {
    EXPECT_NE(key("Mend the marks: how are you"),
              key("Mend the marks: how are you?"));
    EXPECT_NE(key("Write this small: SEA"), key("Write this small: Sea"));
    EXPECT_NE(key("Count the words: a  b"), key("Count the words: a b"));
    EXPECT_EQ(key("Hi! Write this small: SEA "), key("Write this small: SEA"));
    EXPECT_NE(key("Say in French: thank you"), key("Say in French: hello"));
    EXPECT_NE(key("How many marks: !!!"), key("How many marks: !!"));
    EXPECT_EQ(key("Is it 10:30?"), key("is it 10:30"));
}

TEST(Normalise, a_symbol_of_two_letters_is_not_an_abbreviation) {
    EXPECT_NE(key("What is the boiling point of Co?"),
              key("What is the boiling point of CO?"));
    EXPECT_EQ(key("What is the boiling point of CO?"),
              key("What is the boiling point of co?"));
    EXPECT_EQ(key("WHAT IS THE BOILING POINT OF CO"),
              key("what is the boiling point of co"));
    EXPECT_EQ(key("Is it open in the UK?"), key("is it open in the uk"));
    EXPECT_EQ(key("What Is My Id"), key("what is my id"));
    // what stands for nothing or for itself does so in any case
    EXPECT_EQ(key("Is NULL equal to 0?"), key("Is null equal to 0?"));
}

TEST(Normalise, a_name_of_code_keeps_its_case) {
    EXPECT_NE(key("What is MAX_SIZE?"), key("What is max_size?"));
    EXPECT_NE(key("what is MAX_SIZE"), key("what is max_size"));
    EXPECT_EQ(key("What  is max_size?"), key("WHAT IS max_size"));
    EXPECT_EQ(key("Max_size or MAX_SIZE?"), "max_size or mAX_SIZE");
}

TEST(Normalise, the_part_that_asks) {
    static const Result<Lists> lists = Lists::built_in();
    auto part = [&](Bytes text) {
        return std::string(normalise(text, *lists).asking);
    };
    EXPECT_EQ(part("Hi there! How do I Pay? Many thanks."), "How do I Pay?");
    EXPECT_EQ(part("Hola, ¿cómo pago? Gracias."), "¿cómo pago?");
    EXPECT_EQ(part("  How do I pay? "), "  How do I pay? ");
    EXPECT_EQ(part("How do I say thank you"), "How do I say thank you");
    EXPECT_EQ(part("How do I pay… thanks"), "How do I pay");
    EXPECT_EQ(part("Thanks!"), "Thanks!");
    EXPECT_EQ(part(""), "");
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
