#include "src/base/hash.hpp"

#include <gtest/gtest.h>

#include <set>

namespace llm {
namespace {

TEST(Hash, IsAFunctionOfBytesAndSeed) {
    std::string one = "gpt-4o-mini";
    std::string two = "xgpt-4o-mini";
    EXPECT_EQ(hash64(one), hash64(Bytes(two).substr(1)));
    EXPECT_NE(hash64(one), hash64(two));
    EXPECT_NE(hash64(one, 1), hash64(one, 2));
}

TEST(Hash, LengthCounts) {
    std::set<uint64_t> seen;
    for (size_t size = 0; size < 100; ++size) {
        seen.insert(hash64(std::string(size, '\0')));
    }
    EXPECT_EQ(100u, seen.size());
}

TEST(Hash, SpreadsOverLowAndHighBits) {
    std::set<uint64_t> all;
    int low[64] = {};
    int high[64] = {};
    constexpr int kCount = 64000;
    for (int i = 0; i < kCount; ++i) {
        uint64_t h = hash64("model-" + std::to_string(i));
        all.insert(h);
        ++low[h % 64];
        ++high[h >> 58];
    }
    EXPECT_EQ(static_cast<size_t>(kCount), all.size());
    for (int i = 0; i < 64; ++i) {
        EXPECT_NEAR(1000, low[i], 200);
        EXPECT_NEAR(1000, high[i], 200);
    }
}

}  // namespace
}  // namespace llm
