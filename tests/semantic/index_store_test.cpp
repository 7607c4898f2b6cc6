// A vector goes with its entry, whatever makes the entry go.
#include "src/semantic/index_store.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/cache/store_zone.hpp"
#include "tests/semantic/index_zone.hpp"
#include "tests/shm/killed.hpp"

namespace llm::semantic {
namespace {

using cache::PurgeBy;
using cache::Store;

class IndexStore : public testing::Test {
protected:
    IndexStore() : code_(vector_code()) { join(store_.store(), *index_); }

    static Code vector_code() {
        std::mt19937 random(1);
        return code_of(random_vector(random, 384));
    }

    // Stores an answer of that size with a vector.
    InsertResult put(uint64_t key, size_t size = 500, int64_t ttl_s = 3600,
                     Bytes tag = "", Bytes tenant = "") {
        cache::EntryMeta meta;
        meta.ttl_s = ttl_s;
        meta.tenant = tenant;
        if (!tag.empty()) {
            meta.tags = {&tag, 1};
        }
        auto stored = cache::put(store_.store(), cache::key_of(key),
                                 cache::body_of(key, size), meta, kNow);
        EXPECT_EQ(stored.status, cache::Put::kStored);
        last_ = stored.id;
        return insert(stored.id, ttl_s);
    }

    InsertResult insert(const cache::EntryId& id, int64_t ttl_s = 3600) {
        NewVector vector;
        vector.partition = partition_of(1);
        vector.entry = id;
        vector.ttl_s = ttl_s;
        return insert_for_entry(store_.store(), *index_, vector, code_, kNow);
    }

    // As a request does it: the nearest ones, then their answers.
    size_t served() {
        size_t hits = 0;
        for (const Candidate& each : find(*index_, 1, code_)) {
            hits += cache::get(store_.store(), each.entry, kNow).hit() ? 1
                                                                       : 0;
        }
        return hits;
    }

    void expect_sound() {
        EXPECT_TRUE(index_->check().ok()) << index_->check().error().message;
        EXPECT_TRUE(store_->check().ok());
    }

    cache::Zone store_{2 << 20};
    IndexZone index_{4 << 20};
    Code code_;
    cache::EntryId last_;
};

TEST_F(IndexStore, ACandidateNamesItsEntry) {
    ASSERT_EQ(put(1).status, Insert::kStored);
    auto found = find(*index_, 1, code_);
    ASSERT_EQ(found.size(), 1u);
    auto got = cache::get(store_.store(), found[0].entry, kNow);
    EXPECT_EQ(got.body, cache::body_of(1, 500));
}

TEST_F(IndexStore, PurgedByTagTenantEntryOrAll) {
    put(1, 500, 3600, "blue");
    put(2, 500, 3600, "", "acme");
    put(3);
    cache::EntryId third = last_;
    put(4);
    EXPECT_EQ(served(), 4u);
    EXPECT_TRUE(store_->purge(PurgeBy::kTag, "blue").ok());
    EXPECT_EQ(index_->stats().vectors, 3u);
    EXPECT_TRUE(store_->purge(PurgeBy::kTenant, "acme").ok());
    EXPECT_EQ(index_->stats().vectors, 2u);
    EXPECT_TRUE(
        store_->purge(PurgeBy::kEntry, store_->id_text(third)).ok());
    EXPECT_EQ(index_->stats().vectors, 1u);
    EXPECT_TRUE(store_->purge(PurgeBy::kAll, "").ok());
    // A shard is emptied at once; the vector is dropped when it is met.
    EXPECT_EQ(served(), 0u);
    EXPECT_EQ(index_->stats().vectors, 0u);
    expect_sound();
}

TEST_F(IndexStore, ReplacedUnderItsKey) {
    put(1);
    put(1);
    EXPECT_EQ(index_->stats().vectors, 1u);
    EXPECT_EQ(served(), 1u);
}

TEST_F(IndexStore, EvictedFromTheStore) {
    for (uint64_t key = 0; key < 5000; key++) {
        put(key, 900);
    }
    EXPECT_GT(store_->stats().evictions, 2000u);
    EXPECT_EQ(index_->stats().vectors, store_->stats().entries);
    EXPECT_EQ(index_->stats().evictions, 0u);
    expect_sound();
}

TEST_F(IndexStore, TooLateForItsEntry) {
    put(1);
    cache::EntryId gone = last_;
    put(1);
    EXPECT_EQ(insert(gone).status, Insert::kDead);
    EXPECT_EQ(insert({9999, 1, 1}).status, Insert::kDead);
    EXPECT_EQ(index_->stats().vectors, 1u);
}

TEST_F(IndexStore, MayStandIsTrueOfWhatStands) {
    put(1);
    EXPECT_TRUE(store_->may_stand(last_));
    cache::EntryId other = last_;
    other.generation++;
    EXPECT_FALSE(store_->may_stand(other));
    EXPECT_FALSE(store_->may_stand({0, 0xfffffff0, 1}));
    EXPECT_FALSE(store_->may_stand({64, 0, 1}));
    EXPECT_TRUE(store_->purge(PurgeBy::kAll, "").ok());
    EXPECT_FALSE(store_->may_stand(last_));
}

// The index is full long before the store: places are reused, and an entry
// whose vector was evicted does not take another's along.
TEST_F(IndexStore, AnEvictedVectorIsNotErasedTwice) {
    IndexZone small(Index::min_size());
    join(store_.store(), *small);
    NewVector vector;
    vector.partition = partition_of(1);
    vector.ttl_s = 3600;
    for (uint64_t key = 0; key < 5000; key++) {
        auto stored = cache::put(store_.store(), cache::key_of(key % 700),
                                 cache::body_of(key, 100), {}, kNow);
        vector.entry = stored.id;
        ASSERT_EQ(insert_for_entry(store_.store(), *small, vector, code_,
                                   kNow)
                      .status,
                  Insert::kStored);
        if (key % 500 == 0) {
            ASSERT_TRUE(small->check().ok());
        }
    }
    EXPECT_GT(small->stats().evictions, 100u);
    EXPECT_GT(small->stats().vectors, 200u);
    join(store_.store(), *index_);
    expect_sound();
}

// Fault case 58: workers die with one lock or both.
TEST_F(IndexStore, BearsDeathsAtRandomInstants) {
    alarm(60);  // a lost lock ends here
    auto start = [&](uint32_t seed) {
        pid_t pid = test::fork_child();
        if (pid == 0) {
            std::mt19937 random(seed);
            for (;;) {
                uint64_t key = random() % 3000;
                auto stored = cache::put(
                    store_.store(), cache::key_of(key),
                    cache::body_of(key, 200 + random() % 1500), {}, kNow);
                if (stored.status == cache::Put::kStored) {
                    insert(stored.id);
                }
                if (random() % 50 == 0) {
                    served();
                }
                if (random() % 1000 == 0) {
                    (void)store_->purge(PurgeBy::kAll, "");
                }
            }
        }
        return pid;
    };
    std::mt19937 random(21);
    pid_t workers[] = {start(1), start(2), start(3)};
    for (int round = 0; round < 80; round++) {
        std::this_thread::sleep_for(
            std::chrono::microseconds(random() % 6000));
        pid_t& pid = workers[random() % 3];
        kill(pid, SIGKILL);
        int status = 0;
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        ASSERT_TRUE(WIFSIGNALED(status));
        pid = start(random());
    }
    for (pid_t pid : workers) {
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
    }
    expect_sound();
    // Whoever was killed between two steps left a vector without an entry
    // at most, and those go when they are met.
    while (index_->sweep(100000, kNow) > 0) {
    }
    EXPECT_LE(index_->stats().vectors, store_->stats().entries);
    EXPECT_GT(index_->stats().vectors, 0u);
    expect_sound();
    alarm(0);
}

}  // namespace
}  // namespace llm::semantic
