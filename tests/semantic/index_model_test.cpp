// The index against a plain model: whatever is inserted, erased and expires,
// a search gives what a list of vectors would, and every invariant holds.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/semantic/index_zone.hpp"
#include "tests/shm/killed.hpp"

namespace llm::semantic {
namespace {

struct Known {
    uint64_t partition;
    uint64_t entry;
    int64_t expires_s;
    Place place;
    size_t center;
};

class Model {
public:
    Model(uint32_t seed, size_t dims) : random_(seed) {
        for (int i = 0; i < 40; i++) {
            centers_.push_back(random_vector(random_, dims));
            // Fixed copies: their cosine to the centre is known.
            for (double cosine : {1.0, 0.97, 0.9}) {
                codes_.push_back(
                    code_of(near_to(centers_.back(), cosine, random_)));
            }
        }
    }

    void run(IndexZone& zone, int operations, bool all_fits) {
        for (int n = 0; n < operations; n++) {
            uint32_t dice = random_() % 100;
            if (dice < 55) {
                insert(zone);
            } else if (dice < 80) {
                erase(zone, all_fits);
            } else if (dice < 97) {
                search(zone, all_fits);
            } else if (dice == 97) {
                now_s_ += static_cast<int64_t>(random_() % 20);
            } else {
                zone->sweep(random_() % 200, now());
            }
            if (n % 500 == 0) {
                Result<void> checked = zone->check();
                ASSERT_TRUE(checked.ok()) << checked.error().message;
            }
        }
    }

private:
    Now now() const { return seconds_later(now_s_); }

    void insert(IndexZone& zone) {
        Known known;
        // Some large partitions, many small ones.
        known.partition = random_() % 2 == 0 ? random_() % 3
                                             : random_() % 300;
        known.entry = next_entry_++;
        int64_t ttl = 1 + static_cast<int64_t>(random_() % 200);
        known.expires_s = now_s_ + ttl;
        known.center = random_() % codes_.size();
        InsertResult made = add(*zone, known.partition,
                                codes_[known.center], known.entry, ttl,
                                now());
        ASSERT_EQ(made.status, Insert::kStored);
        known.place = made.place;
        known_.push_back(known);
    }

    void erase(IndexZone& zone, bool all_fits) {
        if (known_.empty()) {
            return;
        }
        size_t n = random_() % known_.size();
        bool done = zone->erase(known_[n].place, entry_of(known_[n].entry));
        if (all_fits && known_[n].expires_s > now_s_) {
            ASSERT_TRUE(done);
        }
        known_[n] = known_.back();
        known_.pop_back();
    }

    void search(IndexZone& zone, bool all_fits) {
        uint64_t partition = random_() % 300;
        size_t center = random_() % codes_.size();
        auto found = find(*zone, partition, codes_[center], 0.8f, now());
        size_t same = 0;
        for (const Known& each : known_) {
            same += each.partition == partition && each.center == center
                            && each.expires_s > now_s_
                        ? 1
                        : 0;
        }
        for (size_t i = 0; i < found.size(); i++) {
            auto known = std::find_if(
                known_.begin(), known_.end(), [&](const Known& each) {
                    return entry_of(each.entry) == found[i].entry;
                });
            // Nothing that was not inserted there or was erased or expired.
            ASSERT_NE(known, known_.end());
            ASSERT_EQ(known->partition, partition);
            ASSERT_EQ(known->place, found[i].place);
            ASSERT_GT(known->expires_s, now_s_);
            ASSERT_EQ(found[i].cosine > 0.9999f, known->center == center);
            ASSERT_TRUE(i == 0 || found[i].cosine <= found[i - 1].cosine);
        }
        if (all_fits) {
            ASSERT_GE(found.size(), std::min(same, Search::kTop));
        }
    }

    std::mt19937 random_;
    std::vector<Vector> centers_;
    std::vector<Code> codes_;
    std::vector<Known> known_;
    uint64_t next_entry_ = 1;
    int64_t now_s_ = 0;
};

TEST(IndexModel, WithRoomForAll) {
    IndexZone zone(32 << 20);
    Model model(1, 384);
    model.run(zone, 12000, true);
    EXPECT_EQ(zone->stats().evictions, 0u);
}

TEST(IndexModel, WithoutRoom) {
    IndexZone zone(Index::min_size() + kPageSize);
    Model model(2, 256);
    model.run(zone, 12000, false);
    EXPECT_GT(zone->stats().evictions, 0u);
}

TEST(IndexModel, LargeVectors) {
    IndexZone zone(2 << 20);
    Model model(3, 1536);
    model.run(zone, 5000, false);
}

// What repair() derives is what stood there.
TEST(IndexModel, RepairKeepsAllThatIsWhole) {
    IndexZone zone(16 << 20);
    Model model(4, 128);
    model.run(zone, 8000, true);
    IndexStats before = zone->stats();
    ASSERT_GT(before.vectors, 500u);
    // Somebody dies with the lock held and nothing broken; then all that is
    // derived is broken on purpose.
    IndexOptions deadly;
    deadly.probe = [](IndexStep step) {
        if (step == IndexStep::kEntered) {
            kill(getpid(), SIGKILL);
        }
    };
    pid_t pid = test::fork_child();
    if (pid == 0) {
        auto index = Index::attach({zone.memory(), zone.size(), false},
                                   deadly);
        (void)index->stats();
        _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFSIGNALED(status));
    uint32_t pages = Blocks::pages_for(zone.size());
    Blocks blocks = Blocks::over(zone.memory(), pages,
                                 Blocks::buckets_for(pages));
    std::mt19937 random(9);
    for (uint32_t i = 0; i < blocks.bucket_count; i++) {
        blocks.buckets[i] = random();
    }
    for (uint32_t& first : blocks.head->free_block) {
        first = random();
    }
    blocks.head->vectors = random();
    for (uint32_t u = 0; u < blocks.unit_count; u++) {
        if (blocks.is_used(u)) {
            BlockHead& block = blocks.block(u);
            block.next = random();
            block.previous = random();
            block.room = random();
            block.next_room = random();
            block.used = static_cast<uint16_t>(random());
            block.free_slot = static_cast<uint16_t>(random());
            block.next_in_bucket = random();
            block.hand_block = random();
        }
    }
    ASSERT_TRUE(zone->check().ok()) << zone->check().error().message;
    IndexStats after = zone->stats();
    EXPECT_EQ(after.vectors, before.vectors);
    EXPECT_EQ(after.partitions, before.partitions);
    EXPECT_EQ(after.bytes_used, before.bytes_used);
    EXPECT_EQ(after.recovered, 1u);
    model.run(zone, 2000, true);
}

}  // namespace
}  // namespace llm::semantic
