// Vetoes: look-alikes get the word of what tells them apart, other wordings
// of one question get none.
#include <gtest/gtest.h>

#include "src/semantic/decision.hpp"

namespace llm::semantic {
namespace {

const Judge& judge() {
    static const Result<Judge> made = Judge::create({});
    return *made;
}

std::string veto(const char* a, const char* b) {
    std::string there(judge().judge(a, b, 0.95, EncoderKind::kMinilm).veto);
    std::string back(judge().judge(b, a, 0.95, EncoderKind::kMinilm).veto);
    EXPECT_EQ(there, back) << a << " / " << b;
    return there;
}

TEST(Guards, numbers) {
    EXPECT_EQ(veto("Can I get a refund after 30 days?",
                   "Can I get a refund after 60 days?"), "veto:number");
    EXPECT_EQ(veto("Can I return it after two weeks?",
                   "Can I return it after 2 weeks?"), "");
    EXPECT_EQ(veto("Is 1,000 enough?", "Is 1000 enough?"), "");
    EXPECT_EQ(veto("Is 2.50 the fee?", "Is 2.5 the fee?"), "");
    EXPECT_EQ(veto("How much is twenty one plus 3?",
                   "How much is 21 plus three?"), "");
    EXPECT_EQ(veto("Is a limit of 5 million normal?",
                   "Is a limit of 5,000,000 normal?"), "");
    EXPECT_EQ(veto("Does the discount apply?",
                   "Does the 20 discount apply?"), "veto:number");
    EXPECT_EQ(veto("What does it do at -5?", "What does it do at 5?"),
              "veto:number");
}

TEST(Guards, units) {
    EXPECT_EQ(veto("Is 50 kg too heavy?", "Is 50 lb too heavy?"),
              "veto:unit");
    EXPECT_EQ(veto("Is 50kg too heavy?", "Is 50 kilograms too heavy?"), "");
    EXPECT_EQ(veto("Is $20 the price?", "Is 20 euros the price?"),
              "veto:unit");
    EXPECT_EQ(veto("Is $20 the price?", "Is 20 dollars the price?"), "");
    EXPECT_EQ(veto("What is the price per month?",
                   "What is the price per year?"), "veto:unit");
    EXPECT_EQ(veto("How many hours of leave do I earn?",
                   "How many days of leave do I earn?"), "veto:unit");
    EXPECT_EQ(veto("Do you open at 9am?", "Do you open at 9 pm?"),
              "veto:unit");
    // a bit is no byte, a milliwatt no megawatt; "gb" is but lazy
    EXPECT_EQ(veto("How fast is 100 Mbps?", "How fast is 100 MBps?"),
              "veto:unit");
    EXPECT_EQ(veto("Is 5mW too much?", "Is 5MW too much?"), "veto:unit");
    EXPECT_EQ(veto("Is 5 GB enough?", "Is 5 gb enough?"), "");
    EXPECT_EQ(veto("How much is a dozen eggs?",
                   "How much is half a dozen eggs?"), "veto:number");
}

TEST(Guards, dates) {
    EXPECT_EQ(veto("When do you open on Saturday?",
                   "When do you open on Sunday?"), "veto:date");
    EXPECT_EQ(veto("When do you open on Saturday?",
                   "What time do you open Saturdays?"), "");
    EXPECT_EQ(veto("What are the events in March?",
                   "What are the events in May?"), "veto:date");
    EXPECT_EQ(veto("What is due on 2024-03-01?",
                   "What is due on 2024-03-02?"), "veto:date");
    EXPECT_EQ(veto("May I bring a guest?", "Can I bring a guest?"), "");
}

TEST(Guards, identifiers) {
    EXPECT_EQ(veto("What is the warranty on the X200?",
                   "What is the warranty on the X300?"), "veto:identifier");
    EXPECT_EQ(veto("What does error E1001 mean?",
                   "What does error E1002 mean?"), "veto:identifier");
    EXPECT_EQ(veto("What does `max_size` do?", "What does `min_age` do?"),
              "veto:identifier");
    EXPECT_EQ(veto("What is new in version 3.11.2?",
                   "What is new in version 3.11.3?"), "veto:identifier");
    EXPECT_EQ(veto("What is a 401(k) plan?", "What is a 401k plan?"), "");
}

TEST(Guards, signs) {
    EXPECT_EQ(veto("Which y satisfy y < 7?", "Which y satisfy y > 7?"),
              "veto:identifier");
    EXPECT_EQ(veto("Is (1 + 2) * 6 even?", "Is 1 + (2 * 6) even?"),
              "veto:identifier");
    EXPECT_EQ(veto("What does a = 2 do in Go?", "What does a == 2 do in Go?"),
              "veto:identifier");
    EXPECT_EQ(veto("What does \xf0\x9f\x98\x8e mean?",
                   "What does \xf0\x9f\x98\xa2 mean?"), "veto:identifier");
    // adorned, spelt or said aside
    EXPECT_EQ(veto("Where is my parcel \xf0\x9f\x98\x8e",
                   "Where is my parcel?"), "");
    EXPECT_EQ(veto("Is it 20\xc2\xb0 warm?", "Is it 20 warm?"), "");
    EXPECT_EQ(veto("Can I pay cash (and/or by card)?",
                   "Can I pay cash and or by card?"), "");
}

TEST(Guards, negation) {
    EXPECT_EQ(veto("Which cards have a fee?",
                   "Which cards do not have a fee?"), "veto:negation");
    EXPECT_EQ(veto("Is the ticket refundable?",
                   "Is the ticket non-refundable?"), "veto:negation");
    EXPECT_EQ(veto("Is this usable?", "Is this unusable?"), "veto:negation");
    EXPECT_EQ(veto("Can I fly with a passport?",
                   "Can I fly without a passport?"), "veto:negation");
    EXPECT_EQ(veto("Why isn't my card working?",
                   "Why is my card not working?"), "");
    // denied by a word of its own
    EXPECT_EQ(veto("How do I avoid paying a fee?",
                   "How do I not pay a fee?"), "");
    EXPECT_EQ(veto("Why is the payment refused?",
                   "Why is the payment not refused?"), "veto:negation");
    EXPECT_EQ(veto("\u00bfPor qu\u00e9 no pasa el pago?",
                   "\u00bfPor qu\u00e9 falla el pago?"), "");
    // answers what is not in the text
    EXPECT_EQ(veto("No, the fee is due in advance.",
                   "The fee is due in advance."), "");
}

TEST(Guards, opposites) {
    EXPECT_EQ(veto("How do I enable alerts?", "How do I disable alerts?"),
              "veto:antonym");
    EXPECT_EQ(veto("What happens when prices rise?",
                   "What happens when prices fall?"), "veto:antonym");
    EXPECT_EQ(veto("Pro plan price?", "Enterprise plan price?"),
              "veto:antonym");
    EXPECT_EQ(veto("What is the credit card limit?",
                   "What is the debit card limit?"), "veto:antonym");
    EXPECT_EQ(veto("How do I turn on notifications?",
                   "How do I switch on notifications?"), "");
    EXPECT_EQ(veto("Which is the cheapest phone?",
                   "Which is the most expensive phone?"), "veto:antonym");
}

TEST(Guards, what_is_asked_for) {
    EXPECT_EQ(veto("When was the tower built?", "Where was the tower built?"),
              "veto:antonym");
    EXPECT_EQ(veto("Why was the tower built?", "Who built the tower?"),
              "veto:antonym");
    EXPECT_EQ(veto("¿Cuándo se celebra el congreso?",
                   "¿Dónde se celebra el congreso?"), "veto:antonym");
    EXPECT_EQ(veto("Когда построили башню?", "Где построили башню?"),
              "veto:antonym");
    EXPECT_EQ(veto("Când are loc congresul?", "Unde are loc congresul?"),
              "veto:antonym");
    EXPECT_EQ(veto("What time does the shop open?",
                   "When does the shop open?"), "");
}

TEST(Guards, who_does_what) {
    EXPECT_EQ(veto("Does Alice owe Bob money?", "Does Bob owe Alice money?"),
              "veto:order");
    EXPECT_EQ(veto("How do I convert euros to dollars?",
                   "How do I convert dollars to euros?"), "veto:order");
    EXPECT_EQ(veto("flights from Paris to Rome",
                   "flights from Rome to Paris"), "veto:order");
    EXPECT_EQ(veto("flights from Paris to Rome",
                   "flights to Rome from Paris"), "");
    EXPECT_EQ(veto("flights from Paris to Rome",
                   "flights to Paris from Rome"), "veto:order");
}

TEST(Guards, exchanged_places) {
    EXPECT_EQ(veto("Does Spain sell oranges to Poland?",
                   "Does Poland sell oranges to Spain?"), "veto:order");
    EXPECT_EQ(veto("Is Go older than Swift?", "Is Swift older than Go?"),
              "veto:order");
    EXPECT_EQ(veto("What is due on 03/04/2024?", "What is due on 04/03/2024?"),
              "veto:order");
    EXPECT_EQ(veto("Трамваи из Твери в Тулу", "Трамваи из Тулы в Тверь"),
              "veto:order");
    EXPECT_EQ(veto("Cum schimb dolari în lei?", "Cum schimb lei în dolari?"),
              "veto:order");
    EXPECT_EQ(veto("Autocare de la Arad la Turda",
                   "Autocare de la Turda la Arad"), "veto:order");
    // what a conjunction joins has no order, a phrase may stand in front
    EXPECT_EQ(veto("What is the difference between TCP and UDP?",
                   "What is the difference between UDP and TCP?"), "");
    EXPECT_EQ(veto("On Saturday when do you open?",
                   "When do you open on Saturday?"), "");
    EXPECT_EQ(veto("How can I quickly sort a list?",
                   "How can I sort a list quickly?"), "");
}

TEST(Guards, variants_of_a_product) {
    EXPECT_EQ(veto("What does the Nova 8 weigh?",
                   "What does the Nova 8 Pro weigh?"), "veto:name");
    EXPECT_EQ(veto("What does the Nova 8 Pro weigh?",
                   "What does the Nova 8 Pro Max weigh?"), "veto:name");
    EXPECT_EQ(veto("how fast is the zx 400", "how fast is the zx 400 ti"),
              "veto:name");
    EXPECT_EQ(veto("Is the A52s loud?", "Is the A52s Ultra loud?"),
              "veto:name");
    EXPECT_EQ(veto("¿Cuánto pesa el Nova 8?", "¿Cuánto pesa el Nova 8 Pro?"),
              "veto:name");
    EXPECT_EQ(veto("Is there a maximum of 8 guests?",
                   "Is 8 guests the maximum?"), "");
}

TEST(Guards, names_and_persons) {
    EXPECT_EQ(veto("What is the capital of France?",
                   "What is the capital of Germany?"), "veto:name");
    EXPECT_EQ(veto("Can my wife use the account?",
                   "Can I use the account?"), "veto:name");
    EXPECT_EQ(veto("Who runs artificial intelligence research?",
                   "Who runs AI research?"), "");
}

TEST(Guards, abbreviations_hold_no_slips) {
    EXPECT_EQ(veto("What is the fee for APIs?", "What is the fee for APUs?"),
              "veto:name");
    EXPECT_EQ(veto("what is a fund of etfs", "what is a fund of etxs"),
              "veto:rare_word");
}

TEST(Guards, rare_words) {
    EXPECT_EQ(veto("how do i install zorvex", "how do i install quantor"),
              "veto:rare_word");
    EXPECT_EQ(veto("what does a podiatrist do", "what does a notary do"),
              "veto:rare_word");
    EXPECT_EQ(veto("How is the inflamed white matter of the brain treated?",
                   "How is the inflamed white matter of the brain diagnosed?"),
              "veto:rare_word");
    // two wordings of more than a word are left to the probability
    EXPECT_EQ(veto("What is a good remedy for dry skin in winter?",
                   "What are some solutions to dry skin in winter?"), "");
    // words that share a sense may stand for one another
    EXPECT_EQ(veto("Where do I store my luggage?",
                   "Where do I keep my baggage?"), "");
    EXPECT_EQ(veto("How do I fetch a record?",
                   "How do I retrieve a record?"), "");
    // but not two members of one set
    EXPECT_EQ(veto("Which teacher do I ask?", "Which student do I ask?"),
              "veto:antonym");
    // a slip of the pen is no other word
    EXPECT_EQ(veto("how do i cancel my subscription",
                   "how do i cancel my subscripton"), "");
    EXPECT_EQ(veto("How much does the film cost?",
                   "What is the price of the movie?"), "");
}

TEST(Guards, other_languages) {
    EXPECT_EQ(veto("¿Cómo puedo comprar acciones?",
                   "¿Cómo puedo vender acciones?"), "veto:antonym");
    EXPECT_EQ(veto("¿Puedo pagar con tarjeta?", "¿Puedo pagar sin tarjeta?"),
              "veto:negation");
    EXPECT_EQ(veto("Как включить уведомления?", "Как отключить уведомления?"),
              "veto:antonym");
    EXPECT_EQ(veto("Можно вернуть товар через 14 дней?",
                   "Можно вернуть товар через 30 дней?"), "veto:number");
    EXPECT_EQ(veto("Когда вы открываетесь в субботу?",
                   "Когда вы открываетесь в воскресенье?"), "veto:date");
    EXPECT_EQ(veto("Cum pot activa alertele?", "Cum pot dezactiva alertele?"),
              "veto:negation");
    EXPECT_EQ(veto("Cât costă planul pe lună?", "Cât costă planul pe an?"),
              "veto:unit");
    EXPECT_EQ(veto("¿Cuánto cuesta el plan?", "Сколько стоит план?"),
              "veto:rare_word");
}

TEST(Guards, operators_terms) {
    JudgeOptions options;
    options.terms = "# tiers\nSkyline, sky line | Harbor\nonly one\n";
    options.terms_name = "terms.txt";
    Result<Judge> own = Judge::create(options);
    ASSERT_TRUE(own.ok());
    auto word = [&](const char* a, const char* b) {
        return std::string(
            own->judge(a, b, 0.99, EncoderKind::kMinilm).veto);
    };
    EXPECT_EQ(word("Is skyline free?", "Is harbor free?"), "veto:term");
    EXPECT_EQ(word("Is the sky line free?", "Is skyline free?"), "");
    EXPECT_EQ(word("Is only one free?", "Is it free?"), "veto:term");
    options.terms = "a b c d e f | g";
    Result<Judge> wrong = Judge::create(options);
    ASSERT_FALSE(wrong.ok());
    EXPECT_NE(wrong.error().message.find("terms.txt:1"), std::string::npos);
}

TEST(Guards, vetoes_can_be_off) {
    JudgeOptions options;
    options.vetoes = kAllVetoes & static_cast<VetoSet>(~bit(Veto::kNumber));
    Result<Judge> made = Judge::create(options);
    ASSERT_TRUE(made.ok());
    EXPECT_EQ(made->judge("Is 3 enough?", "Is 4 enough?", 0.9,
                          EncoderKind::kMinilm).veto, "");
    for (size_t i = 1; i < kVetoes; i++) {
        auto one = static_cast<Veto>(i);
        EXPECT_EQ(veto_of(name_of(one)), one);
    }
    EXPECT_EQ(veto_of("nothing"), Veto::kNone);
}

TEST(Judge, probability_rises_with_the_cosine) {
    for (EncoderKind kind : {EncoderKind::kMinilm, EncoderKind::kStatic,
                             EncoderKind::kLexical, EncoderKind::kRemote}) {
        uint32_t before = 0;
        for (double cosine = 0.5; cosine <= 1.0; cosine += 0.05) {
            Verdict v = judge().judge("How do I open an account?",
                                      "How can I open an account online?",
                                      cosine, kind);
            EXPECT_GE(v.probability_ppm, before);
            before = v.probability_ppm;
        }
        EXPECT_GT(judge().default_threshold(kind), 0.5);
        EXPECT_EQ(encoder_kind(name_of(kind)), kind);
    }
    EXPECT_EQ(encoder_kind("text-embedding-3-small"), EncoderKind::kRemote);
}

TEST(Judge, plain_paraphrase_passes_and_unlike_text_does_not) {
    EXPECT_GE(judge().judge("How do I cancel my subscription?",
                            "How can I cancel my subscription?", 0.99,
                            EncoderKind::kMinilm).probability_ppm,
              kDefaultPrecisionPpm);
    EXPECT_LT(judge().judge("How do I cancel my subscription?",
                            "Where is your office?", 0.75,
                            EncoderKind::kMinilm).probability_ppm,
              kDefaultPrecisionPpm);
}

TEST(Judge, long_texts_are_bounded_and_their_ends_count) {
    std::string a;
    for (int i = 0; i < 3000; i++) {
        a += "word" + std::string(1, static_cast<char>('a' + i % 26)) + " ";
    }
    std::string b = a + "and more";
    EXPECT_EQ(judge().judge(a, a, 0.99, EncoderKind::kMinilm).veto, "");
    EXPECT_NE(judge().judge(a, b, 0.99, EncoderKind::kMinilm).veto, "");
}

}  // namespace
}  // namespace llm::semantic
