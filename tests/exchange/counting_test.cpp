#include "src/exchange/counting.hpp"

#include "tests/tokens/rank_file.hpp"

namespace llm::exchange {
namespace {

using tokens::Counter;
using tokens::Encoding;

class ExchangeCounting : public testing::Test {
protected:
    ExchangeCounting() { counting_.use(rules_); }

    static Counter counter() {
        return {tokens::rank_table({"he", "ll", "hell", "hello", " hello"}),
                Encoding::kCl100k};
    }

    const std::vector<CountRule> rules_ = {
        {{"gpt-4o*", "o1"}, counter()},
        {{"gpt-*"}, counter()},
    };
    Counting counting_;
};

TEST_F(ExchangeCounting, TheFirstRuleThatHasTheModel) {
    EXPECT_EQ(&rules_[0].counter, counting_.find("gpt-4o-mini"));
    EXPECT_EQ(&rules_[0].counter, counting_.find("o1"));
    EXPECT_EQ(&rules_[1].counter, counting_.find("gpt-4"));
    EXPECT_EQ(nullptr, counting_.find("o1-mini"));
    EXPECT_EQ(nullptr, counting_.find(""));
    EXPECT_EQ(nullptr, Counting().find("gpt-4"));
}

TEST_F(ExchangeCounting, AnAnswerIsAllThatWasGenerated) {
    api::Answer answer;
    answer.choices.resize(2);
    answer.choices[0].blocks.resize(2);
    answer.choices[0].blocks[0].text = "hello hello";
    answer.choices[0].blocks[1].name = "hello";
    answer.choices[0].blocks[1].text = "{}";
    answer.choices[1].blocks.resize(1);
    answer.choices[1].blocks[0].text = "hell";
    tokens::TextCount count =
        counting_.answer(rules_[0].counter, answer);
    EXPECT_EQ(2u + 1u + 2u + 1u, count.tokens);
    EXPECT_TRUE(count.rest.empty());

    // All texts share one budget; the rest is left to the estimate.
    answer.choices[0].blocks[0].text =
        std::string(tokens::Budget::kUsual + 6, 'x');
    count = counting_.answer(rules_[0].counter, answer);
    EXPECT_EQ(0u, count.tokens);
    EXPECT_EQ(tokens::Budget::kUsual + 6 + 2 + 5 + 4, count.rest.ascii_bytes);
}

}  // namespace
}  // namespace llm::exchange
