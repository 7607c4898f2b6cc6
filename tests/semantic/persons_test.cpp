// Vetoes by who it is: whose a thing is, who does it and whom it is done to,
// by how two things are compared, and by little words between them.
#include <gtest/gtest.h>

#include "tests/semantic/veto_of.hpp"

namespace llm::semantic {
namespace {

TEST(Persons, whose_it_is) {
    for (auto [a, b] : {std::pair{"Can I paint my fence?",
                                  "Can I paint their fence?"},
                        {"Can I paint my fence?", "Can I paint your fence?"},
                        {"Where is my bike?", "Where is their bike?"},
                        {"Is your cellar dry?", "Is my cellar dry?"},
                        {"What are our rules for pets?",
                         "What are your rules for pets?"},
                        {"¿Puedo pintar mi valla?", "¿Puedo pintar tu valla?"},
                        {"Можно ли покрасить мой забор?",
                         "Можно ли покрасить ваш забор?"},
                        {"Pot vopsi gardul meu?", "Pot vopsi gardul tău?"}}) {
        EXPECT_EQ(veto(a, b), "veto:name") << a << b;
    }
    // one who asks in general
    for (auto [a, b] : {std::pair{"How do I paint my fence?",
                                  "How do you paint your fence?"},
                        {"How to paint my fence?", "How to paint your fence?"},
                        {"How do I paint my fence?",
                         "How to paint your fence?"},
                        {"How do I paint my fence?",
                         "How do people paint their fence?"},
                        {"How do I paint my fence?",
                         "How do I paint the fence?"},
                        {"What are some tips for cleaning my oven?",
                         "What are some tips for cleaning your oven?"},
                        {"Where do I park my bike?",
                         "Where do we park our bike?"}}) {
        EXPECT_EQ(veto(a, b), "") << a << b;
    }
}

TEST(Persons, one_who_does_it_and_one_it_is_done_to) {
    for (auto [a, b] :
         {std::pair{"How do I get paid by wire?", "How do I pay by wire?"},
          {"Can I be searched at the gate?", "Can I search at the gate?"},
          {"When will I get invited?", "When do I invite?"},
          {"What does the payer sign?", "What does the payee sign?"},
          {"What does a lessor owe?", "What does a lessee owe?"}}) {
        EXPECT_NE(veto(a, b), "") << a << b;
    }
    for (auto [a, b] :
         {std::pair{"How do I get registered?", "How do I register?"},
          {"How do I get my roof mended?", "How do I mend my roof?"},
          {"Why do I get bored so soon?", "Why do I get so bored so soon?"},
          {"How do I get deleted files back?",
           "How do I get files back that I deleted?"},
          {"When did they get married?", "When did they marry?"}}) {
        EXPECT_EQ(veto(a, b), "") << a << b;
    }
}

TEST(Persons, one_who_acts_and_one_who_does_not) {
    for (auto [a, b] :
         {std::pair{"Which shops does she rob?", "Which shops rob her?"},
          {"Do I have to cook for my guests?",
           "Do my guests have to cook for me?"},
          {"Whose letters did I read?", "Who read my letters?"}}) {
        EXPECT_NE(veto(a, b), "") << a << b;
    }
    for (auto [a, b] :
         {std::pair{"How do I fold a map?", "Show me how to fold a map."},
          {"How long do I need to walk?", "How long does it take me to walk?"},
          {"Why did we lose the cup?", "Why did US lose the cup?"},
          {"How do I find my gift?", "How do I find the gift in me?"},
          {"Can I mend a roof alone?",
           "Would it be possible for me to mend a roof alone?"},
          {"Who read my letters?", "Which person read my letters?"}}) {
        EXPECT_EQ(veto(a, b), "") << a << b;
    }
}

TEST(Persons, what_differs_in_more_is_no_matter_of_persons) {
    for (auto [a, b] :
         {std::pair{"Можно ли мне покрасить мой забор?",
                    "Можно ли покрасить ваш забор?"},
          {"¿Puedo pintar mi valla?", "¿Se puede pintar tu valla?"},
          {"Cum pot eu vopsi gardul meu?", "Cum se poate vopsi gardul tău?"},
          {"Which big shops does she rob at night?", "Which shops rob her?"},
          {"Which shops does she rob?", "Which shops are robbed by her?"},
          {"Is silk as warm as wool?", "Are silk and wool equally warm?"},
          {"Where is the Beetle made?", "Where are the Beetles made?"},
          {"How old is a Beetle?", "How old are Beetles?"}}) {
        EXPECT_EQ(veto(a, b), "") << a << b;
        EXPECT_EQ(veto(b, a), "") << a << b;
    }
}

TEST(Persons, verbs_seen_from_the_other_end) {
    for (auto [a, b] :
         {std::pair{"How do I learn chess?", "How do I teach chess?"},
          {"Who may rent out a boat?", "Who may rent a boat?"},
          {"How do I throw an error?", "How do I catch an error?"},
          {"Who pays the toll?", "Who gets the toll?"}}) {
        EXPECT_EQ(veto(a, b), "veto:antonym") << a << b;
    }
    EXPECT_EQ(veto("When is my bonus paid?", "When do I get my bonus?"), "");
    EXPECT_EQ(veto("Where is chess taught?", "Where can I learn chess?"), "");
}

TEST(Persons, who_acts_in_other_languages) {
    for (auto [a, b] :
         {std::pair{"¿Puede mi tutor leer mis notas?",
                    "¿Puedo leer las notas de mi tutor?"},
          {"Может ли сосед читать мои письма?",
           "Могу ли я читать письма соседа?"},
          {"Poate vecinul să folosească mașina mea?",
           "Pot să folosesc mașina vecinului?"}}) {
        EXPECT_EQ(veto(a, b), "veto:order") << a << b;
    }
    EXPECT_EQ(veto("¿Se puede leer un libro en la sala?",
                   "¿Puedo leer un libro en la sala?"), "");
}

TEST(Persons, phrases_that_change_places_take_their_articles_along) {
    for (auto [a, b] :
         {std::pair{"How many cups are in a quart?",
                    "How many quarts are in a cup?"},
          {"Where is the label of an order?",
           "Where is the order of a label?"},
          {"Can my dog share my bed with wild cats?",
           "Can wild cats share my bed with my dog?"}}) {
        EXPECT_EQ(veto(a, b), "veto:order") << a << b;
    }
    EXPECT_EQ(veto("What is the price of the tram and a bus?",
                   "What is the price of a bus and the tram?"), "");
    EXPECT_EQ(veto("Do I need red paint or green paint?",
                   "Do I need green paint or red paint?"), "");
    EXPECT_EQ(veto("Does red paint hide green paint?",
                   "Does green paint hide red paint?"), "veto:order");
    EXPECT_EQ(veto("How do raw milk and a boiled milk differ?",
                   "How do a boiled milk and raw milk differ?"), "");
    EXPECT_EQ(veto("Does raw milk and tea beat a boiled milk?",
                   "Does a boiled milk and tea beat raw milk?"), "veto:order");
}

TEST(Compared, equal_or_more) {
    for (auto [a, b] :
         {std::pair{"Is silk as warm as wool?", "Is silk warmer than wool?"},
          {"Which towns are as old as Rome?",
           "Which towns are older than Rome?"},
          {"¿Es la seda tan cálida como la lana?",
           "¿Es la seda más cálida que la lana?"},
          {"Шёлк такой же тёплый, как шерсть?",
           "Шёлк теплее, чем шерсть?"},
          {"Este mătasea la fel de caldă ca lâna?",
           "Este mătasea mai caldă decât lâna?"}}) {
        EXPECT_NE(veto(a, b), "") << a << b;
    }
    EXPECT_EQ(veto("Is silk as warm as wool?", "Is silk warmer than wool?"),
              "veto:antonym");
    EXPECT_EQ(veto("Is silk warmer than wool as well as linen?",
                   "Is silk warmer than wool and linen?"), "");
    EXPECT_EQ(veto("Is silk as warm as wool?", "Is silk just as warm as wool?"),
              "");
}

TEST(Compared, one_or_many_of_a_name) {
    EXPECT_EQ(veto("Who directed the film Gremlin?",
                   "Who directed the film Gremlins?"), "veto:name");
    EXPECT_EQ(veto("What does a Beetle weigh?", "What do Beetles weigh?"), "");
    EXPECT_EQ(veto("is the film gremlin good", "is the film gremlins good"),
              "");
}

TEST(Persons, one_little_word_in_the_slot_of_another) {
    EXPECT_EQ(veto("Where are letters sent to Ada?",
                   "Where are letters sent by Ada?"), "veto:order");
    EXPECT_EQ(veto("Is it a present for Ada?", "Is it a present from Ada?"),
              "veto:order");
    EXPECT_EQ(veto("What may I eat with the pill?",
                   "What may I eat after the pill?"), "veto:order");
    EXPECT_EQ(veto("How do I mute all the drums?",
                   "How do I mute one of the drums?"), "veto:antonym");
    EXPECT_EQ(veto("Can I pay by card?", "Can I pay with a card?"), "");
    EXPECT_EQ(veto("Is there a tram to Gdynia?", "Is there a tram for Gdynia?"),
              "");
    EXPECT_EQ(veto("Which one of all the drums is loud?",
                   "Which of all the drums is loud?"), "");
}

}  // namespace
}  // namespace llm::semantic
