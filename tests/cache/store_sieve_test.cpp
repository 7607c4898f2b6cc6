// Who goes when the store is full, beside SIEVE as its paper has it: a list
// and a hand, and nothing else.
#include <gtest/gtest.h>

#include <list>
#include <map>
#include <random>

#include "tests/cache/store_zone.hpp"

namespace llm::cache {
namespace {

// The hand passes over no more than so many of those that were of use.
constexpr int kMostPassed = 64;

class Sieve {
public:
    void hit(uint64_t key) { at(key)->visited = true; }
    bool has(uint64_t key) const { return places_.contains(key); }

    void add(uint64_t key) {
        queue_.push_back({key, false});
        places_[key] = std::prev(queue_.end());
    }
    void remove(uint64_t key) {
        auto place = at(key);
        bool under_hand = hand_ == place;
        auto next = queue_.erase(place);
        if (under_hand) {
            hand_ = next;
        }
        places_.erase(key);
    }
    uint64_t evict() {
        for (int passed = 0;; passed++) {
            if (hand_ == queue_.end()) {
                hand_ = queue_.begin();
            }
            if (!hand_->visited || passed == kMostPassed) {
                uint64_t key = hand_->key;
                remove(key);
                return key;
            }
            hand_->visited = false;
            ++hand_;
        }
    }

private:
    struct Entry {
        uint64_t key;
        bool visited;
    };
    using Queue = std::list<Entry>;

    Queue::iterator at(uint64_t key) { return places_.at(key); }

    Queue queue_;  // the oldest first
    std::map<uint64_t, Queue::iterator> places_;
    Queue::iterator hand_ = queue_.end();
};

// Of one size, so that each that comes puts one out.
void play(uint32_t seed, uint32_t keys, uint32_t hits_of_100) {
    Zone zone(1 << 20, 4000);
    ASSERT_EQ(zone->shards(), 1u);
    Sieve sieve;
    std::mt19937 random(seed);
    std::string body = body_of(1, 3000);
    uint64_t evictions = 0;
    for (int step = 0; step < 20000; step++) {
        // Half of all that is asked for is a tenth of the keys.
        uint64_t key = random() % (random() % 2 == 0 ? keys / 10 : keys);
        if (random() % 100 < hits_of_100 && sieve.has(key)) {
            ASSERT_TRUE(get(zone.store(), key_of(key)).hit());
            sieve.hit(key);
            continue;
        }
        if (sieve.has(key)) {
            sieve.remove(key);
        }
        PutResult made = put(zone.store(), key_of(key), body);
        ASSERT_EQ(made.status, Put::kStored);
        if (zone->stats().evictions > evictions) {
            evictions++;
            uint64_t gone = sieve.evict();
            ASSERT_FALSE(get(zone.store(), key_of(gone)).hit())
                << seed << ", step " << step;
            ASSERT_TRUE(zone->exists(made.id));
        }
        ASSERT_EQ(zone->stats().evictions, evictions);
        sieve.add(key);
    }
    EXPECT_GT(evictions, 1000u);
    for (uint64_t key = 0; key < keys; key++) {
        ASSERT_EQ(get(zone.store(), key_of(key)).hit(), sieve.has(key));
    }
}

TEST(StoreSieve, PutsOutWhomSievePutsOut) {
    play(1, 1000, 60);
    play(2, 400, 90);
    play(3, 5000, 30);
}

// Nearly all are of use, so the hand's patience ends.
TEST(StoreSieve, PassesOverABoundedNumber) { play(4, 360, 97); }

}  // namespace
}  // namespace llm::cache
