// Vectors of several encoders share one region: those that are too large for
// the smallest blocks find room among those that are not.
#include <gtest/gtest.h>

#include "tests/semantic/index_zone.hpp"

namespace llm::semantic {
namespace {

// A full region of small partitions in use, and another encoder's come too:
// how many of those were refused.
int refused_of(size_t dims, int count) {
    IndexZone zone(8 << 20);
    std::mt19937 random(9);
    Code small = code_of(random_vector(random, 384));
    Code large = code_of(random_vector(random, dims));
    std::vector<Place> places;
    constexpr uint64_t kSmall = 5000;
    for (uint64_t n = 0; n < kSmall; n++) {
        places.push_back(add(*zone, n, small, n).place);
    }
    int refused = 0;
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < 300; k++) {
            uint64_t n = random() % kSmall;
            zone->touch(places[n], entry_of(n));
        }
        uint64_t n = 100000 + static_cast<uint64_t>(i);
        refused += add(*zone, n, large, n).status == Insert::kStored ? 0 : 1;
        for (uint64_t k = 0; k < 3; k++) {
            add(*zone, 10 * n + k, small, 10 * n + k);
        }
    }
    auto checked = zone->check();
    EXPECT_TRUE(checked.ok()) << checked.error().message;
    EXPECT_GT(zone->stats().vectors, 1000u);
    return refused;
}

TEST(IndexRoom, LargeVectorsFindPlacesAmongSmallOnes) {
    EXPECT_EQ(refused_of(1536, 100), 0);
    EXPECT_EQ(refused_of(3072, 100), 0);
    EXPECT_EQ(refused_of(4096, 100), 0);
}

}  // namespace
}  // namespace llm::semantic
