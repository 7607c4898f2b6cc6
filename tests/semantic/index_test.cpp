#include "src/semantic/index.hpp"

#include <gtest/gtest.h>

#include <set>

#include "tests/semantic/index_zone.hpp"

namespace llm::semantic {
namespace {

constexpr size_t kMegabyte = 1 << 20;

class IndexTest : public testing::Test {
protected:
    Vector vector(size_t dims = 384) { return random_vector(random_, dims); }
    Code code(size_t dims = 384) { return code_of(vector(dims)); }

    std::mt19937 random_{11};
};

TEST_F(IndexTest, FindsTheNearestFirst) {
    IndexZone zone(4 * kMegabyte);
    Vector query = vector();
    uint64_t n = 0;
    for (double cosine : {0.91, 0.5, 0.99, 0.86, 0.95, 0.88, 0.84}) {
        add(*zone, 1, code_of(near_to(query, cosine, random_)), n++);
    }
    auto found = find(*zone, 1, code_of(query), 0.85f);
    ASSERT_EQ(found.size(), 4u);
    uint64_t order[] = {2, 4, 0, 5};
    double cosines[] = {0.99, 0.95, 0.91, 0.88};
    for (size_t i = 0; i < 4; i++) {
        EXPECT_EQ(found[i].entry, entry_of(order[i]));
        EXPECT_NEAR(found[i].cosine, cosines[i], 0.003);
    }
    EXPECT_EQ(find(*zone, 1, code_of(query), 0.97f).size(), 1u);
    EXPECT_TRUE(zone->check().ok());
}

TEST_F(IndexTest, TheSameVectorHasCosineOne) {
    IndexZone zone(kMegabyte);
    Code one = code();
    add(*zone, 1, one, 1);
    auto found = find(*zone, 1, one, 0.9999f);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_NEAR(found[0].cosine, 1.0, 1e-6);
}

// Fault cases 88 and 89.
TEST_F(IndexTest, NoSearchLeavesItsPartition) {
    IndexZone zone(4 * kMegabyte);
    Code one = code();
    add(*zone, 1, one, 1);
    add(*zone, 2, one, 2);
    EXPECT_TRUE(find(*zone, 3, one, 0).empty());
    auto found = find(*zone, 1, one, -1);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].entry, entry_of(1));
    EXPECT_TRUE(zone->erase(found[0].place, entry_of(1)));
    EXPECT_TRUE(find(*zone, 1, one, -1).empty());
    EXPECT_EQ(find(*zone, 2, one, -1).size(), 1u);
}

// Fault case 79: encoders with other dimensions stand side by side, in
// partitions of their own.
TEST_F(IndexTest, ServesAllDimensions) {
    IndexZone zone(32 * kMegabyte);
    std::vector<Code> codes;
    size_t all[] = {8, 64, 100, 256, 384, 768, 1024, 1536, 3072, 4096};
    for (size_t dims : all) {
        codes.push_back(code(dims));
        for (uint64_t n = 0; n < 100; n++) {
            Code each = n == 50 ? codes.back() : code(dims);
            ASSERT_EQ(add(*zone, dims, each, n).status, Insert::kStored);
        }
    }
    ASSERT_TRUE(zone->check().ok()) << zone->check().error().message;
    for (const Code& each : codes) {
        auto found = find(*zone, each.dims, each, 0.999f);
        ASSERT_EQ(found.size(), 1u);
        EXPECT_EQ(found[0].entry, entry_of(50));
    }
    EXPECT_EQ(add(*zone, 384, codes[0], 1).status, Insert::kMixed);
    EXPECT_TRUE(find(*zone, 384, codes[0], -1).empty());
    EXPECT_EQ(zone->stats().refusals, 1u);
    EXPECT_EQ(zone->stats().partitions, 10u);
}

TEST_F(IndexTest, EraseIsForThatEntryAlone) {
    IndexZone zone(kMegabyte);
    Code one = code();
    Place place = add(*zone, 1, one, 1).place;
    EXPECT_FALSE(zone->erase(place, entry_of(2)));
    EXPECT_FALSE(zone->erase(place + 1, entry_of(1)));
    EXPECT_FALSE(zone->erase(kNoPlace, entry_of(1)));
    EXPECT_FALSE(zone->erase(kNoPlace - 1024 * 1024, entry_of(1)));
    EXPECT_TRUE(zone->erase(place, entry_of(1)));
    EXPECT_FALSE(zone->erase(place, entry_of(1)));
    EXPECT_EQ(zone->stats().partitions, 0u);
    EXPECT_EQ(zone->stats().bytes_used, 0u);
    // The place goes to another one; the old name does not reach it.
    add(*zone, 1, one, 3);
    EXPECT_FALSE(zone->erase(place, entry_of(1)));
    EXPECT_EQ(find(*zone, 1, one).size(), 1u);
}

TEST_F(IndexTest, ExpiredOnesAreNoCandidates) {
    IndexZone zone(kMegabyte);
    Code one = code();
    EXPECT_EQ(add(*zone, 1, one, 1, 0).status, Insert::kDead);
    EXPECT_EQ(add(*zone, 1, one, 1, -5).status, Insert::kDead);
    add(*zone, 1, one, 1, 10);
    add(*zone, 1, one, 2, INT64_MAX);
    EXPECT_EQ(find(*zone, 1, one, 0.9f, seconds_later(9)).size(), 2u);
    auto found = find(*zone, 1, one, 0.9f, seconds_later(10));
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].entry, entry_of(2));
    // It was freed when it was met.
    EXPECT_EQ(zone->stats().vectors, 1u);
    EXPECT_EQ(zone->stats().dropped, 1u);
    EXPECT_TRUE(zone->check().ok());
}

TEST_F(IndexTest, WhatIsGoneFromTheStoreIsDroppedWhenMet) {
    std::set<uint32_t> gone;
    Alive alive{[](void* context, const cache::EntryId& id) {
                    auto* set = static_cast<std::set<uint32_t>*>(context);
                    return set->count(id.slot) == 0;
                },
                &gone};
    IndexZone zone(kMegabyte, {alive});
    Code one = code();
    add(*zone, 1, one, 1);
    add(*zone, 1, one, 2);
    gone.insert(1);
    EXPECT_EQ(find(*zone, 1, one).size(), 1u);
    EXPECT_EQ(zone->stats().vectors, 1u);
    gone.insert(2);
    EXPECT_EQ(zone->sweep(1000, kNow), 1u);
    EXPECT_EQ(zone->stats().vectors, 0u);
    EXPECT_EQ(zone->stats().dropped, 2u);
}

TEST_F(IndexTest, SweepFreesTheExpired) {
    IndexZone zone(16 * kMegabyte);
    for (uint64_t n = 0; n < 3000; n++) {
        add(*zone, n % 40, code(64), n, n % 3 == 0 ? 5 : 500);
    }
    uint32_t freed = 0;
    for (int i = 0; i < 200; i++) {
        freed += zone->sweep(100, seconds_later(6));
    }
    EXPECT_EQ(freed, 1000u);
    EXPECT_EQ(zone->stats().vectors, 2000u);
    ASSERT_TRUE(zone->check().ok()) << zone->check().error().message;
    while (zone->sweep(1000, seconds_later(600)) > 0) {
    }
    EXPECT_EQ(zone->stats().bytes_used, 0u);
}

TEST_F(IndexTest, AVectorLeavesNoTrace) {
    IndexZone zone(kMegabyte);
    Vector all(384, 1.0f);
    Code one = code_of(all);
    Place place = add(*zone, 1, one, 1).place;
    std::string row(384, '\x7f');
    std::string_view memory(zone.memory(), zone.size());
    EXPECT_NE(memory.find(row), std::string_view::npos);
    zone->erase(place, entry_of(1));
    EXPECT_EQ(memory.find(row), std::string_view::npos);
}

TEST_F(IndexTest, FullItEvictsAndGoesOn) {
    IndexZone zone(kMegabyte);
    Code last;
    for (uint64_t n = 0; n < 20000; n++) {
        last = code();
        ASSERT_EQ(add(*zone, 1, last, n).status, Insert::kStored) << n;
    }
    ASSERT_TRUE(zone->check().ok()) << zone->check().error().message;
    IndexStats stats = zone->stats();
    EXPECT_EQ(stats.evictions + stats.vectors, 20000u);
    EXPECT_GT(stats.bytes_used, stats.bytes_capacity * 9 / 10);
    EXPECT_EQ(find(*zone, 1, last, 0.99f).size(), 1u);
}

TEST_F(IndexTest, WhatIsOfUseStaysLonger) {
    IndexZone zone(kMegabyte);
    Code hot = code();
    Place place = add(*zone, 1, hot, 1000000).place;
    for (uint64_t n = 0; n < 20000; n++) {
        add(*zone, 1, code(), n);
        if (n % 20 == 0) {
            zone->touch(place, entry_of(1000000));
        }
    }
    EXPECT_EQ(find(*zone, 1, hot, 0.99f).size(), 1u);
}

// Each with a partition of its own, as long conversations have: they make
// room for each other, and for a large one, and the other way round.
TEST_F(IndexTest, PartitionsMakeRoomForEachOther) {
    IndexZone zone(2 * kMegabyte);
    for (uint64_t n = 0; n < 5000; n++) {
        ASSERT_EQ(add(*zone, n, code(), n).status, Insert::kStored);
    }
    ASSERT_TRUE(zone->check().ok()) << zone->check().error().message;
    EXPECT_GT(zone->stats().partitions, 800u);
    for (uint64_t n = 0; n < 5000; n++) {
        ASSERT_EQ(add(*zone, 77777, code(), n).status, Insert::kStored);
    }
    ASSERT_TRUE(zone->check().ok()) << zone->check().error().message;
    EXPECT_LT(zone->stats().partitions, 50u);
    EXPECT_GT(zone->stats().vectors, 3000u);
    for (uint64_t n = 0; n < 5000; n++) {
        ASSERT_EQ(add(*zone, n, code(), n).status, Insert::kStored);
    }
    EXPECT_GT(zone->stats().partitions, 500u);
    ASSERT_TRUE(zone->check().ok()) << zone->check().error().message;
}

TEST_F(IndexTest, MemoryOfAFullPartition) {
    IndexZone zone(Index::size_for(20000, 384));
    Code one = code();
    for (uint64_t n = 0; n < 20000; n++) {
        add(*zone, 1, one, n);
    }
    IndexStats stats = zone->stats();
    EXPECT_EQ(stats.vectors, 20000u);
    EXPECT_EQ(stats.evictions, 0u);
    EXPECT_LE(zone.size() / stats.vectors, 460u);
}

// A quarter of a zone of 64 GB would be more than it can name the places of.
TEST_F(IndexTest, TheLargestRegionIsUsedWhole) {
    EXPECT_EQ(Blocks::pages_for(Index::max_size()), kMaxPages);
    EXPECT_EQ(Blocks::pages_for(Index::max_size() - 1), kMaxPages - 1);
}

TEST_F(IndexTest, ClearEmptiesIt) {
    IndexZone zone(kMegabyte);
    Code one = code();
    for (uint64_t n = 0; n < 300; n++) {
        add(*zone, n % 7, one, n);
    }
    EXPECT_TRUE(zone->clear());
    EXPECT_EQ(zone->stats().vectors, 0u);
    EXPECT_TRUE(zone->check().ok());
    EXPECT_TRUE(find(*zone, 1, one).empty());
    EXPECT_EQ(add(*zone, 1, one, 1).status, Insert::kStored);
}

TEST_F(IndexTest, AttachFindsWhatIsThere) {
    IndexZone zone(kMegabyte);
    Code one = code();
    add(*zone, 1, one, 1);
    auto again = Index::attach({zone.memory(), zone.size(), false}, {});
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(find(*again, 1, one).size(), 1u);
    EXPECT_FALSE(
        Index::attach({zone.memory(), zone.size() - kPageSize, false}, {})
            .ok());
    auto small = Index::attach({zone.memory(), 1000, true}, {});
    ASSERT_FALSE(small.ok());
    EXPECT_EQ(small.error().code, Errc::kNoSpace);
    EXPECT_TRUE(
        Index::attach({zone.memory(), Index::min_size(), true}, {}).ok());
}

// A search in steps, the partition changing between any two of them.
TEST_F(IndexTest, SearchBearsChanges) {
    IndexZone zone(8 * kMegabyte);
    Code wanted = code(64);
    add(*zone, 1, wanted, 0);
    std::vector<Place> places;
    for (uint64_t n = 1; n < 4000; n++) {
        places.push_back(add(*zone, 1, code(64), n).place);
    }
    for (int round = 0; round < 50; round++) {
        Search search(*zone, partition_of(1), wanted, 0.9f);
        while (!search.step(200, kNow)) {
            for (int i = 0; i < 20; i++) {
                size_t n = random_() % places.size();
                if (!zone->erase(places[n], entry_of(n + 1))) {
                    places[n] = add(*zone, 1, code(64), n + 1).place;
                }
            }
        }
        ASSERT_FALSE(search.cut_short());
        ASSERT_EQ(search.candidates().size(), 1u);
        EXPECT_EQ(search.candidates()[0].entry, entry_of(0));
    }
    EXPECT_TRUE(zone->check().ok());
}

TEST_F(IndexTest, SearchEndsWhenItsPartitionGoes) {
    IndexZone zone(8 * kMegabyte);
    Code one = code(64);
    for (uint64_t n = 0; n < 4000; n++) {
        add(*zone, 1, one, n);
    }
    Search search(*zone, partition_of(1), one, 0.9f);
    EXPECT_EQ(search.expected(), 4000u);
    EXPECT_FALSE(search.step(100, kNow));
    zone->clear();
    for (uint64_t n = 0; n < 4000; n++) {
        add(*zone, 2, one, 10000 + n);
    }
    EXPECT_TRUE(search.step(1000000, kNow));
    for (const Candidate& each : search.candidates()) {
        EXPECT_LT(each.entry.slot, 4000u);
    }
}

TEST_F(IndexTest, KernelsGiveTheSameCandidates) {
    IndexZone zone(8 * kMegabyte);
    Vector query = vector(256);
    for (uint64_t n = 0; n < 3000; n++) {
        double cosine = 0.7 + 0.3 * static_cast<double>(n % 1000) / 1000;
        add(*zone, 1, code_of(near_to(query, cosine, random_)), n);
    }
    Code code = code_of(query);
    std::vector<std::vector<Candidate>> all;
    for (const ScanKernels* kernels : scan_kernels()) {
        Search search(*zone, partition_of(1), code, 0.8f, kernels);
        EXPECT_TRUE(search.step(1000000, kNow));
        auto found = search.candidates();
        all.emplace_back(found.begin(), found.end());
    }
    for (const auto& each : all) {
        ASSERT_EQ(each.size(), Search::kTop);
        for (size_t i = 0; i < each.size(); i++) {
            EXPECT_EQ(each[i].place, all[0][i].place);
            EXPECT_EQ(each[i].cosine, all[0][i].cosine);
        }
    }
}

}  // namespace
}  // namespace llm::semantic
