#include "src/shm/region.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>

namespace llm::shm {
namespace {

struct Free {
    void operator()(char* p) const { std::free(p); }
};
using Block = std::unique_ptr<char, Free>;

// Filled with a pattern: nothing may rely on cleared memory.
Block block(size_t size) {
    auto* p = static_cast<char*>(std::aligned_alloc(64, size));
    std::memset(p, 0xa5, size);
    return Block(p);
}

constexpr size_t kSize = 64 * 1024;

TEST(Directory, LaysOutInOrderAndGivesTheRest) {
    Block memory = block(kSize);
    auto dir = Directory::attach(memory.get(), kSize);
    ASSERT_TRUE(dir.ok());
    auto ledger = dir->open({"ledger", 1, 7, 1000});
    auto cache = dir->open({"cache", 1, 9, 4096, true});
    ASSERT_TRUE(ledger.ok());
    ASSERT_TRUE(cache.ok());
    EXPECT_TRUE(ledger->fresh);
    EXPECT_EQ(ledger->size, 1024u);  // whole lines
    EXPECT_EQ(reinterpret_cast<uintptr_t>(ledger->data) % 64, 0u);
    EXPECT_EQ(cache->data, ledger->data + 1024);
    EXPECT_EQ(cache->data + cache->size, memory.get() + kSize);
}

TEST(Directory, SecondAttachFindsTheSame) {
    Block memory = block(kSize);
    auto first = Directory::attach(memory.get(), kSize);
    auto a = first->open({"ledger", 1, 7, 1024});
    std::memcpy(a->data, "money", 5);
    ASSERT_TRUE(first->ready("ledger").ok());

    auto second = Directory::attach(memory.get(), kSize);
    ASSERT_TRUE(second.ok());
    // A larger wish does not move it: it keeps the size that it has.
    auto b = second->open({"ledger", 1, 7, 2048});
    ASSERT_TRUE(b.ok());
    EXPECT_FALSE(b->fresh);
    EXPECT_EQ(b->data, a->data);
    EXPECT_EQ(b->size, 1024u);
    EXPECT_EQ(std::memcmp(b->data, "money", 5), 0);
}

TEST(Directory, UnfinishedFormattingIsFreshAgain) {
    Block memory = block(kSize);
    auto dir = Directory::attach(memory.get(), kSize);
    EXPECT_TRUE(dir->open({"ledger", 1, 7, 1024})->fresh);
    dir = Directory::attach(memory.get(), kSize);
    EXPECT_TRUE(dir->open({"ledger", 1, 7, 1024})->fresh);
    ASSERT_TRUE(dir->ready("ledger").ok());
    EXPECT_FALSE(dir->open({"ledger", 1, 7, 1024})->fresh);
}

TEST(Directory, OtherLayoutEmptiesThatRegionAlone) {
    Block memory = block(kSize);
    auto dir = Directory::attach(memory.get(), kSize);
    auto ledger = dir->open({"ledger", 1, 7, 1024});
    auto cache = dir->open({"cache", 1, 9, 4096, true});
    ASSERT_TRUE(dir->ready("ledger").ok());
    ASSERT_TRUE(dir->ready("cache").ok());

    auto again = dir->open({"cache", 1, 10, 4096, true});
    ASSERT_TRUE(again.ok());
    EXPECT_TRUE(again->fresh);
    EXPECT_EQ(again->data, cache->data);
    EXPECT_EQ(again->size, cache->size);
    EXPECT_FALSE(dir->open({"ledger", 1, 7, 1024})->fresh);
    EXPECT_TRUE(dir->open({"ledger", 2, 7, 1024})->fresh);
    // A new version that does not fit where the old one stands says so.
    auto grown = dir->open({"ledger", 3, 7, 4096});
    ASSERT_FALSE(grown.ok());
    EXPECT_EQ(grown.error().code, Errc::kNoSpace);
    EXPECT_NE(grown.error().message.find("ledger"), std::string::npos);
    EXPECT_EQ(ledger->size, 1024u);
}

TEST(Directory, ErrorsNameTheSizeThatWouldDo) {
    Block memory = block(kSize);
    auto tiny = Directory::attach(memory.get(), 256);
    ASSERT_FALSE(tiny.ok());
    EXPECT_EQ(tiny.error().code, Errc::kNoSpace);

    auto dir = Directory::attach(memory.get(), kSize);
    auto big = dir->open({"cache", 1, 1, 100 * 1024, true});
    ASSERT_FALSE(big.ok());
    RegionSpec specs[] = {{"cache", 1, 1, 100 * 1024, true}};
    size_t need = Directory::bytes_needed(specs);
    EXPECT_EQ(big.error().message,
              "zone too small: needs at least "
                  + std::to_string((need + 1023) / 1024) + " KB");
    // The size named is enough.
    size_t size = (need + 1023) / 1024 * 1024;
    Block enough = block(size);
    EXPECT_TRUE(Directory::attach(enough.get(), size)->open(specs[0]).ok());
    // Sizes near 2^64 do not wrap round.
    EXPECT_FALSE(dir->open({"wrap", 1, 1, ~uint64_t{0}}).ok());
}

TEST(Directory, RefusesBadNamesAndMisalignedMemory) {
    Block memory = block(kSize);
    EXPECT_FALSE(Directory::attach(memory.get() + 8, kSize - 64).ok());
    EXPECT_FALSE(Directory::attach(nullptr, kSize).ok());
    auto dir = Directory::attach(memory.get(), kSize);
    EXPECT_FALSE(dir->open({"", 1, 1, 64}).ok());
    EXPECT_FALSE(dir->open({"sixteen-bytes-xx", 1, 1, 64}).ok());
    EXPECT_FALSE(dir->ready("nobody").ok());
    for (int i = 0; i < 30; i++) {
        std::string name = "r" + std::to_string(i);
        ASSERT_TRUE(dir->open({name, 1, 1, 64}).ok());
    }
    EXPECT_EQ(dir->open({"r30", 1, 1, 64}).error().code, Errc::kNoSpace);
}

TEST(Directory, BrokenDirectoryStartsCold) {
    Block memory = block(kSize);
    auto dir = Directory::attach(memory.get(), kSize);
    (void)dir->open({"ledger", 1, 7, 1024});
    ASSERT_TRUE(dir->ready("ledger").ok());
    // Offset of the first record: past the fields and the name.
    uint64_t wild = 1ull << 40;
    std::memcpy(memory.get() + 32 + 16, &wild, sizeof(wild));
    dir = Directory::attach(memory.get(), kSize);
    ASSERT_TRUE(dir.ok());
    auto ledger = dir->open({"ledger", 1, 7, 1024});
    ASSERT_TRUE(ledger.ok());
    EXPECT_TRUE(ledger->fresh);
    EXPECT_LT(ledger->data, memory.get() + kSize);
}

}  // namespace
}  // namespace llm::shm
