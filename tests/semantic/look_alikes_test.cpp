// Vetoes by what stands beside words, in them and between them: bounds of
// numbers, signs, single letters, marks, accents, scripts, languages.
#include <gtest/gtest.h>

#include "tests/semantic/veto_of.hpp"

namespace llm::semantic {
namespace {

TEST(LookAlikes, how_a_number_is_meant) {
    EXPECT_EQ(veto("Which plan is for up to 10 users?",
                   "Which plan is for over 10 users?"), "veto:number");
    EXPECT_EQ(veto("Which plan is for more than 10 users?",
                   "Which plan is for 10 users?"), "veto:number");
    EXPECT_EQ(veto("Is it free for people older than 65?",
                   "Is it free for people over the age of 65?"), "");
    for (auto [a, b] :
         {std::pair{"¿Cuánto cuesta más de 5 kg?",
                    "¿Cuánto cuesta menos de 5 kg?"},
          {"¿Está abierto hasta las 18:00?",
           "¿Está abierto desde las 18:00?"},
          {"Есть скидка для детей до 5 лет?",
           "Есть скидка для детей от 5 лет?"},
          {"Este gratuit sub 5 ani?", "Este gratuit peste 5 ani?"}}) {
        EXPECT_EQ(veto(a, b), "veto:number") << a;
    }
    EXPECT_EQ(veto("Do I pay by Friday?", "Do I pay on Friday?"),
              "veto:date");
    EXPECT_EQ(veto("Is it open Monday to Friday?",
                   "Is it open Monday and Friday?"), "veto:date");
    EXPECT_EQ(veto("Is there a discount for 5-10 seats?",
                   "Is there a discount for 5 to 10 seats?"), "");
    EXPECT_EQ(veto("What clothes for minus 5 degrees?",
                   "What clothes for 5 degrees?"), "veto:number");
    EXPECT_EQ(veto("What clothes for minus 5 degrees?",
                   "What clothes for -5 degrees?"), "");
    EXPECT_EQ(veto("Is 7 minus 5 even?", "Is 7 -5 even?"), "veto:number");
    EXPECT_EQ(veto("What is .5 of 200?", "What is 5 of 200?"),
              "veto:number");
    EXPECT_EQ(veto("What is .5 of 200?", "What is 0.50 of 200?"), "");
    EXPECT_EQ(veto("How do I install Python 3.10?",
                   "How do I install Python 3.1?"), "veto:number");
    EXPECT_EQ(veto("Is 1 1/2 cups of flour enough?",
                   "Is 1/2 cups of flour enough?"), "veto:number");
    EXPECT_EQ(veto("How much is half a cup of flour in grams?",
                   "How much is a cup of flour in grams?"), "veto:number");
    EXPECT_EQ(veto("What are the 3 ways to pay, step 3?",
                   "What are the ways to pay, step 3?"), "");
}

TEST(LookAlikes, signs_of_units) {
    EXPECT_EQ(veto("What is the fee for sending \u20b4500?",
                   "What is the fee for sending \u20bd500?"), "veto:unit");
    EXPECT_EQ(veto("What does 5% alcohol mean?",
                   "What does 5\u2030 alcohol mean?"), "veto:unit");
    EXPECT_EQ(veto("What does a rise of 2 percent mean?",
                   "What does a rise of 2 percentage points mean?"),
              "veto:unit");
    EXPECT_EQ(veto("How much is A$50 in euros?", "How much is C$50 in euros?"),
              "veto:identifier");
    EXPECT_EQ(veto("What can I buy for \u20a9500?",
                   "What do I get for \u20a9500?"), "");
}

TEST(LookAlikes, letters_are_names) {
    EXPECT_EQ(veto("Which foods contain vitamin A?",
                   "Which foods contain vitamin C?"), "veto:identifier");
    EXPECT_EQ(veto("What is plan B?", "What is the plan?"),
              "veto:identifier");
    EXPECT_EQ(veto("Are X-rays safe?", "Tell me, are X-rays safe?"), "");
    EXPECT_EQ(veto("What am I to do?", "What shall I do?"), "");
}

TEST(LookAlikes, marks_of_code) {
    for (auto [a, b] : {std::pair{"What does !x mean?", "What does x mean?"},
                        {"What does ?? do in PHP?", "What does ?: do in PHP?"},
                        {"What does a & b do?", "What does a && b do?"},
                        {"What does ls ./a do?", "What does ls ../a do?"},
                        {"What does @ do here?", "What does # do here?"},
                        {"What is 5! in full?", "What is 5 in full?"},
                        {"What does %d print?", "What does d print?"},
                        {"What does $PATH hold?", "What does PATH hold?"}}) {
        EXPECT_EQ(veto(a, b), "veto:identifier") << a;
    }
    for (auto [a, b] : {std::pair{"- What does x mean?", "What does x mean?"},
                        {"What?? does x work!", "What does x work"},
                        {"Does it work - really ?", "Does it work really?"},
                        {"Does it cost $5!", "Does it cost $5?"}}) {
        EXPECT_EQ(veto(a, b), "") << a;
    }
}

TEST(LookAlikes, words_as_they_are_written) {
    EXPECT_EQ(veto("How do you spell colour?", "How do you spell color?"),
              "veto:identifier");
    EXPECT_EQ(veto("What is the plural of index?",
                   "What is the plural of indices?"), "veto:identifier");
    EXPECT_EQ(veto("How do you spell colour?",
                   "What is the spelling of colour?"), "");
}

TEST(LookAlikes, accents_by_two_who_set_them) {
    EXPECT_EQ(veto("\u00bfCu\u00e1ntos a\u00f1os tiene?",
                   "\u00bfCu\u00e1ntos anos tiene?"), "veto:name");
    EXPECT_EQ(veto("\u00bfCu\u00e1ntos a\u00f1os tiene?",
                   "\u00bfCuantos anos tiene?"), "");
    // decomposed
    EXPECT_EQ(veto("\u00bfCu\u00e1ntos a\u00f1os tiene?",
                   "\u00bfCua\u0301ntos an\u0303os tiene?"), "");
    EXPECT_EQ(veto("Care este limita zilnic\u0103 de plat\u0103?",
                   "Ce limit\u0103 zilnic\u0103 de plat\u0103?"), "");
}

TEST(LookAlikes, languages_without_lists) {
    for (auto [a, b] :
         {std::pair{"Kann ich die Karte kostenlos umtauschen?",
                    "Kann ich die Karte nicht kostenlos umtauschen?"},
          {"Puis-je annuler ma commande avant la livraison?",
           "Puis-je annuler ma commande apr\u00e8s la livraison?"},
          {"Чи можна скасувати замовлення до доставки?",
           "Чи можна скасувати замовлення після доставки?"},
          {"Чи можна оплатити карткою?", "Чи неможливо оплатити карткою?"},
          {"\u6211\u53ef\u4ee5\u9000\u6b3e\u5417\uff1f",
           "\u6211\u4e0d\u53ef\u4ee5\u9000\u6b3e\u5417\uff1f"}}) {
        EXPECT_EQ(veto(a, b), "veto:rare_word") << a;
    }
    EXPECT_EQ(veto("Kann ich die Karte kostenlos umtauschen?",
                   "kann ich die Karte kostenlos umtauschen"), "");
}

TEST(LookAlikes, marks_that_make_a_letter) {
    EXPECT_NE(veto("\u304b\u304d\u306e\u98df\u3079\u65b9\u306f\uff1f",
                   "\u304b\u304e\u306e\u98df\u3079\u65b9\u306f\uff1f"), "");
    EXPECT_NE(veto("\u0e2b\u0e21\u0e39\u0e23\u0e32\u0e04\u0e32",
                   "\u0e2b\u0e21\u0e35\u0e23\u0e32\u0e04\u0e32"), "");
}

TEST(LookAlikes, little_words) {
    EXPECT_EQ(veto("Is the offer only for new customers?",
                   "Is the offer for new customers?"), "veto:antonym");
    EXPECT_EQ(veto("Can he use her ticket?", "Can she use his ticket?"),
              "veto:antonym");
    EXPECT_EQ(veto("Is gold likely to rise?", "Is gold unlikely to rise?"),
              "veto:negation");
    EXPECT_NE(veto("What does an interviewer wear?",
                   "What does an interviewee wear?"), "");
    EXPECT_EQ(veto("Can my mother use my card?",
                   "Can my mother-in-law use my card?"), "veto:name");
}

TEST(LookAlikes, capitals_of_symbols_and_of_names_of_code) {
    EXPECT_EQ(veto("What is the boiling point of Co?",
                   "What is the boiling point of CO?"), "veto:unit");
    EXPECT_EQ(veto("Where is MAX_SIZE set?", "Where is max_size set?"),
              "veto:identifier");
    for (const char* text : {"What is the boiling point of co?",
                             "what is the boiling point of CO?",
                             "WHAT IS THE BOILING POINT OF CO?"}) {
        EXPECT_EQ(veto("What is the boiling point of CO?", text), "") << text;
    }
    EXPECT_EQ(veto("What does iter_archive() yield?",
                   "Iter_archive() yields what?"), "");
    EXPECT_EQ(veto("What is NULL in SQL?", "What is null in SQL?"), "");
    EXPECT_EQ(veto("What does toString do?", "what does tostring do"), "");
}

TEST(LookAlikes, relatives_of_russian_have_no_lists) {
    for (const char* text :
         {"Как да върна поръчка?", "Може ли да платя на две вноски?",
          "Кога отваря магазинът?", "Не мога да вляза в профила си",
          "Как се прави това?", "Работите ли в събота?", "Как да платя?",
          "Как да платя с карта?", "Трябва ли паспорт?",
          "Як повернути товар?", "Чи можна оплатити картою?"}) {
        EXPECT_TRUE(judge().read(text).foreign()) << text;
    }
    for (const char* text :
         {"Как объединить файлы?", "Какой объём у багажа?",
          "Где подъезд и съезд?", "Можно ли оплатить картой?",
          "Может ли он работать в субботу?", "Как мне платить, да и где?",
          "Как вернуть заказ?"}) {
        EXPECT_FALSE(judge().read(text).foreign()) << text;
    }
    EXPECT_EQ(veto("Как да сменя паролата си?", "Как да сменя профила си?"),
              "veto:rare_word");
    EXPECT_EQ(veto("Може ли да платя с карта?", "може ли да платя с карта"),
              "");
}

TEST(LookAlikes, which_way) {
    EXPECT_EQ(veto("Do you ship to Norway?", "Do you ship from Norway?"),
              "veto:order");
    EXPECT_EQ(veto("Как перевести деньги в Германию?",
                   "Как перевести деньги из Германии?"), "veto:order");
    EXPECT_EQ(veto("Как войти в аккаунт?", "Как выйти из аккаунта?"),
              "veto:antonym");
    EXPECT_EQ(veto("How do I move a file into a folder?",
                   "How do I move a file to a folder?"), "");
    EXPECT_EQ(veto("Cum trimit bani în Italia?",
                   "Cum trimit bani din Italia?"), "veto:order");
    EXPECT_EQ(veto("How do I get to the station from the hotel?",
                   "How do I get from the hotel to the station?"), "");
}

TEST(LookAlikes, a_text_of_few_known_words_in_plain_spanish_romanian_russian) {
    EXPECT_EQ(veto("¿Aceptan mascotas?", "¿Se admiten mascotas?"), "");
    EXPECT_EQ(veto("Ce este dobânda compusă?",
                   "Explică-mi ce este dobânda compusă"), "");
    EXPECT_EQ(veto("Нужен ли рецепт на ибупрофен?",
                   "Нужен рецепт на ибупрофен?"), "");
    EXPECT_EQ(veto("¿Cómo invierto una lista en Python?",
                   "¿Cómo puedo invertir una lista en Python?"), "");
    EXPECT_EQ(veto("¿Cómo devuelvo un producto?",
                   "¿Cómo puedo devolver un producto?"), "");
    // Portuguese, Italian
    EXPECT_EQ(veto("Como devolvo um produto com defeito?",
                   "Como devolvo um produto sem defeito?"), "veto:rare_word");
    EXPECT_EQ(veto("Posso pagare con la carta?",
                   "Posso pagare senza la carta?"), "veto:rare_word");
}

TEST(LookAlikes, here_or_elsewhere_all_or_a_part) {
    EXPECT_EQ(veto("Do you service bicycles bought here?",
                   "Do you service bicycles bought elsewhere?"),
              "veto:antonym");
    EXPECT_EQ(veto("May I lease out the whole garden?",
                   "May I lease out part of the garden?"), "veto:antonym");
    EXPECT_EQ(veto("May I lease out the whole garden?",
                   "May I lease out the entire garden?"), "");
}

TEST(LookAlikes, an_ending_that_makes_another_thing) {
    EXPECT_NE(veto("¿Mi nieto paga la entrada?", "¿Mi nieta paga la entrada?"),
              "");
    EXPECT_EQ(veto("¿Mi nieta paga la entrada?", "¿Paga la entrada mi nieta?"),
              "");
    EXPECT_NE(veto("Poate bunicul să semneze contractul?",
                   "Poate bunica să semneze contractul?"), "");
    EXPECT_NE(veto("Does the mirror speak HTTP?",
                   "Does the mirror speak HTTPS?"), "");
}

TEST(LookAlikes, whose_it_is) {
    EXPECT_EQ(veto("Where is my neighbour's garage?",
                   "Where is my neighbours' garage?"), "veto:name");
    EXPECT_EQ(veto("Where is my neighbour\u2019s garage?",
                   "Where is my neighbour's garage?"), "");
    EXPECT_EQ(veto("Where is my neighbours garage?",
                   "Where is my neighbour's garage?"), "");
}

TEST(LookAlikes, shares_are_no_counts) {
    EXPECT_EQ(veto("Is the tip 12%?", "Is the tip 12?"), "veto:unit");
    EXPECT_EQ(veto("Is the tip 12%?", "Is the tip 12 percent?"), "");
}

TEST(LookAlikes, words_of_code_to_the_letter) {
    EXPECT_EQ(veto("What prints `Bar + bar`?", "What prints `bar + bar`?"),
              "veto:identifier");
    EXPECT_EQ(veto("What prints `bar + bar`?", "What prints bar + bar?"), "");
    EXPECT_EQ(veto("while x:\n  f()\ng()", "while x:\n  f()\n  g()"),
              "veto:identifier");
    EXPECT_EQ(veto("What does ^b$ match?", "What does ^b match?"),
              "veto:identifier");
    EXPECT_EQ(veto("Where does .profile live?", "Where does profile live?"),
              "veto:identifier");
    EXPECT_EQ(veto("Put in upper case: sea", "Put in upper case: Sea"),
              "veto:identifier");
}

TEST(LookAlikes, courtesies_behind_a_colon) {
    EXPECT_NE(veto("Say in French: thanks", "Say in French: hello"), "");
    EXPECT_NE(veto("Say in French: thanks", "Say in French"), "");
    EXPECT_NE(veto("Give the opposite: all", "Give the opposite: each"), "");
    EXPECT_EQ(veto("How do I say it? Thanks!", "How do I say it?"), "");
}

TEST(LookAlikes, abbreviations_of_little_words) {
    EXPECT_EQ(veto("who pays for IT", "who pays for it"), "veto:name");
    EXPECT_EQ(veto("Where does WHO meet?", "where does who meet?"),
              "veto:name");
    EXPECT_EQ(veto("Describe May", "Describe may"), "veto:name");
    EXPECT_EQ(veto("WHO PAYS FOR IT ALL", "who pays for it all"), "");
}

TEST(LookAlikes, order_in_languages_without_lists) {
    EXPECT_EQ(veto("Heeft Karel Willem betaald?",
                   "Heeft Willem Karel betaald?"), "veto:rare_word");
    EXPECT_EQ(veto("Heeft Karel Willem betaald?", "heeft Karel Willem betaald"),
              "");
}

TEST(LookAlikes, names_side_by_side) {
    EXPECT_EQ(veto("When does the Ghent Bruges tram go?",
                   "When does the Bruges Ghent tram go?"), "veto:order");
    EXPECT_EQ(veto("Where is CHF/SEK traded?", "Where is SEK/CHF traded?"),
              "veto:order");
    EXPECT_EQ(veto("Are Ghent, Bruges and Ostend large?",
                   "Are Bruges, Ghent and Ostend large?"), "");
}

TEST(LookAlikes, what_a_clause_begins_with) {
    EXPECT_EQ(veto("If it snows, does the train stop?",
                   "If the train stops, does it snow?"), "veto:order");
    EXPECT_EQ(veto("If it snows, does the train stop?",
                   "Does the train stop if it snows?"), "");
    EXPECT_EQ(veto("What happens if my train is late?",
                   "If my train is late, what happens?"), "");
    EXPECT_EQ(veto("Do I weigh and then pack the bag?",
                   "Do I pack and then weigh the bag?"), "veto:order");
    EXPECT_EQ(veto("¿Se limpia y luego se calienta la sartén?",
                   "¿Se calienta y luego se limpia la sartén?"), "veto:order");
    EXPECT_EQ(veto("Нужно помыть рис, а потом сварить?",
                   "Нужно сварить рис, а потом помыть?"), "veto:order");
    EXPECT_EQ(veto("Trebuie să spăl și atunci să calc cămașa?",
                   "Trebuie să calc și atunci să spăl cămașa?"),
              "veto:order");
}

TEST(LookAlikes, is_and_was_where_they_open) {
    EXPECT_EQ(veto("Are the roads icy?", "Were the roads icy?"),
              "veto:antonym");
    EXPECT_EQ(veto("Is the road icy?", "Are the roads icy?"), "");
}

TEST(LookAlikes, degrees_and_their_opposites) {
    EXPECT_EQ(veto("Which is cheaper, wool or silk?",
                   "Which is more expensive, wool or silk?"), "veto:antonym");
    EXPECT_EQ(veto("Is the rope too strong?", "Is the rope strong enough?"),
              "veto:antonym");
    EXPECT_EQ(veto("How heavy is a barge?", "How long is a barge?"),
              "veto:antonym");
}

}  // namespace
}  // namespace llm::semantic
