#include "src/base/digest.hpp"

#include <gtest/gtest.h>

#include <set>

#include "tests/count_steps.hpp"

namespace llm {
namespace {

// FIPS 180-4 examples.
TEST(Sha256, KnownAnswers) {
    EXPECT_EQ(sha256("").hex(),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8"
              "55");
    EXPECT_EQ(sha256("abc").hex(),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015"
              "ad");
}

TEST(Sha256, PiecesMakeTheWhole) {
    std::string text(1000, 'x');
    for (size_t cut = 0; cut <= text.size(); cut += 7) {
        Hasher hasher;
        hasher.update(Bytes(text).substr(0, cut));
        hasher.update(Bytes(text).substr(cut));
        EXPECT_EQ(hasher.finish(), sha256(text));
    }
}

TEST(Sha256, ResetForgets) {
    Hasher hasher;
    hasher.update("something");
    hasher.reset();
    hasher.update("abc");
    EXPECT_EQ(hasher.finish(), sha256("abc"));
}

// RFC 4231, test cases 1, 2 and 6 (a key longer than a block).
TEST(HmacSha256, KnownAnswers) {
    EXPECT_EQ(hmac_sha256(std::string(20, '\x0b'), "Hi There").hex(),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cf"
              "f7");
    EXPECT_EQ(hmac_sha256("Jefe", "what do ya want for nothing?").hex(),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec38"
              "43");
    EXPECT_EQ(hmac_sha256(std::string(131, '\xaa'),
                          "Test Using Larger Than Block-Size Key - Hash Key "
                          "First")
                  .hex(),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f"
              "54");
}

TEST(HmacSha256, OneKeyForManyMessages) {
    Hmac hmac("Jefe");
    (void) hmac("another");
    EXPECT_EQ(hmac("what do ya want for nothing?"),
              hmac_sha256("Jefe", "what do ya want for nothing?"));
}

// RFC 3720, appendix B.4.
TEST(Crc32c, KnownAnswers) {
    EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
    EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
    EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
    EXPECT_EQ(crc32c("6789", crc32c("12345")), 0xe3069283u);
}

// Long texts are read in stretches, byte by byte none is.
TEST(Crc32c, IsTheSameInPiecesOfAnySize) {
    std::string text;
    for (unsigned i = 0; i < 2000; i++) {
        text += static_cast<char>(i * i * 31 + (i >> 3));
    }
    uint32_t whole = 0;
    for (char c : text) {
        whole = crc32c({&c, 1}, whole);
    }
    EXPECT_EQ(crc32c(text), whole);
    for (size_t cut = 0; cut <= text.size(); cut += 7) {
        Bytes all = text;
        EXPECT_EQ(crc32c(all.substr(cut), crc32c(all.substr(0, cut))), whole)
            << cut;
    }
}

TEST(ConstantTime, ComparesWhole) {
    EXPECT_TRUE(equal_constant_time("abc", "abc"));
    EXPECT_FALSE(equal_constant_time("abc", "abd"));
    EXPECT_FALSE(equal_constant_time("abc", "ab"));
    EXPECT_TRUE(equal_constant_time("", ""));
}

TEST(ConstantTime, TakesAsManyStepsWhereverTheyDiffer) {
    std::string one(32, 'a');
    std::set<uint64_t> seen;
    for (size_t at : {0, 1, 7, 8, 15, 16, 30, 31, 32}) {
        std::string other = one + "a";
        other[at] = 'b';
        other.pop_back();
        (void) equal_constant_time(one, other);
        auto steps =
            count_steps([&] { (void) equal_constant_time(one, other); });
        if (!steps) {
            GTEST_SKIP() << "this system lets no process trace its child";
        }
        seen.insert(*steps);
    }
    EXPECT_EQ(seen.size(), 1u);
    EXPECT_GT(*seen.begin(), 32u);
}

}  // namespace
}  // namespace llm
