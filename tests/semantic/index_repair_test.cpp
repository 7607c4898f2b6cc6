// A process that dies inside the lock because of a wild write has damaged
// more than a step left half: a repair follows nothing that it has not judged.
#include <gtest/gtest.h>

#include "tests/semantic/index_zone.hpp"
#include "tests/shm/killed.hpp"

namespace llm::semantic {
namespace {

constexpr size_t kDims = 128;

void damage(const Blocks& blocks, std::mt19937& random) {
    for (uint32_t n = 1 + random() % 200; n > 0; n--) {
        uint32_t unit = random() % blocks.unit_count;
        auto* head = reinterpret_cast<char*>(&blocks.block(unit));
        switch (random() % 4) {
        case 0:
            blocks.units[unit] = static_cast<uint8_t>(random());
            break;
        case 1:
            blocks.block(unit).founder = random() % blocks.unit_count;
            break;
        case 2:
            head[random() % sizeof(BlockHead)] = static_cast<char>(random());
            break;
        default:
            head[random() % kUnitSize] = static_cast<char>(random());
            break;
        }
    }
}

TEST(IndexRepair, BearsWhateverStandsThere) {
    IndexOptions options;
    options.probe = test::Death<IndexStep>::probe;
    IndexZone zone(2 << 20, options);
    std::mt19937 random(3);
    std::vector<Code> codes;
    for (int i = 0; i < 20; i++) {
        codes.push_back(code_of(random_vector(random, kDims)));
    }
    auto fill = [&](uint64_t count) {
        for (uint64_t n = 0; n < count; n++) {
            add(*zone, n % 3 == 0 ? random() % 300 : n % 4,
                codes[random() % codes.size()], random());
        }
    };
    fill(6000);
    uint32_t pages = Blocks::pages_for(zone.size());
    Blocks blocks =
        Blocks::over(zone.memory(), pages, Blocks::buckets_for(pages));
    std::string whole(zone.memory(), zone.size());
    uint64_t kept = 0;
    for (uint32_t seed = 0; seed < 40; seed++) {
        std::memcpy(zone.memory(), whole.data(), whole.size());
        ASSERT_TRUE(test::die_at(IndexStep::kEntered, 1, seed, 1,
                                 [&](std::mt19937&) {
                                     (void) zone->stats();
                                     return true;
                                 }));
        random.seed(seed);
        damage(blocks, random);
        auto checked = zone->check();
        ASSERT_TRUE(checked.ok()) << seed << ": " << checked.error().message;
        kept += zone->stats().vectors;
        fill(200);
        for (const Code& code : codes) {
            Search search(*zone, partition_of(random() % 4), code, 0.5f);
            while (!search.step(1000, kNow)) {
            }
        }
        checked = zone->check();
        ASSERT_TRUE(checked.ok()) << seed << ": " << checked.error().message;
    }
    EXPECT_GT(kept, 40 * 1000u);
}

}  // namespace
}  // namespace llm::semantic
