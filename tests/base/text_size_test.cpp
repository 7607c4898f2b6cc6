#include "src/base/text_size.hpp"

#include <gtest/gtest.h>

#include <random>

namespace llm {
namespace {

TEST(TextSize, CountsBytesAtEveryLength) {
    std::mt19937 random(3);
    for (size_t size : {0, 1, 7, 8, 15, 16, 17, 255, 4079, 4080, 4081, 9000}) {
        std::string text(size, 'a');
        uint64_t other = 0;
        for (char& c : text) {
            if (random() % 3 == 0) {
                c = static_cast<char>(0x80 + random() % 0x80);
                ++other;
            }
        }
        TextSize got = TextSize::of(text);
        EXPECT_EQ(other, got.other_bytes) << size;
        EXPECT_EQ(size - other, got.ascii_bytes) << size;
    }
    TextSize all = TextSize::of(std::string(100000, '\xff'));
    EXPECT_EQ(100000u, all.other_bytes);
    EXPECT_EQ(0u, all.ascii_bytes);
}

}  // namespace
}  // namespace llm
