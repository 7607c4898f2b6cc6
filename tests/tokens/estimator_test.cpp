#include "src/tokens/estimator.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <thread>
#include <vector>

namespace llm::tokens {
namespace {

class TokensEstimator : public testing::Test {
protected:
    std::vector<uint64_t> memory_ =
        std::vector<uint64_t>(Estimator::kSize / 8);
    Estimator estimator_ =
        Estimator::attach(memory_.data(), Estimator::kSize, true).value();
    uint64_t model_ = model_hash("gpt-4o");

    static constexpr int64_t kSecond = 1000000000;
    double made_in_a_second() const {
        return static_cast<double>(estimator_.made_in(model_, kSecond));
    }
};

TEST_F(TokensEstimator, DefaultsBeforeAnythingIsLearned) {
    for (const Estimator& estimator : {estimator_, Estimator()}) {
        EXPECT_EQ(0u, estimator.prompt(model_, {}, 0));
        EXPECT_EQ(0u, estimator.completion(model_, {}));
        EXPECT_EQ(1u, estimator.completion(model_, {1, 0}));
        EXPECT_EQ(100u, estimator.completion(model_, {400, 0}));
        EXPECT_EQ(200u, estimator.completion(model_, {0, 400}));
        EXPECT_EQ(108u, estimator.prompt(model_, {400, 0}, 2));
        EXPECT_EQ(4u, estimator.prompt(model_, {}, 1));
    }
}

TEST_F(TokensEstimator, SaturatesInsteadOfWrapping) {
    uint64_t last = 0;
    for (int bits = 0; bits < 64; ++bits) {
        uint64_t bytes = uint64_t{1} << bits;
        uint64_t now = estimator_.prompt(model_, {bytes, bytes}, bytes);
        EXPECT_GE(now, last) << bits;
        last = now;
    }
    EXPECT_EQ(last, estimator_.prompt(model_, {UINT64_MAX, UINT64_MAX},
                                      UINT64_MAX));
    auto off = estimator_.learn_prompt(model_, {UINT64_MAX, UINT64_MAX},
                                       UINT64_MAX, UINT64_MAX);
    ASSERT_TRUE(off);
    EXPECT_GE(*off, 0);
    EXPECT_GT(estimator_.prompt(model_, {400, 0}, 1), 90u);
    EXPECT_LT(estimator_.prompt(model_, {400, 0}, 1), 120u);
}

TEST_F(TokensEstimator, NothingToLearnFrom) {
    EXPECT_FALSE(estimator_.learn_prompt(model_, {}, 0, 10));
    EXPECT_FALSE(estimator_.learn_prompt(model_, {400, 0}, 1, 0));
    EXPECT_EQ(0u, estimator_.models());
}

TEST_F(TokensEstimator, ReportsHowFarOffItWas) {
    EXPECT_EQ(0, estimator_.learn_completion(model_, {400, 0}, 100));
    EXPECT_EQ(500, estimator_.learn_completion(model_, {400, 0}, 200));
    EXPECT_EQ(1000, Estimator().learn_completion(model_, {400, 0}, 50));
}

TEST_F(TokensEstimator, OneOddReportCannotMoveItFar) {
    estimator_.learn_completion(model_, {4000, 0}, 1000000000);
    uint64_t first = estimator_.completion(model_, {4000, 0});
    EXPECT_GT(first, 1000u);
    EXPECT_LE(first, 1126u);
    for (int i = 0; i < 200; ++i) {
        estimator_.learn_completion(model_, {4000, 0}, 1000);
    }
    uint64_t settled = estimator_.completion(model_, {4000, 0});
    EXPECT_NEAR(1000, static_cast<double>(settled), 5);
    estimator_.learn_completion(model_, {4000, 0}, UINT64_MAX);
    EXPECT_LE(estimator_.completion(model_, {4000, 0}), settled * 101 / 100);
    estimator_.learn_completion(model_, {4000, 0}, 1);
    EXPECT_NEAR(1000, static_cast<double>(
                          estimator_.completion(model_, {4000, 0})), 10);
}

TEST_F(TokensEstimator, RatiosStayWithinBounds) {
    for (int i = 0; i < 5000; ++i) {
        estimator_.learn_completion(model_, {1000, 0}, UINT64_MAX);
        estimator_.learn_completion(1, {1000, 0}, 1);
        estimator_.learn_completion(2, {0, 1000}, UINT64_MAX);
        estimator_.learn_completion(3, {0, 1000}, 1);
    }
    EXPECT_NEAR(2000, static_cast<double>(
                          estimator_.completion(model_, {1000, 0})), 1);
    EXPECT_NEAR(63, static_cast<double>(
                        estimator_.completion(1, {1000, 0})), 1);
    EXPECT_NEAR(2000, static_cast<double>(
                          estimator_.completion(2, {0, 1000})), 1);
    EXPECT_NEAR(63, static_cast<double>(
                        estimator_.completion(3, {0, 1000})), 1);
}

TEST_F(TokensEstimator, PromptCompletionAndModelsAreApart) {
    for (int i = 0; i < 300; ++i) {
        estimator_.learn_prompt(model_, {4000, 0}, 0, 2000);
    }
    EXPECT_NEAR(2000, static_cast<double>(
                          estimator_.prompt(model_, {4000, 0}, 0)), 20);
    EXPECT_EQ(1000u, estimator_.completion(model_, {4000, 0}));
    EXPECT_EQ(1000u, estimator_.prompt(model_hash("else"), {4000, 0}, 0));
}

TEST_F(TokensEstimator, HashZeroIsAModelToo) {
    for (int i = 0; i < 300; ++i) {
        estimator_.learn_completion(0, {4000, 0}, 2000);
    }
    EXPECT_GT(estimator_.completion(0, {4000, 0}), 1900u);
    EXPECT_EQ(1u, estimator_.models());
}

TEST_F(TokensEstimator, TableIsBoundedAndForgetsTheOldest) {
    auto learn = [&](uint64_t model) {
        for (int i = 0; i < 50; ++i) {
            estimator_.learn_completion(model, {4000, 0}, 2000);
        }
    };
    auto knows = [&](uint64_t model) {
        return estimator_.completion(model, {4000, 0}) > 1500;
    };
    // All of one set: 5 is kept fresh, 69 is not.
    learn(5);
    for (uint64_t i = 1; i < Estimator::kWays; ++i) {
        learn(5 + i * Estimator::kSets);
    }
    EXPECT_EQ(Estimator::kWays, estimator_.models());
    learn(5);
    learn(5 + 100 * Estimator::kSets);
    EXPECT_EQ(Estimator::kWays, estimator_.models());
    EXPECT_TRUE(knows(5));
    EXPECT_FALSE(knows(5 + Estimator::kSets));
    EXPECT_TRUE(knows(5 + 2 * Estimator::kSets));
    EXPECT_TRUE(knows(5 + 100 * Estimator::kSets));
    // Many models fill it and no more.
    for (int i = 0; i < 20000; ++i) {
        estimator_.learn_completion(model_hash("m" + std::to_string(i)),
                                    {400, 0}, 100);
    }
    EXPECT_EQ(Estimator::kSets * Estimator::kWays, estimator_.models());
}

TEST_F(TokensEstimator, AttachAgain) {
    for (int i = 0; i < 100; ++i) {
        estimator_.learn_completion(model_, {4000, 0}, 2000);
    }
    uint64_t learned = estimator_.completion(model_, {4000, 0});
    auto again = Estimator::attach(memory_.data(), Estimator::kSize, false);
    ASSERT_TRUE(again);
    EXPECT_EQ(learned, again->completion(model_, {4000, 0}));
    memory_[1] ^= 1;
    auto other = Estimator::attach(memory_.data(), Estimator::kSize, false);
    ASSERT_FALSE(other);
    EXPECT_EQ(Errc::kCorrupt, other.error().code);
    EXPECT_FALSE(Estimator::attach(memory_.data(), 100, true));
    EXPECT_FALSE(Estimator::attach(nullptr, Estimator::kSize, true));
}

TEST_F(TokensEstimator, ScribbledWordsStayInRange) {
    estimator_.learn_completion(model_, {4000, 0}, 1000);
    auto scribble = [&](uint64_t word) {
        for (size_t at = 8; at < memory_.size(); ++at) {
            if ((at - 8) % 5 != 0) {  // the keys stand
                memory_[at] = word;
            }
        }
    };
    scribble(UINT64_MAX);
    EXPECT_EQ(2000u, estimator_.completion(model_, {1000, 0}));
    EXPECT_LE(estimator_.made_in(model_, INT64_MAX), uint64_t{1} << 31);
    scribble(1);
    EXPECT_EQ(63u, estimator_.completion(model_, {1000, 0}));
    EXPECT_LE(estimator_.made_in(model_, kSecond), uint64_t{1} << 31);
}

TEST_F(TokensEstimator, APaceIsLearnedOfWholeAnswers) {
    EXPECT_EQ(0u, estimator_.made_in(model_, 0));
    EXPECT_EQ(0u, estimator_.made_in(model_, -1));
    EXPECT_NEAR(100, made_in_a_second(), 1);  // as every model at first
    for (int i = 0; i < 200; ++i) {
        estimator_.learn_pace(model_, 20 * kSecond, 500);  // 25 a second
    }
    EXPECT_NEAR(25, made_in_a_second(), 1);
    for (int i = 0; i < 600; ++i) {
        estimator_.learn_pace(model_, 2 * kSecond, 500);  // it became faster
    }
    EXPECT_NEAR(250, made_in_a_second(), 8);
    EXPECT_NEAR(100, estimator_.made_in(model_hash("another"), kSecond), 1);
}

// What took long for its few tokens says little of longer answers.
TEST_F(TokensEstimator, ShortAnswersHardlyChangeAPace) {
    for (int i = 0; i < 100; ++i) {
        estimator_.learn_pace(model_, 5 * kSecond, 500);
    }
    for (int i = 0; i < 100; ++i) {
        estimator_.learn_pace(model_, kSecond, 1);
    }
    EXPECT_NEAR(100, made_in_a_second(), 3);
}

TEST_F(TokensEstimator, LongAnswersHaveThePaceOfOthers) {
    for (int i = 0; i < 20; ++i) {
        estimator_.learn_pace(model_, 1280 * kSecond, 128'000);
    }
    EXPECT_NEAR(100, made_in_a_second(), 1);
}

TEST_F(TokensEstimator, OddTimesAreBounded) {
    for (int i = 0; i < 300; ++i) {
        estimator_.learn_pace(model_, INT64_MAX, 1000);
    }
    EXPECT_NEAR(10, made_in_a_second(), 1);
    for (int i = 0; i < 300; ++i) {
        estimator_.learn_pace(model_, 1, UINT64_MAX);
    }
    EXPECT_NEAR(10000, made_in_a_second(), 200);
    estimator_.learn_pace(model_, 0, 100);
    estimator_.learn_pace(model_, kSecond, 0);
    EXPECT_NEAR(10000, made_in_a_second(), 200);
}

TEST_F(TokensEstimator, ThreadsNeverTearAWord) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([this, t] {
            Estimator estimator = estimator_;
            for (int i = 0; i < 20000; ++i) {
                // More models than one set holds, so that they replace.
                uint64_t model = 7 + uint64_t(i * 5 + t) % 12
                                       * Estimator::kSets;
                estimator.learn_prompt(model, {4000, 400}, 3, 1500);
                uint64_t got = estimator.prompt(model, {4000, 400}, 3);
                EXPECT_GE(got, 1100u);
                EXPECT_LE(got, 1600u);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_LE(estimator_.models(), Estimator::kWays);
}

// A model with ratios of its own, some noise, and the odd absurd report.
TEST_F(TokensEstimator, LearnsASyntheticModel) {
    std::mt19937 random(11);
    std::normal_distribution<double> noise(1.0, 0.06);
    std::lognormal_distribution<double> length(6.5, 1.2);
    double before = 0;
    double after = 0;
    constexpr int kReports = 2000;
    constexpr int kTail = 500;
    for (int i = 0; i < kReports; ++i) {
        auto bytes = static_cast<uint64_t>(length(random)) + 20;
        uint64_t share = random() % 4 == 0 ? 60 : random() % 5;  // percent
        TextSize text{bytes * (100 - share) / 100, bytes * share / 100};
        uint64_t messages = 1 + random() % 6;
        double truth = (static_cast<double>(text.ascii_bytes) / 4.7
                        + static_cast<double>(text.other_bytes) / 2.6
                        + 3.5 * static_cast<double>(messages))
                       * noise(random);
        auto tokens = static_cast<uint64_t>(std::lround(truth));
        auto off = [&](const Estimator& estimator) {
            auto guess = static_cast<double>(
                estimator.prompt(model_, text, messages));
            return std::abs(guess - truth) / truth;
        };
        if (i >= kReports - kTail) {
            before += off(Estimator()) / kTail;
            after += off(estimator_) / kTail;
        }
        bool odd = random() % 100 == 0;
        estimator_.learn_prompt(model_, text, messages,
                                odd ? tokens * 1000 : tokens);
    }
    printf("mean error, synthetic prompts: %.1f %% by default, "
           "%.1f %% learned (noise alone %.1f %%)\n",
           before * 100, after * 100, 6 * std::sqrt(2 / M_PI));
    EXPECT_LT(after, 0.09);
    EXPECT_LT(after, before);
}

}  // namespace
}  // namespace llm::tokens
