// Counts of the traffic's words: what is common here weighs less where texts
// share it, nothing ever weighs more, and the judge only becomes more careful.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/semantic/veto_of.hpp"

namespace llm::semantic {
namespace {

struct Memory {
    explicit Memory(size_t counters = 4096)
        : words(WordCounts::size_needed(counters) / sizeof(uint64_t) + 1) {}

    WordCounts attach(bool fresh = true) {
        auto made = WordCounts::attach({reinterpret_cast<char*>(words.data()),
                                        words.size() * sizeof(uint64_t),
                                        fresh});
        EXPECT_TRUE(made.ok());
        return *made;
    }

    std::vector<uint64_t> words;
};

// The key and the background's rarity of a word that stands alone.
Fact fact_of(const char* word) {
    Facts facts = judge().read(word);
    EXPECT_EQ(facts.items().size(), 1u) << word;
    return facts.items().front();
}

uint16_t weight(const WordCounts& counts, const char* word) {
    Fact fact = fact_of(word);
    return counts.weight(fact.key, fact.idf);
}

// What a help desk is asked: always about its product.
const char* const kAsked[] = {
    "How do I charge my Zentrix?",       "Where can I buy a Zentrix bag?",
    "Does the Zentrix work outdoors?",   "My Zentrix makes a strange noise",
    "Is there a manual for the Zentrix", "What colours does a Zentrix have?",
};

void ask(WordCounts& counts, int rounds) {
    for (int i = 0; i < rounds; i++) {
        for (const char* question : kAsked) {
            counts.add(judge().read(question));
        }
    }
}

TEST(WordCounts, say_nothing_before_traffic) {
    Memory memory;
    WordCounts counts = memory.attach();
    EXPECT_EQ(weight(counts, "Zentrix"), fact_of("Zentrix").idf);
    EXPECT_EQ(weight(WordCounts{}, "Zentrix"), fact_of("Zentrix").idf);
    WordCounts{}.add(judge().read("no memory, no fault"));
}

TEST(WordCounts, one_question_alone_changes_no_weight_of_its_words) {
    Memory memory;
    WordCounts counts = memory.attach();
    counts.add(judge().read(kAsked[0]));
    EXPECT_GE(weight(counts, "Zentrix") + 1, fact_of("Zentrix").idf);
}

TEST(WordCounts, common_words_become_light_others_stay) {
    Memory memory;
    WordCounts counts = memory.attach();
    ask(counts, 1000);
    EXPECT_EQ(counts.questions(), 6000u);
    EXPECT_LT(weight(counts, "Zentrix"), 60);
    EXPECT_GE(weight(counts, "Quorvex") + 1, fact_of("Quorvex").idf);
    for (const char* word : {"charge", "refund", "the", "colour", "noise"}) {
        EXPECT_LE(weight(counts, word), fact_of(word).idf) << word;
    }
}

TEST(WordCounts, a_word_counts_once_in_a_question) {
    Memory memory;
    WordCounts counts = memory.attach();
    for (int i = 0; i < 3000; i++) {
        counts.add(judge().read("Zentrix Zentrix Zentrix Zentrix?"));
        counts.add(judge().read("Where is the station?"));
    }
    // In half of the 6,000 questions, beside 2,000 of the background.
    EXPECT_NEAR(weight(counts, "Zentrix"), 98, 3);
}

TEST(WordCounts, forget_what_is_no_longer_asked) {
    Memory memory;
    WordCounts counts = memory.attach();
    ask(counts, 100);
    Facts other = judge().read("Where is the station?");
    for (uint32_t i = 0; i < 2 * WordCounts::kPeriod; i++) {
        counts.add(other);
        ASSERT_LE(counts.questions(), 2 * WordCounts::kPeriod);
    }
    EXPECT_GE(weight(counts, "Zentrix") + 1, fact_of("Zentrix").idf);
    EXPECT_LT(weight(counts, "station"), 20);
}

TEST(WordCounts, outlive_their_process_and_tell_a_foreign_layout) {
    Memory memory;
    WordCounts counts = memory.attach();
    ask(counts, 100);
    uint16_t before = weight(counts, "Zentrix");
    EXPECT_EQ(weight(memory.attach(false), "Zentrix"), before);
    memory.words[0] ^= 1;
    auto bytes = reinterpret_cast<char*>(memory.words.data());
    size_t size = memory.words.size() * sizeof(uint64_t);
    EXPECT_EQ(WordCounts::attach({bytes, size, false}).error().code,
              Errc::kCorrupt);
    EXPECT_EQ(WordCounts::attach({bytes, 8, true}).error().code,
              Errc::kInvalid);
}

TEST(WordCounts, several_writers_lose_little_and_break_nothing) {
    Memory memory;
    WordCounts counts = memory.attach();
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++) {
        threads.emplace_back([&] {
            for (int j = 0; j < 20000; j++) {
                counts.add(judge().read("Where is the Zentrix?"));
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_LE(counts.questions(), 2 * WordCounts::kPeriod + 4);
    EXPECT_LT(weight(counts, "Zentrix"), 30);
}

uint32_t probability(const char* query, const char* stored,
                     const WordCounts* counts) {
    return judge()
        .judge(query, stored, 0.9, EncoderKind::kMinilm, counts)
        .probability_ppm;
}

TEST(WordCounts, a_shared_product_name_is_no_evidence_where_all_write_it) {
    Memory memory;
    WordCounts counts = memory.attach();
    const char* query = "How do I clean the filter of a Zentrix?";
    const char* stored = "How can I wash the Zentrix?";
    uint32_t before = probability(query, stored, &counts);
    ASSERT_GT(before, 0u);
    ask(counts, 1000);
    EXPECT_LT(probability(query, stored, &counts), before - 20000);
}

TEST(WordCounts, make_the_judge_more_careful_never_less) {
    const char* const texts[] = {
        "What is the price of the Pro plan?",
        "What is the price of the Enterprise plan?",
        "How do I reset my Zentrix?",
        "How can I reset a Zentrix",
        "Can I not return a Zentrix?",
        "Can I return a Zentrix?",
        "Send 5 Zentrix to Bob from Alice",
        "Send 5 Zentrix to Alice from Bob",
        "¿Dónde está mi Zentrix?",
        "Где мой Zentrix?",
    };
    Memory memory;
    WordCounts counts = memory.attach();
    ask(counts, 500);
    for (int i = 0; i < 500; i++) {
        for (const char* text : texts) {
            counts.add(judge().read(text));
        }
    }
    for (const char* a : texts) {
        for (const char* b : texts) {
            for (double cosine : {0.7, 0.9, 0.99}) {
                Verdict without =
                    judge().judge(a, b, cosine, EncoderKind::kMinilm);
                Verdict with = judge().judge(a, b, cosine,
                                             EncoderKind::kMinilm, &counts);
                EXPECT_LE(with.probability_ppm, without.probability_ppm)
                    << a << " / " << b;
                EXPECT_TRUE(without.veto.empty() || !with.veto.empty())
                    << a << " / " << b;
            }
        }
    }
}

}  // namespace
}  // namespace llm::semantic
