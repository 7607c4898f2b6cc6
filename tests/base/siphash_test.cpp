#include "src/base/siphash.hpp"

#include <gtest/gtest.h>

#include <set>

namespace llm {
namespace {

// The reference key 00 01 … 0f over the messages 00, 00 01, … as published
// with the algorithm's description (appendix A has the one of 15 bytes).
TEST(SipHash, PublishedVectors) {
    SipKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
    std::string message;
    for (char c = 0; c < 15; c++) {
        message += c;
    }
    EXPECT_EQ(siphash(key, message), 0xa129ca6149be45e5u);
    EXPECT_EQ(siphash(key, ""), 0x726fdb47dd0e0e31u);
}

TEST(SipHash, EveryByteOfInputAndKeyMatters) {
    std::set<uint64_t> seen;
    std::string text(40, 'x');
    SipKey key{1, 2};
    seen.insert(siphash(key, text));
    for (size_t i = 0; i < text.size(); i++) {
        std::string other = text;
        other[i] = 'y';
        seen.insert(siphash(key, other));
        seen.insert(siphash(key, text.substr(0, i)));
    }
    seen.insert(siphash({1, 3}, text));
    seen.insert(siphash({0, 2}, text));
    EXPECT_EQ(seen.size(), 1u + 2 * text.size() + 2);
}

}  // namespace
}  // namespace llm
