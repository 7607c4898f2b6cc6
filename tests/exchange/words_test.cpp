#include "src/exchange/words.hpp"

#include <string>

#include <gtest/gtest.h>

namespace llm::exchange {
namespace {

TEST(Words, AFinishIsAWordOrOther) {
    for (Bytes word : {"", "stop", "tool_use", "MAX_TOKENS", "eos/2.1:x-y"}) {
        EXPECT_EQ(finish_word(word), word);
    }
    EXPECT_EQ(finish_word(std::string(64, 'f')), std::string(64, 'f'));
    EXPECT_EQ(finish_word(std::string(65, 'f')), "other");
    for (Bytes text : {"my password is", "a\nb", "a\"b", "\xc3\xa9"}) {
        EXPECT_EQ(finish_word(text), "other");
    }
}

}  // namespace
}  // namespace llm::exchange
