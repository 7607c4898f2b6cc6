// Under a lock in the zone no memory is asked for: who died in the allocator,
// or waited for it, would hold up every process. Fault case 60.
//
// The test's own pthread_mutex_lock and operator new stand in front of the
// library's and count.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include "tests/cache/store_zone.hpp"
#include "tests/limit/ledger_region.hpp"
#include "tests/operator_new.hpp"
#include "tests/route/cooldown_region.hpp"

namespace {

thread_local int held = 0;       // robust locks
thread_local int locks = 0;      // taken since the test began
thread_local int allocated = 0;  // times, under one

bool is_robust(const pthread_mutex_t* mutex) {
    constexpr int kRobust = 16;  // glibc's PTHREAD_MUTEX_ROBUST_NORMAL_NP
    return (mutex->__data.__kind & kRobust) != 0;
}

using Call = int (*)(pthread_mutex_t*);

Call next(const char* name) {
    return reinterpret_cast<Call>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
    static const Call lock = next("pthread_mutex_lock");
    int rc = lock(mutex);
    if (is_robust(mutex)) {
        held++;
        locks++;
    }
    return rc;
}

extern "C" int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
    static const Call unlock = next("pthread_mutex_unlock");
    held -= is_robust(mutex) ? 1 : 0;
    return unlock(mutex);
}

void llm::test::on_allocation() noexcept {
    allocated += held > 0 ? 1 : 0;
}

namespace llm {
namespace {

class Locks : public testing::Test {
protected:
    void SetUp() override {
        locks = 0;
        allocated = 0;
    }
    void TearDown() override {
        EXPECT_GT(locks, 0) << "nothing was locked: this counts nothing";
        EXPECT_EQ(allocated, 0);
        EXPECT_EQ(held, 0);
    }
};

TEST_F(Locks, TheCountersCount) {
    shm::RobustMutex mutex;
    ASSERT_TRUE(mutex.init().ok());
    {
        shm::RobustMutex::Guard guard(mutex);
        std::string long_enough(100, 'x');
        EXPECT_EQ(held, 1);
    }
    EXPECT_EQ(allocated, 1);
    allocated = 0;
}

TEST_F(Locks, OfTheLedger) {
    limit::Zone zone({64, 4, nullptr});
    limit::Ledger& ledger = zone.ledger;
    std::vector<limit::SavedAccount> saved;
    for (int i = 0; i < 200; i++) {
        Now now = limit::at(i);
        std::string who = std::to_string(i);
        limit::Demand demands[] = {
            zone.requests(who, 1, {1, limit::kSecond}),
            zone.tokens(who, 5, 10, {1, limit::kSecond}),
            zone.concurrency("all", 3),
            zone.budget(who, 5, 10)};
        auto one = ledger.reserve(demands, limit::kMe, limit::kSecond, now);
        (void) ledger.reserve(demands, limit::kMe, limit::kSecond, now);
        (void) ledger.peek(demands, now);
        (void) ledger.sweep(4, now);
        if (!one.ok()) {
            continue;
        }
        int64_t more[] = {-1, 7, -1, 20};
        (void) ledger.extend(one->reservation, limit::kSecond, more, now);
        int64_t used[] = {0, 9, 0, 12};
        (void) ledger.charge(demands, used, now);
        if (i % 3 == 0) {
            (void) ledger.release(one->reservation, now);
        } else if (i % 3 == 1) {
            (void) ledger.settle(one->reservation, {}, now);
            (void) ledger.settle(one->reservation, used, now);
            (void) ledger.extend(one->reservation, limit::kSecond, {}, now);
        }
    }
    (void) ledger.expire_owner(limit::kMe, limit::at(500));
    (void) ledger.save(0, 64, saved, limit::at(500));
    EXPECT_FALSE(saved.empty());
    (void) ledger.stats();
    limit::Zone smaller({32, 1, nullptr});
    (void) ledger.copy_to(smaller.ledger, limit::at(200));
    limit::Zone larger({256, 64, nullptr});
    EXPECT_TRUE(ledger.copy_to(larger.ledger, limit::at(200)).ok());
}

TEST_F(Locks, OfTheCooldown) {
    route::CooldownRegion region;
    for (int i = 0; i < 200; i++) {
        std::string provider = "p" + std::to_string(i % 3);
        auto answer = region.cooldown.admit(provider, "m", route::at(i));
        (void) region.cooldown.report(answer.pass,
                                      i % 4 == 0 ? route::Fault::kNone
                                                 : route::Fault::kServer,
                                      std::nullopt, route::at(i));
        (void) region.cooldown.look(provider, "", route::at(i));
    }
    region.cooldown.forget("p1");
    (void) region.cooldown.stats(route::at(300));
}

// Memory for a hit comes from whoever asks. Where there is none, no lock is
// left behind.
TEST_F(Locks, OfTheCache) {
    cache::Zone zone(1 << 20, 4096);
    std::string room(4096, '\0');
    for (size_t i = 0; i < 3000; i++) {
        Digest key = cache::key_of(i % 1500);
        (void) cache::put(zone.store(), key, cache::body_of(i, i % 4096));
        cache::Lookup found = zone->lookup(
            key, cache::at(100),
            [&](size_t) { return i % 2 == 0 ? room.data() : nullptr; });
        EXPECT_EQ(found.hit(), i % 2 == 0) << i;
        if (found.hit() && i % 8 == 0) {
            std::string id = zone->id_text(found.id);
            EXPECT_TRUE(zone->purge(cache::PurgeBy::kEntry, id).ok());
        }
    }
    (void) zone->stats();
}

}  // namespace
}  // namespace llm
