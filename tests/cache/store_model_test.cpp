// The store beside a std::map: whatever is asked, a hit is what the model
// holds, and what the model lacks is no hit.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "src/cache/store.hpp"
#include "tests/cache/store_zone.hpp"

namespace llm::cache {
namespace {

struct ModelEntry {
    std::string body;
    std::string tenant;
    std::string answer;
    std::set<std::string> tags;
    double expires = 0;
    uint64_t born = 0;
};

class Model {
public:
    Model(Store& store, uint32_t seed) : store_(store), random_(seed) {}

    void step() {
        now_ += 0.01 * static_cast<double>(random_() % 20);
        if (random_() % 50 == 0) {
            old_sequence_ = store_.sequence();
            purges_since_.clear();
        }
        uint32_t dice = random_() % 1000;
        if (dice < 450) {
            store_one();
        } else if (dice < 990) {
            look_up();
        } else {
            purge_some();
        }
    }

    uint64_t hits() const { return hits_; }
    uint64_t misses_of_known() const { return lost_; }

private:
    std::string pick(const char* prefix, uint32_t of) {
        return prefix + std::to_string(random_() % of);
    }

    void store_one() {
        uint64_t key = random_() % 400;
        ModelEntry entry;
        size_t size = random_() % 10 == 0 ? random_() % 8000
                                          : random_() % 1500;
        entry.body = body_of(random_(), size);
        entry.tenant = pick("t", 4);
        entry.answer = pick("a", 1000);
        for (uint32_t i = random_() % 5; i > 0; i--) {
            entry.tags.insert(pick("g", 30));
        }
        std::vector<Bytes> tags(entry.tags.begin(), entry.tags.end());
        EntryMeta meta;
        meta.tenant = entry.tenant;
        meta.answer_id = entry.answer;
        meta.tags = tags;
        meta.ttl_s = 1 + random_() % 60;
        bool late = random_() % 4 == 0 && old_sequence_ != 0;
        meta.born = late ? old_sequence_ : store_.sequence();
        entry.born = meta.born;
        entry.expires = now_ + static_cast<double>(meta.ttl_s);
        PutResult result =
            put(store_, key_of(key), entry.body, meta, at(now_));
        if (late && killed(entry)) {
            EXPECT_EQ(result.status, Put::kPurged);
            return;  // the old one stands
        }
        ASSERT_EQ(result.status, Put::kStored);
        entries_[key] = std::move(entry);
    }

    void look_up() {
        uint64_t key = random_() % 400;
        Got got = get(store_, key_of(key), at(now_));
        auto it = entries_.find(key);
        if (it == entries_.end()) {
            EXPECT_FALSE(got.hit());
        } else if (got.hit()) {
            hits_++;
            EXPECT_EQ(got.body, it->second.body);
            EXPECT_LE(now_, it->second.expires + 0.11);
        } else {
            // Evicted, or expired to a tenth of a second.
            lost_ += now_ < it->second.expires - 0.11 ? 1 : 0;
        }
    }

    struct Purged {
        PurgeBy by;
        std::string value;
    };

    static bool matches(const Purged& purge, const ModelEntry& entry) {
        switch (purge.by) {
        case PurgeBy::kAll:
            return true;
        case PurgeBy::kTenant:
            return entry.tenant == purge.value;
        case PurgeBy::kAnswer:
            return entry.answer == purge.value;
        default:
            return entry.tags.count(purge.value) > 0;
        }
    }

    bool killed(const ModelEntry& entry) const {
        return std::any_of(
            purges_since_.begin(), purges_since_.end(),
            [&entry](const Purged& p) { return matches(p, entry); });
    }

    void purge_some() {
        Purged purge{PurgeBy::kTag, pick("g", 30)};
        switch (random_() % 8) {
        case 0:
            purge = {PurgeBy::kTenant, pick("t", 4)};
            break;
        case 1:
        case 2:
            purge = {PurgeBy::kAnswer, pick("a", 1000)};
            break;
        case 3:
            if (random_() % 4 == 0) {
                purge = {PurgeBy::kAll, ""};
            }
            break;
        default:
            break;
        }
        uint64_t known = std::erase_if(entries_, [&purge](const auto& item) {
            return matches(purge, item.second);
        });
        uint64_t before = store_.stats().entries;
        auto gone = store_.purge(purge.by, purge.value);
        ASSERT_TRUE(gone.ok());
        EXPECT_LE(*gone, known);  // some were evicted
        EXPECT_EQ(before - store_.stats().entries, *gone);
        purges_since_.push_back(purge);
    }

    Store& store_;
    std::mt19937 random_;
    std::map<uint64_t, ModelEntry> entries_;
    std::vector<Purged> purges_since_;  // since old_sequence_ was read
    uint64_t old_sequence_ = 0;
    double now_ = 1000;
    uint64_t hits_ = 0;
    uint64_t lost_ = 0;
};

void run(size_t zone_size, uint32_t seed, uint64_t& hits, uint64_t& lost) {
    Zone zone(zone_size, 8192);
    Model model(zone.store(), seed);
    for (int i = 0; i < 20000; i++) {
        model.step();
        if (i % 1000 == 0) {
            auto checked = zone->check();
            ASSERT_TRUE(checked.ok()) << checked.error().message;
        }
        if (::testing::Test::HasFailure()) {
            FAIL() << "seed " << seed << " step " << i;
        }
    }
    hits += model.hits();
    lost += model.misses_of_known();
}

TEST(StoreModel, RoomyZoneLosesNothing) {
    uint64_t hits = 0;
    uint64_t lost = 0;
    for (uint32_t seed = 1; seed <= 5; seed++) {
        run(8 << 20, seed, hits, lost);
    }
    EXPECT_GT(hits, 10000u);
    EXPECT_EQ(lost, 0u);
}

TEST(StoreModel, TightZoneLosesButNeverLies) {
    uint64_t hits = 0;
    uint64_t lost = 0;
    for (uint32_t seed = 10; seed <= 15; seed++) {
        run(192 << 10, seed, hits, lost);
    }
    EXPECT_GT(hits, 5000u);
    EXPECT_GT(lost, 1000u);
}

}  // namespace
}  // namespace llm::cache
